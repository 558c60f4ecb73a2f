// What the header of a crash dump says, whatever the format of the file.
import type { Gpa, Gva } from '@dumpstack/bytes'

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
