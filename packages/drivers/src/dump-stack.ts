// The contract of the crash dump stack: crashdmp broker, filters, dump port, dump miniport. The system loads it at boot
// (twice), gives it the page file's extents, and after KeBugCheckEx lets it write one plan.
import type { DumpPlan } from '@dumpstack/dumpfile'

/** A piece of the page file: file offsets on its left, byte offsets inside the partition on its right. */
export interface PageFileExtent {
  readonly fileOffset: number
  readonly partitionOffset: number
  readonly byteLength: number
}

export interface DumpStackRow {
  readonly nameOnDisk: string
  readonly baseName: string
  readonly base: bigint
  readonly size: number
  readonly purpose: string
  readonly state: 'loaded' | 'unloaded'
}

/** A dump-mode rule that a driver broke, or the fault that ended the dump. Shapes as crashtest's Violation. */
export interface DumpModeViolation {
  readonly rule: string
  readonly call: string
  readonly message: string
  readonly driver: string
  readonly address: string
  readonly offset?: string
  readonly irql: string
  readonly atNs: number
  readonly repro: string
}

export interface DumpWriteReport {
  /** NTSTATUS; 0 is success. nt!IopFinalCrashDumpStatus. */
  readonly finalStatus: number
  readonly bytesWritten: number
  readonly violations: readonly DumpModeViolation[]
  /** A bugcheck raised on the dump path replaces the shown one. */
  readonly secondBugcheck?: { code: number; parameters: readonly [bigint, bigint, bigint, bigint] }
}

export interface CrashDumpStack {
  readonly rows: readonly DumpStackRow[]
  /** Nothing may touch the file system later: the extents are copied now, with a checksum for the integrity gate. */
  setPageFile(extents: readonly PageFileExtent[], partitionOffset: number): void
  /** CrashdmpWrite. Yields bytes written so far at least every 16 MiB; returns the report. */
  write(plan: DumpPlan): Generator<number, DumpWriteReport>
}
