// Composes a dump of type 1, 5 or 6 from the facts of a crash: header bytes, bitmap, and where each page goes.
// Order and the second write of the header are unverified: what would settle them is a trace of a real crashdmp.sys.
import { endOfRuns, hex, PAGE_SIZE, type PageSet, PageSet as Pages, pagesInRuns, pfn } from '@dumpstack/bytes'
import { HeaderDumpType, type Profile } from '@dumpstack/nt'
import { checkRecords, composeHeader, type DumpFacts, planFailure } from './compose-header.ts'
import { DumpError } from './dump-error.ts'
import {
  ATTRIBUTE_INSUFFICIENT_DUMPFILE_SIZE,
  BITMAP_HEADER_OFFSET,
  BITMAP_OFFSET,
  BitmapHeader,
  HEADER_RUNS_CAPACITY,
  HEADER64_SIZE,
  SIGNATURE_FDMP,
  SIGNATURE_SDMP,
  VALID_DUMP_DUMP,
} from './layouts.ts'
import type { DumpExtent, DumpPlan } from './plan.ts'

export interface DumpPlanOptions {
  readonly dumpType: Profile['dumpTypes']['full' | 'kernel']
  readonly facts: DumpFacts
  /** The pages to hold; for a full dump without a bitmap exactly the pages of `facts.physicalMemory`. */
  readonly promised: PageSet
  /** Room for the dump: bytes of the page file. */
  readonly fileByteLength: number
}

const MAX_EXTENT_BYTES = 0x10_0000
const MAX_EXTENT_PAGES = MAX_EXTENT_BYTES / PAGE_SIZE
/** unverified: whether the header comes once more after the pages. */
const finishedHeaderLast = true

/** Throws DumpError DUMP_PLAN when the facts contradict each other or not even header and bitmap fit the file. */
export function planDump(options: DumpPlanOptions): DumpPlan {
  const { dumpType, facts, promised, fileByteLength } = options
  checkFacts(options)
  const hasBitmap = dumpType !== HeaderDumpType.full
  const bitCount = Math.ceil(endOfRuns(facts.physicalMemory) / 64) * 64
  const firstPage = hasBitmap
    ? Math.ceil((BITMAP_OFFSET + bitCount / 8) / PAGE_SIZE) * PAGE_SIZE
    : HEADER64_SIZE
  const pageCount = promised.size
  const requiredByteLength = firstPage + pageCount * PAGE_SIZE
  if (firstPage > fileByteLength) {
    throw new DumpError(
      'DUMP_PLAN',
      `header and bitmap need ${hex(firstPage)} bytes, the file has ${hex(fileByteLength)}`,
      { firstPage, fileByteLength },
    )
  }
  const truncated = requiredByteLength > fileByteLength
  const storedPages = truncated ? Math.floor((fileByteLength - firstPage) / PAGE_SIZE) : pageCount

  /** Until it is finished, WriterStatus and Attributes keep the fill (unverified: which fields the last write sets). */
  const header = (isFinished: boolean): Uint8Array =>
    composeHeader(facts, {
      dumpType,
      requiredByteLength,
      runs: facts.physicalMemory,
      writerStatus: isFinished ? 0 : null,
      attributes: !isFinished ? null : truncated ? ATTRIBUTE_INSUFFICIENT_DUMPFILE_SIZE : 0,
      miniDumpFields: null,
    })

  function* extents(): Generator<DumpExtent> {
    yield { at: 0, bytes: header(!finishedHeaderLast) }
    if (hasBitmap) {
      const bitmap = composeBitmap(dumpType, promised, bitCount, firstPage)
      for (let at = 0; at < bitmap.byteLength; at += MAX_EXTENT_BYTES) {
        yield { at: BITMAP_HEADER_OFFSET + at, bytes: bitmap.subarray(at, at + MAX_EXTENT_BYTES) }
      }
    }
    let written = 0
    for (const run of promised.runs(MAX_EXTENT_PAGES)) {
      const count = Math.min(run.pageCount, storedPages - written)
      if (count <= 0) break
      yield { at: firstPage + written * PAGE_SIZE, pfn: run.basePage, pageCount: count }
      written += count
    }
    if (finishedHeaderLast) yield { at: 0, bytes: header(true) }
  }

  return {
    byteLength: firstPage + storedPages * PAGE_SIZE,
    requiredByteLength,
    promised,
    truncated,
    extents,
  }
}

function checkFacts({ dumpType, facts, promised }: DumpPlanOptions): void {
  checkRecords(facts)
  const runs = facts.physicalMemory
  for (const [index, run] of runs.entries()) {
    const previous = runs[index - 1]
    if (previous !== undefined && run.basePage < previous.basePage + previous.pageCount) {
      planFailure(`run ${index} at pfn ${hex(run.basePage)} starts before the end of the run before it`)
    }
  }
  if (dumpType === HeaderDumpType.full && runs.length > HEADER_RUNS_CAPACITY) {
    planFailure(`${runs.length} runs do not fit a header of type 1, expected at most ${HEADER_RUNS_CAPACITY}`)
  }
  const memory = Pages.ofRuns(runs, endOfRuns(runs))
  for (const run of promised.runs()) {
    const end = run.basePage + run.pageCount
    if (end > memory.bitCount || memory.rank(pfn(end)) - memory.rank(run.basePage) !== run.pageCount) {
      planFailure(`pages ${hex(run.basePage)}..${hex(end - 1)} are promised but not all of them are RAM`)
    }
  }
  if (dumpType === HeaderDumpType.full && promised.size !== pagesInRuns(runs)) {
    planFailure(`a dump of type 1 holds all ${pagesInRuns(runs)} pages of RAM, promised are ${promised.size}`)
  }
}

/** From BITMAP_HEADER_OFFSET to the first page. */
function composeBitmap(dumpType: number, promised: PageSet, bitCount: number, firstPage: number): Uint8Array {
  const bytes = new Uint8Array(firstPage - BITMAP_HEADER_OFFSET)
  const header = BitmapHeader.of(bytes)
  header.signature = dumpType === HeaderDumpType.bitmapKernel ? SIGNATURE_SDMP : SIGNATURE_FDMP
  header.validDump = VALID_DUMP_DUMP
  header.firstPage = firstPage
  header.totalPresentPages = promised.size
  header.pages = bitCount
  bytes.set(promised.bytes.subarray(0, bitCount / 8), BITMAP_OFFSET - BITMAP_HEADER_OFFSET)
  return bytes
}
