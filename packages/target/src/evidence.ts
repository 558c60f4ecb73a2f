// What a crash leaves for the judge of its dump: RAM at that instant, what the dump promised, and who wrote each byte of it.
import type { Gpa, Gva, PageSet, PhysicalSpace } from '@dumpstack/bytes'
import type { ImageIdentity } from '@dumpstack/image'
import { type Bugcheck, DUMP_TYPES, type DumpType } from '@dumpstack/nt'
import type { CrashReport } from './crash-report.ts'
import type { SystemEvent } from './system-event.ts'

export { DUMP_TYPES, type DumpType, type ImageIdentity }

/** Bytes of the dump that one device wrote. */
export interface WrittenRange {
  readonly fileOffset: number
  readonly byteLength: number
  /** Controller name from the DMA log; `none` where no transfer reached the bytes. */
  readonly device: string
}

/** Memory that a mini dump must hold, whole: at its address, or as secondary data under a GUID. */
export interface PromisedBlock {
  /** `KPRCB of processor 1`, `KiProcessorBlock`. */
  readonly what: string
  readonly address: Gva
  readonly byteLength: number
  /** GUID of secondary data: the dump gives no address for it. */
  readonly tag?: string
}

export interface Evidence {
  /** RAM at the instant of the crash. */
  readonly truth: PhysicalSpace
  readonly seed: number
  /** Pages that ever were written; all others hold the published fill. */
  readonly used: PageSet
  /** By the owner tags of RAM at the crash, not by what the dump was planned with. Empty for a mini dump: it promises blocks. */
  readonly promised: PageSet
  /** Empty for the types that promise pages. */
  readonly promisedBlocks: readonly PromisedBlock[]
  /** Pages of the dump path that were written after the crash: their bytes cannot be judged. */
  readonly changedByDumpPath: PageSet
  /** Pages of any other owner whose bytes changed after the crash; a healthy dump leaves none. */
  readonly strayWrites: PageSet
  readonly bugcheck: Bugcheck
  /** Names of kernel and dump images that the dump's module list must hold. */
  readonly images: readonly string[]
  /** ntoskrnl.exe and ntdll.dll as they lie on the system's disk: most dumps do not hold which PDBs are theirs. */
  readonly systemImages: readonly ImageIdentity[]
  /** The controller under test. */
  readonly controller: string
  readonly writtenBy: readonly WrittenRange[]
  readonly events: readonly SystemEvent[]
  /** CrashControl\MachineCrash, when smss made it. */
  readonly machineCrash?: { readonly dumpFile: string; readonly tempDestination: number }
  readonly directoryTableBase: Gpa
  readonly dumpType: number
}

/** A crash and what it left for the judge: all that must outlive the process that saw it. */
export interface KeptCrash {
  readonly type: DumpType
  readonly crash: CrashReport
  readonly evidence: Evidence
}
