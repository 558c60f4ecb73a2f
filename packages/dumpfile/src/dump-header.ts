// What the header of a crash dump says, whatever the format of the file.
import type { Gpa, Gva } from '@dumpstack/bytes'

/** DUMP_HEADER64.DumpType */
export const DumpType = {
  full: 1,
  summary: 2,
  header: 3,
  triage: 4,
  bitmapFull: 5,
  bitmapKernel: 6,
  automatic: 7,
  debuggerKernel: 8,
  debuggerKernelUser: 9,
  debuggerFull: 10,
} as const

const TYPE_NAMES: Readonly<Record<number, string>> = {
  1: 'full dump',
  2: 'summary dump (Windows 7 and before)',
  3: 'header dump',
  4: 'minidump (triage)',
  5: 'full bitmap dump',
  6: 'kernel bitmap dump',
  7: 'automatic dump',
  8: 'kernel memory dump of a debugger',
  9: 'kernel and user memory dump of a debugger',
  10: 'complete memory dump of a debugger',
}

/** `kernel bitmap dump`; a number without a name says that it is unknown. */
export const dumpTypeName = (dumpType: number): string =>
  TYPE_NAMES[dumpType] ?? `dump of unknown type ${dumpType}`

export interface DumpHeader {
  readonly dumpType: number
  readonly machine: number
  readonly build: number
  readonly processorCount: number
  readonly bugcheckCode: number
  readonly bugcheckParameters: readonly [bigint, bigint, bigint, bigint]
  /** Without PCID and reserved bits. */
  readonly directoryTableBase: Gpa
  readonly psLoadedModuleList: Gva
  readonly psActiveProcessHead: Gva
  readonly kdDebuggerDataBlock: Gva
  /** FILETIME: 100 ns since 1601. */
  readonly systemTime: bigint
  readonly systemUpTime: bigint
  /** DUMP_FILE_ATTRIBUTES; 0 where the word is PAGE fill. */
  readonly attributes: number
  readonly requiredDumpSpace: bigint
}
