// A crash dump as everything above the format sees it.
import type { ByteSource, Gpa, PageNumbers, Pfn, PhysicalSpace } from '@dumpstack/bytes'
import type { DumpHeader } from './dump-header.ts'
import type { TriageDump } from './triage/triage-dump.ts'
import type { VirtualSpace } from './virtual-space.ts'

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
