// What the Crashdump Support Test drives: a system that can be configured, crashed, restarted and asked for evidence.
// Declared here because the test is its user; the embedded Windows-shaped system implements it.
import type { ByteSource, Gpa, Gva, PageSet, PhysicalSpace } from '@dumpstack/bytes'
import type { SymbolRequest } from '@dumpstack/debugger'
import type { ProductType } from '@dumpstack/nt'

/** Dump types of the test, by its own words; the profile says which DUMP_HEADER64.DumpType each one is. */
export const DUMP_TYPES = ['full', 'kernel', 'mini'] as const
export type DumpType = (typeof DUMP_TYPES)[number]

/** What a scenario changes in the system under test; {} is a healthy system. */
export interface TargetConditions {
  /** The dump miniport itself faults (second bugcheck) before the header is written, or half-way through the body. */
  readonly miniportFault?: 'beforeHeader' | 'midBody'
  /** The copy of the dump stays locked for this long (virtual milliseconds) after the restart. */
  readonly copyLockedMs?: number
  /** The dump stack fails to write: the page file holds no dump at the restart. */
  readonly dumpNeverWritten?: boolean
  /** WerFault's copy fails after `copyLockedMs`; the .tmp file stays. */
  readonly copyFails?: boolean
  /** Free bytes on C:, instead of what the volume really has. */
  readonly freeBytesOnC?: number
  /** Instead of what the profile has. */
  readonly productType?: ProductType
  readonly isDomainMember?: boolean
  /** CrashControl\AlwaysKeepMemoryDump before the test, which leaves it alone. */
  readonly alwaysKeepMemoryDump?: boolean
  /** An old MEMORY.DMP exists, deleting it fails, and the crash leaves no new one. */
  readonly staleDump?: boolean
  /** The copy of the dump ends half-way, and nobody says so. */
  readonly dumpCutOff?: boolean
  /** The crash dump stack sits on a second controller that reaches the same disk. */
  readonly otherController?: boolean
}

export type EventSource =
  | 'volmgr'
  | 'Microsoft-Windows-WER-SystemErrorReporting'
  | 'Microsoft-Windows-Kernel-Power'
  | 'EventLog'
export interface SystemEvent {
  readonly id: number
  /** Its provider. */
  readonly source: EventSource
  /** The provider's EventSourceName, where it has one: what event viewers list as the source. */
  readonly eventSourceName?: 'BugCheck'
  /** Virtual milliseconds since 1970. */
  readonly at: number
  readonly text: string
  readonly fields: Readonly<Record<string, string>>
}

/** A dump-mode rule (DM-nn) that a driver broke, or the fault that ended the dump. */
export interface SourceLine {
  readonly file: string
  readonly line: number
}
export interface Violation {
  readonly rule: string
  /** The call or access: `StorPortIssueDpc`. */
  readonly call: string
  readonly message: string
  readonly driver: string
  /** Address of the caller or of the access; image offset when known. */
  readonly address: string
  readonly offset?: string
  readonly irql: string
  /** Virtual nanoseconds. */
  readonly atNs: number
  /** Of a driver whose code runs: what the call was given, and the stack with names, innermost first. */
  readonly arguments?: readonly string[]
  /** Its code at the address, in hexadecimal. */
  readonly bytes?: string
  readonly stack?: readonly string[]
  /** The line of the address, where the driver's PDB has it. */
  readonly source?: SourceLine
  /** The command that shows it again: the test adds it, who knows its own options. */
  readonly repro?: string
}

export interface Bugcheck {
  readonly code: number
  readonly parameters: readonly [bigint, bigint, bigint, bigint]
}

export interface StackRow {
  readonly nameOnDisk: string
  readonly baseName: string
  readonly base: bigint
  readonly size: number
  readonly purpose: string
  readonly state: 'loaded' | 'unloaded'
}

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

export interface CrashReport {
  /** As the blue screen shows it: a second bugcheck replaces the first. */
  readonly shown: Bugcheck
  readonly screen: readonly string[]
  /** The dump's own NTSTATUS: nt!IopFinalCrashDumpStatus. */
  readonly finalStatus: number
  readonly bytesWritten: number
  /** One line: what ended the dump early, where the dump stack knows it. */
  readonly failure?: string
  /** What the target does not model, as an error code: the failure is nobody's, and this dump cannot be judged. */
  readonly notJudged?: string
  /** Host seconds from OpenRoutine to FinishRoutine. */
  readonly seconds: number
  /** Virtual milliseconds since 1970 at KeBugCheckEx. */
  readonly crashedAt: number
  readonly violations: readonly Violation[]
  readonly inFlight: InFlightCommands
}

/** What the disk was busy with when the system crashed. */
export interface InFlightCommands {
  /** In the controller when the storage stack froze. */
  readonly commands: number
  /** Of them, those whose data moved after the crash all the same, by the DMA log. */
  readonly completed: number
  /** Disk offsets of writes that did not complete and whose sectors changed nevertheless. */
  readonly leaked: readonly number[]
}

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

/** An image file of the system and the PDB that belongs to it. */
export type ImageIdentity = Omit<SymbolRequest, 'matches'>

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
  /** Pages of anybody else whose bytes changed after the crash; a healthy dump leaves none. */
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

export type Progress = (percent: number) => void

export interface OpenedDump {
  readonly source: ByteSource
  /** The path that Windows would show. */
  readonly path: string
  /** Virtual milliseconds since 1970 of the file's last write. */
  readonly modifiedAt: number
}

/** Raised by openDump as a Windows program would see it: 0x80070002, 0x80070020. */
export class DumpOpenError extends Error {
  readonly hresult: number
  constructor(hresult: number, path: string) {
    super(`cannot open ${path}: HRESULT 0x${hresult.toString(16).toUpperCase()}`)
    this.name = 'DumpOpenError'
    this.hresult = hresult
  }
}

/** By its shape: a target that takes this room as types only throws an error class of its own. */
export const isDumpOpenError = (error: unknown): error is DumpOpenError =>
  error instanceof Error && 'hresult' in error && typeof error.hresult === 'number'

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
   * Switches the system off: shut down in order, or as the crash left it. What the next start goes by, besides what lies
   * in the run folder, as JSON: prepare('restart') and awaitRestart start the system again, here or in another process.
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
  /** `stopped`: another process goes on, nothing that it needs is removed. */
  close(end?: 'over' | 'stopped'): void
}
