// A crash dump as everything above the format sees it.
import type { Gpa, Gva, PageSet, Pfn, PhysicalSpace } from '@dumpstack/bytes'
import type { VirtualSpace } from './plan.ts'

/** DUMP_HEADER64.DumpType */
export const DumpType = { full: 1, summary: 2, header: 3, triage: 4, bitmapFull: 5, bitmapKernel: 6 } as const

export interface DumpHeader {
  readonly dumpType: number
  readonly machine: number
  readonly build: number
  readonly processorCount: number
  readonly bugcheckCode: number
  readonly bugcheckParameters: readonly [bigint, bigint, bigint, bigint]
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
  readonly byteLength: number
  /** Pages that the dump says it holds; null for types without a physical body. */
  readonly pages: PageSet | null
  /** File offset of a page; -1 where the dump does not hold it. */
  pageOffset(page: Pfn): number
  readonly physical?: PhysicalSpace
  virtual(dtb?: Gpa): VirtualSpace
}
