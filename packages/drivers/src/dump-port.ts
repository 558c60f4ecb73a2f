// The contract of a dump port, which serves the writes of crashdmp after KeBugCheckEx. What passes between the two is what passes on
// Windows: a context in guest RAM, in which the port leaves the addresses of its routines, an MDL there, and an offset.
import type { Gva } from '@dumpstack/bytes'
import type { Profile } from '@dumpstack/nt'
import type { CrashEnvironment } from './crash/environment.ts'
import type { DataWindow } from './data-window.ts'
import type { KernelServices, LoadedImage } from './kernel-services.ts'
import type { GuestBlock } from './miniport.ts'

/** A dump port's file. */
export interface DumpPortImage {
  /** `image`: the copy in RAM that is to run. Fresh globals each time. */
  load(image: LoadedImage): DumpPort
}

/** Nothing is called after a routine that failed. */
export interface DumpPort {
  /** One line: why the last routine failed. */
  readonly failure: string
  /**
   * DriverEntry(NULL, PDUMP_STACK_CONTEXT), and the start of the miniport that is bound to the port: NTSTATUS. After success OpenRoutine,
   * WriteRoutine and FinishRoutine of the context are set.
   */
  driverEntry(context: Gva, imports: DumpPortImports): number
  /** OpenRoutine: whether the disk answers. */
  open(partitionOffset: number): boolean
  /** WriteRoutine: NTSTATUS. `offset` counts from the partition's start; `mdl` is a single one, and is mapped. */
  write(offset: number, mdl: GuestBlock): number
  /**
   * What a port may ask of its miniport and a dump does not: in a check, after the last write, whose data `mdl` holds again. False: the
   * miniport kept a request, and no more can be sent.
   */
  probe(offset: number, mdl: GuestBlock): boolean
  /** FinishRoutine, which returns nothing: the data is flushed, and no SRB follows. */
  finish(): void
}

/** What the system gives to a dump port. */
export interface DumpPortImports {
  /** MmGetPhysicalAddress. */
  readonly kernel: KernelServices
  /** Where crashdmp has mapped the pages of the MDL that is being written. */
  readonly dataWindow: DataWindow
  /** RAM, registers and time, and the miniport under judgement: the port says which of its routines it calls. */
  readonly environment: CrashEnvironment
  /** Limits and order of this version. */
  readonly profile: Profile
}
