// A crash dump as everything above the format sees it.
import type { ByteSource, Gpa, Gva, PageNumbers, Pfn, PhysicalSpace } from '@dumpstack/bytes'
import type { TriageDump } from './triage/triage-dump.ts'
import type { VirtualSpace } from './virtual-space.ts'

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

export interface Dump {
  readonly header: DumpHeader
  /** DUMP_HEADER64 as it stands in the file. */
  readonly headerBytes: Uint8Array
  readonly source: ByteSource
  readonly byteLength: number
  /** Pages that the dump says it holds; null for types without a physical body. */
  readonly pages: PageNumbers | null
  /** File offset of the first page; -1 for types without a physical body. */
  readonly firstPageOffset: number
  /** File offset of a page; -1 where the dump does not hold it, or not all of it. */
  pageOffset(page: Pfn): number
  readonly physical?: PhysicalSpace
  /** The pools of a minidump, read when first asked for; one that leaves the file is left out and named in its `damage`. */
  readonly triage?: TriageDump
  /**
   * Through the page tables of `dtb`, the header's by default; a minidump has its blocks at their addresses instead.
   * Throws DumpError DUMP_UNSUPPORTED_MACHINE where there are page tables, but not of x64.
   */
  virtual(dtb?: Gpa): VirtualSpace
}
