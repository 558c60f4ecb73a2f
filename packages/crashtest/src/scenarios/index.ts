// The table of scenarios: one line each.
import { dumpInUse } from './dump-in-use.ts'
import { lowDiskSpace } from './low-disk-space.ts'
import { noDumpCopyFailed } from './no-dump-copy-failed.ts'
import { noDumpNeverWritten } from './no-dump-never-written.ts'
import { otherController } from './other-controller.ts'
import { pagefileTooSmall } from './pagefile-too-small.ts'
import type { Scenario } from './scenario.ts'
import { staleDump } from './stale-dump.ts'
import { wrongBugcheck } from './wrong-bugcheck.ts'

export const scenarios: readonly Scenario[] = [
  pagefileTooSmall,
  wrongBugcheck,
  dumpInUse,
  noDumpNeverWritten,
  noDumpCopyFailed,
  lowDiskSpace,
  staleDump,
  otherController,
]

export type { Scenario, ScenarioVariant } from './scenario.ts'
