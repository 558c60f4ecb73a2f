// The checks of the examine step, in the order in which they are reported: one line each.
import { asKept } from './as-kept.ts'
import { bugcheck } from './bugcheck.ts'
import { changedByDumpPath } from './changed-by-dump-path.ts'
import type { CrashCheck, DumpCheck } from './check.ts'
import { directoryTableBase } from './directory-table-base.ts'
import { dumpMode } from './dump-mode.ts'
import { dumpType } from './dump-type.ts'
import { finalStatus } from './final-status.ts'
import { images } from './images.ts'
import { newer } from './newer.ts'
import { promisedPages } from './promised-pages.ts'
import { screen } from './screen.ts'
import { structure } from './structure.ts'
import { truth } from './truth.ts'
import { unpromisedPages } from './unpromised-pages.ts'
import { writtenBy } from './written-by.ts'

export const crashChecks: readonly CrashCheck[] = [screen, finalStatus, dumpMode]

export const dumpChecks: readonly DumpCheck[] = [
  newer,
  dumpType,
  bugcheck,
  directoryTableBase,
  structure,
  images,
  promisedPages,
  unpromisedPages,
  truth,
  changedByDumpPath,
  writtenBy,
  asKept,
]
