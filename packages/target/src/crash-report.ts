// What is known when a crash is over and the dump is written, or is not: the blue screen, the status, the rules that drivers broke.
import type { Bugcheck, DumpModeViolation } from '@dumpstack/nt'

export interface CrashReport {
  /** As the blue screen shows it: a second bugcheck replaces the first. */
  readonly shown: Bugcheck
  readonly screen: readonly string[]
  /** The dump's own NTSTATUS: nt!IopFinalCrashDumpStatus. */
  readonly finalStatus: number
  readonly bytesWritten: number
  /** One line: what ended the dump early, where the dump stack knows it. */
  readonly failure?: string
  /** What the target does not model, as an error code: no driver is to blame for the failure, and this dump cannot be judged. */
  readonly notJudged?: string
  /** Where a driver file ended its dump: a dump of that moment. */
  readonly secondCrash?: SecondCrash
  /** Host seconds from OpenRoutine to FinishRoutine. */
  readonly seconds: number
  /** Virtual milliseconds since 1970 at KeBugCheckEx. */
  readonly crashedAt: number
  readonly violations: readonly DumpModeViolation[]
  readonly inFlight: InFlightCommands
}

/** In the folder of its dump type. */
export const SECOND_CRASH_FILE = 'second-crash.dmp'

/** All of RAM as a driver file left it when it stopped for good, with the registers of its code, for a debugger. */
export interface SecondCrash {
  /** A path of the host. */
  readonly file: string
  /** HwDeviceExtension; null before HwFindAdapter. */
  readonly deviceExtension: bigint | null
}

/** What the disk was busy with when the system crashed. */
export interface InFlightCommands {
  /** In the controller when the storage stack froze. */
  readonly commands: number
  /** The number of them whose data moved after the crash, by the DMA log. */
  readonly completed: number
  /** Disk offsets of writes that did not complete and whose sectors changed nevertheless. */
  readonly leaked: readonly number[]
}
