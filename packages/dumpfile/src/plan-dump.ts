import type { Gpa, Gva, PageRun, PageSet } from '@dumpstack/bytes'
import { DumpError } from './dump-error.ts'
import type { DumpPlan } from './plan.ts'

/** What a dump header repeats from the crashed system. */
export interface DumpFacts {
  /** NT build number: 19041. */
  readonly build: number
  readonly processorCount: number
  readonly bugcheckCode: number
  readonly bugcheckParameters: readonly [bigint, bigint, bigint, bigint]
  readonly directoryTableBase: Gpa
  /** Address of the variable nt!MmPfnDatabase. */
  readonly pfnDataBase: Gva
  readonly psLoadedModuleList: Gva
  readonly psActiveProcessHead: Gva
  readonly kdDebuggerDataBlock: Gva
  /** x64 CONTEXT of the crashing processor. */
  readonly contextRecord: Uint8Array
  /** EXCEPTION_RECORD64. */
  readonly exceptionRecord: Uint8Array
  /** FILETIME: 100 ns since 1601. */
  readonly systemTime: bigint
  /** 100 ns units. */
  readonly systemUpTime: bigint
  /** 1 workstation, 2 domain controller, 3 server. */
  readonly productType: number
  readonly suiteMask: number
  readonly physicalMemory: readonly PageRun[]
}

export interface DumpPlanOptions {
  /** DUMP_HEADER64.DumpType: 1 full, 5 full with bitmap, 6 kernel with bitmap. */
  readonly dumpType: 1 | 5 | 6
  readonly facts: DumpFacts
  /** The pages to hold; for type 1 exactly the pages of `facts.physicalMemory`. */
  readonly promised: PageSet
  /** Room for the dump: bytes of the page file. */
  readonly fileByteLength: number
}

export function planDump(_options: DumpPlanOptions): DumpPlan {
  throw new DumpError('DUMP_NOT_IMPLEMENTED', 'planDump is not built yet')
}
