// What the Crashdump Support Test drives: a system that can be configured, crashed, restarted and asked for evidence.
import type { ByteSource } from '@dumpstack/bytes'
import type { StackRow } from '@dumpstack/nt'
import type { CrashReport } from './crash-report.ts'
import type { DumpType, Evidence } from './evidence.ts'

/** No system under test has less RAM. */
export const MIN_RAM_BYTES = 64 * 2 ** 20
/** One processor group. */
export const MAX_CPUS = 64

/** The driver file under test, whose code is executed. */
export interface TargetDriver {
  readonly fileName: string
  readonly sha256: string
  readonly byteLength: number
  readonly executed: true
  /** The PDB that the file names, and whether names come from it. */
  readonly pdb: { readonly name: string; readonly identity: string; readonly found: boolean } | null
}

export interface TargetDescription {
  readonly profile: string
  readonly controller: string
  /** Absent: drivers are modelled. */
  readonly driver?: TargetDriver
  readonly seed: number
  readonly cpuCount: number
  readonly ramBytes: number
  readonly pageFileBytes: number
  readonly freeBytesOnC: number
  readonly stack: readonly StackRow[]
}

export type Progress = (percent: number) => void

export interface OpenedDump {
  readonly source: ByteSource
  /** The path that Windows would show. */
  readonly path: string
  /** Virtual milliseconds since 1970 of the file's last write. */
  readonly modifiedAt: number
}

/** Every method takes an AbortSignal and rejects with its reason; times are the target's own clock. */
export interface Target {
  describe(): TargetDescription
  /** Virtual milliseconds since 1970. */
  now(): number
  /** Installs the debuggers and the crash driver, sets the page file, restarts. */
  prepare(step: 'debuggers' | 'crashDriver' | 'pageFile' | 'restart', signal: AbortSignal): Promise<void>
  /** Sets CrashControl for the type and deletes old dumps; false where deleting failed. */
  configure(dump: DumpType, signal: AbortSignal): Promise<{ oldDumpsDeleted: boolean }>
  crash(progress: Progress, signal: AbortSignal): Promise<CrashReport>
  /**
   * Switches the system off: shut down in order, or as the crash left it. Returns as JSON what the next start needs besides
   * the files of the run folder; prepare('restart') and awaitRestart start the system again, here or in another process.
   */
  powerOff(): object
  /** Resets and boots; rejects when the system is not back within `ms` of its own time. */
  awaitRestart(ms: number, progress: Progress, signal: AbortSignal): Promise<void>
  sleep(ms: number, signal: AbortSignal): Promise<void>
  evidence(): Promise<Evidence>
  /** Where the dump is looked for: C:\Windows\MEMORY.DMP, C:\Windows\Minidump\010124-38234-01.dmp. */
  dumpPath(): string
  /** Opens the file at `dumpPath`; throws DumpOpenError. */
  openDump(): Promise<OpenedDump>
  /** Moves the examined dump into the run folder's place for its type; host path, or null where none exists. */
  keepDump(dump: DumpType): Promise<string | null>
  /** Leaves the disk as the dump driver wrote it, with its extents, in the run folder; host paths. */
  keepDisk(): Promise<readonly string[]>
  /** Puts CrashControl and the page file back as they were. */
  restore(signal: AbortSignal): Promise<void>
  /** `stopped`: another process goes on, and nothing that it needs is removed. */
  close(end?: 'over' | 'stopped'): void
}
