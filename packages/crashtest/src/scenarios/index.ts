// The table of scenarios: one line each.
import { dumpDropped } from './dump-dropped.ts'
import { dumpInUse } from './dump-in-use.ts'
import { dumpKept } from './dump-kept.ts'
import { lowDiskSpace } from './low-disk-space.ts'
import { noDumpCopyFailed } from './no-dump-copy-failed.ts'
import { noDumpNeverWritten } from './no-dump-never-written.ts'
import { noSymbols } from './no-symbols.ts'
import { otherController } from './other-controller.ts'
import { pagefileTooSmall } from './pagefile-too-small.ts'
import { partialSymbols } from './partial-symbols.ts'
import type { Scenario } from './scenario.ts'
import { staleDump } from './stale-dump.ts'
import { truncatedDump } from './truncated-dump.ts'
import { wrongBugcheck } from './wrong-bugcheck.ts'
import { wrongSymbols } from './wrong-symbols.ts'

export const scenarios: readonly Scenario[] = [
  pagefileTooSmall,
  wrongBugcheck,
  dumpInUse,
  noDumpNeverWritten,
  noDumpCopyFailed,
  dumpDropped,
  dumpKept,
  lowDiskSpace,
  staleDump,
  otherController,
  noSymbols,
  partialSymbols,
  wrongSymbols,
  truncatedDump,
]

export { expectedLines, type Scenario, type ScenarioVariant, type SymbolCondition } from './scenario.ts'
