// The contract of the crash dump stack: crashdmp broker, filters, dump port, dump miniport. The system loads it at boot
// (twice), gives it the page file's extents, and after KeBugCheckEx lets it write one plan.
import type { Pfn } from '@dumpstack/bytes'
import type { DumpPlan } from '@dumpstack/dumpfile'
import type { Machine } from '@dumpstack/machine'
import type { Bugcheck, DumpModeViolation, Profile, StackRow } from '@dumpstack/nt'
import type { DumpTimes } from './crash/dump-pace.ts'
import type { StrayStore } from './crash/environment.ts'
import type { DumpFilterImage } from './dump-filter.ts'
import type { DumpPortImage } from './dump-port.ts'
import type { DumpWriteObserver } from './dump-write-observer.ts'
import type { KernelServices } from './kernel-services.ts'
import type { MiniportImage } from './miniport.ts'
import type { RuntimeStack } from './runtime-stack.ts'

export interface CrashDumpStackOptions {
  readonly machine: Machine
  readonly kernel: KernelServices
  readonly profile: Profile
  /** The stack under the boot disk; its dump pointers say what the dump port inherits. */
  readonly runtime: RuntimeStack
  readonly miniport: MiniportImage
  /** Runs as the profile's dump port; the profile's own unless told otherwise. */
  readonly port?: DumpPortImage
  /** Loaded under the profile's filter row; dumpfve unless told otherwise. */
  readonly filter?: DumpFilterImage
  /** After the last write the port also asks what a dump does not: resets, and SHUTDOWN with data in the cache. */
  readonly probes?: boolean
  /** Told of each write of the dump. */
  readonly onWrite?: DumpWriteObserver
}

/** A piece of the page file: file offsets on its left, byte offsets inside the partition on its right. */
export interface PageFileExtent {
  readonly fileOffset: number
  readonly partitionOffset: number
  readonly byteLength: number
}

export interface DumpWriteReport {
  /** NTSTATUS; 0 is success. nt!IopFinalCrashDumpStatus. */
  readonly finalStatus: number
  readonly bytesWritten: number
  readonly violations: readonly DumpModeViolation[]
  /** By the machine's clock; absent where the stack did not start. */
  readonly times?: DumpTimes
  /** Pages outside the dump path that the miniport's code wrote, and where; absent too where the stack did not start. */
  readonly strayStores?: ReadonlyMap<Pfn, StrayStore>
  /** One line: what ended the dump early. */
  readonly failure?: string
  /** The miniport's routine that it came from, by the kit's name. */
  readonly failedIn?: string
  /** A routine was cut off for the work that it makes: nothing shows that it would not return in the end. */
  readonly isCutOff?: true
  /** What the model lacks, as an error code: no driver is to blame, and the dump cannot be judged. */
  readonly notJudged?: string
  /** A bugcheck raised on the dump path replaces the shown one. */
  readonly secondBugcheck?: Bugcheck
}

export interface CrashDumpStack {
  readonly rows: readonly StackRow[]
  /**
   * The boot device's page file exists: loads the stack a second time, for good. Nothing may touch the file system later:
   * the extents are copied now, with a second copy for the integrity gate. Throws DriversError PAGE_FILE_MAP for extents
   * that overlap, leave the disk or are not whole pages.
   */
  setPageFile(extents: readonly PageFileExtent[], partitionOffset: number): void
  /**
   * CrashdmpWrite. The first value is 0, when OpenRoutine has returned; then the bytes written so far, at least every
   * 16 MiB; it returns after FinishRoutine. Never throws for what a guest driver does.
   */
  write(plan: DumpPlan): Generator<number, DumpWriteReport>
}
