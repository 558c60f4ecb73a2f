// The checks of the examine step, in the order in which they are reported: one line each.
import { addresses } from './addresses.ts'
import { asKept } from './as-kept.ts'
import { asType } from './as-type.ts'
import { blockTruth } from './block-truth.ts'
import { bugcheck } from './bugcheck.ts'
import { bugcheckCode } from './bugcheck-code.ts'
import { changedByDumpPath } from './changed-by-dump-path.ts'
import type { BlockDump, CrashCheck, DumpCheck, LabDumpCheck, PageDump } from './check.ts'
import type { DebuggerCheck } from './debugger-check.ts'
import { directoryTableBase } from './directory-table-base.ts'
import { dumpMode } from './dump-mode.ts'
import { dumpStackListed } from './dump-stack-listed.ts'
import { dumpType } from './dump-type.ts'
import { finalStatus } from './final-status.ts'
import { images } from './images.ts'
import { inFlight } from './in-flight.ts'
import { modules } from './modules.ts'
import { newer } from './newer.ts'
import { objects } from './objects.ts'
import { promisedBlocks } from './promised-blocks.ts'
import { promisedPages } from './promised-pages.ts'
import { screen } from './screen.ts'
import { stack } from './stack.ts'
import { structure } from './structure.ts'
import { symbols } from './symbols.ts'
import { truth } from './truth.ts'
import { unpromisedPages } from './unpromised-pages.ts'
import { writtenBy } from './written-by.ts'

export const crashChecks: readonly CrashCheck[] = [screen, finalStatus, dumpMode, inFlight]

const beforeMemory: readonly DumpCheck[] = [newer, dumpType, bugcheck, directoryTableBase, structure, images]
const afterMemory: readonly DumpCheck[] = [changedByDumpPath, writtenBy, asKept]

export const pageDumpChecks: readonly DumpCheck<PageDump>[] = [
  ...beforeMemory,
  promisedPages,
  unpromisedPages,
  truth,
  ...afterMemory,
]

/** A mini dump promises blocks and no page, so that none can be one too many: a block that was no memory fails the truth. */
export const blockDumpChecks: readonly DumpCheck<BlockDump>[] = [
  ...beforeMemory,
  promisedBlocks,
  blockTruth,
  ...afterMemory,
]

/** Through the debugger, in the order of the kit. */
export const debuggerChecks: readonly DebuggerCheck[] = [symbols, addresses, modules, objects, stack]

/** Of a dump of a crash that need not be one of the test, beside its RAM: neither its code nor its stack is known. */
export const windowsDumpChecks: readonly LabDumpCheck[] = [asType, structure, dumpStackListed]
export const windowsDebuggerChecks = debuggerChecks.filter((check) => check !== stack)

/** The checks of a dump from elsewhere, without evidence of its crash. */
export const labDumpChecks: readonly LabDumpCheck[] = [asType, bugcheckCode, structure, dumpStackListed]
