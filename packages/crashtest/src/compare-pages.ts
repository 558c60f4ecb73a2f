// Compares pages of a dump with memory, in pieces of 1 MiB; memory stays flat however large the dump.
import {
  type ByteSource,
  equalBytes,
  hex,
  PAGE_SIZE,
  type PageNumbers,
  type PageRun,
  type Pfn,
  type PhysicalSpace,
  pfn,
  pfnToGpa,
} from '@dumpstack/bytes'
import { CrashtestError } from './errors.ts'

/** The part of a Dump that the comparison needs. */
export interface DumpPages {
  readonly pages: PageNumbers | null
  readonly firstPageOffset: number
  /** -1 where the file does not hold the whole page. */
  pageOffset(page: Pfn): number
}

/** What the pages come to, one by one where they are not equal. */
export interface PageResults {
  equal(pageCount: number): void
  /** The file ends before the page does. */
  cutOff(page: Pfn): void
  /** Both hold the page at `from`; they are used again for the next pages. */
  differs(page: Pfn, found: Uint8Array, expected: Uint8Array, from: number): void
}

export const CHUNK_PAGES = 256

/** `runs` are of at most CHUNK_PAGES pages, all of them in `truth`. Yields the number of pages done, at least every 1 MiB. */
export function* comparePages(
  source: ByteSource,
  dump: DumpPages,
  runs: Iterable<PageRun>,
  truth: PhysicalSpace,
  results: PageResults,
): Generator<number, void> {
  let done = 0
  const found = new Uint8Array(CHUNK_PAGES * PAGE_SIZE)
  const expected = new Uint8Array(CHUNK_PAGES * PAGE_SIZE)
  for (const { basePage, pageCount } of runs) {
    const byteLength = pageCount * PAGE_SIZE
    const [wanted, got] = [expected.subarray(0, byteLength), found.subarray(0, byteLength)]
    const readTruth = truth.read(pfnToGpa(basePage), wanted)
    if (readTruth !== byteLength) {
      throw new CrashtestError(
        'TRUTH_SHORT',
        `truth holds ${readTruth} bytes at pfn ${hex(basePage)}, expected ${byteLength}`,
      )
    }
    const obtained = readPages(source, dump, basePage, pageCount, got)
    if (obtained === byteLength && equalBytes(got, wanted)) {
      results.equal(pageCount)
    } else {
      for (let index = 0; index < pageCount; index++) {
        const page = pfn(basePage + index)
        const from = index * PAGE_SIZE
        const end = from + PAGE_SIZE
        if (obtained < end) results.cutOff(page)
        else if (equalBytes(found.subarray(from, end), expected.subarray(from, end))) results.equal(1)
        else results.differs(page, found, expected, from)
      }
    }
    done += pageCount
    yield done
  }
}

/** Bytes of pages that follow each other, up to the first that is not in the file. */
export function readPages(
  source: ByteSource,
  dump: DumpPages,
  base: Pfn,
  pageCount: number,
  into: Uint8Array,
): number {
  const offset = dump.pageOffset(base)
  const last = dump.pageOffset(pfn(base + pageCount - 1))
  if (offset >= 0 && last === offset + (pageCount - 1) * PAGE_SIZE) return source.read(offset, into)
  for (let index = 0; index < pageCount; index++) {
    const from = index * PAGE_SIZE
    const at = dump.pageOffset(pfn(base + index))
    if (at < 0 || source.read(at, into.subarray(from, from + PAGE_SIZE)) < PAGE_SIZE) return from
  }
  return pageCount * PAGE_SIZE
}

export interface DifferentPage {
  readonly pfn: Pfn
  /** File offset of the page. */
  readonly fileOffset: number
  /** Byte inside the page that differs first. */
  readonly byte: number
  readonly found: number
  readonly expected: number
}

export function firstDifference(
  page: Pfn,
  fileOffset: number,
  found: Uint8Array,
  expected: Uint8Array,
  from: number,
): DifferentPage {
  let byte = 0
  while (byte < PAGE_SIZE - 1 && found[from + byte] === expected[from + byte]) byte++
  return { pfn: page, fileOffset, byte, found: found[from + byte]!, expected: expected[from + byte]! }
}

/** `pfn 0x321 at file offset 0x323000 (byte 0x5: found 0x1, expected 0x81)` */
export const differenceText = (page: DifferentPage): string =>
  `pfn ${hex(page.pfn)} at file offset ${hex(page.fileOffset)} (byte ${hex(page.byte)}: found ${hex(page.found)}, expected ${hex(page.expected)})`

export const differencePlace = (page: DifferentPage) => ({
  pfn: page.pfn,
  fileOffset: page.fileOffset + page.byte,
  found: hex(page.found),
  expected: hex(page.expected),
})
