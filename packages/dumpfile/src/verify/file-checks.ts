// Checks of a dump with a physical body that need no page of it: size, counts, bitmap, runs. File size comes first: readers
// that trust the counts open a dump of which nothing is left.
import { hex, PAGE_SIZE, type PageNumbers, type PageRun, pagesInRuns, pfn } from '@dumpstack/bytes'
import { HeaderDumpType } from '@dumpstack/nt'
import type { BitmapBody } from '../bitmap-body.ts'
import type { DumpBody } from '../body.ts'
import { DumpError } from '../dump-error.ts'
import { ATTRIBUTE_INSUFFICIENT_DUMPFILE_SIZE, DumpHeader64, PAGE_FILL_32, PAGE_FILL_64 } from '../layouts.ts'
import type { OpenedDump } from '../open-dump.ts'
import { RunBody, readHeaderRuns } from '../run-body.ts'
import type { Checks } from './checks.ts'
import { checkHeader } from './header-checks.ts'
import { checkSecondaryData } from './secondary-checks.ts'

export function checkFile(checks: Checks, dump: OpenedDump, body: DumpBody): void {
  checkSize(checks, dump, body)
  checkWriterStatus(checks, dump)
  checkAttributes(checks, dump)
  checkRequiredSpace(checks, dump, body)
  const runs = checkRuns(checks, dump)
  if ('bitmapOffset' in body) checkBitmap(checks, body as BitmapBody, runs) // only bitmap bodies have that field
  checkHeader(checks, dump)
  if (dump.byteLength > bodyEnd(body)) checkSecondaryData(checks, dump, bodyEnd(body))
}

const bodyEnd = (body: DumpBody): number => body.firstPageOffset + body.statedPageCount * PAGE_SIZE

/** Documented: the pages follow each other from the first on (every independent reader finds them so). */
function checkSize(checks: Checks, dump: OpenedDump, body: DumpBody): void {
  const expected = bodyEnd(body)
  const pages = `${body.statedPageCount} pages from offset ${hex(body.firstPageOffset)} on`
  if (dump.byteLength < expected) {
    const missing = Math.ceil((expected - dump.byteLength) / PAGE_SIZE)
    checks.fail('file-size', `the file is too short for ${pages}, ${missing} pages are missing`, {
      offset: dump.byteLength,
      found: dump.byteLength,
      expected,
    })
    return
  }
  const more = dump.byteLength - expected
  const held = `${hex(dump.byteLength)} bytes hold ${pages}`
  checks.pass('file-size', more === 0 ? held : `${held}, ${hex(more)} bytes follow`)
}

/**
 * WriterStatus: 0 is success. The fill says nothing: genuine complete dumps of 8.1 and 10 (two printed headers) and a
 * genuine minidump of 17763 have it. Other values are those of writers that came to an end and say how it went: dbgeng
 * leaves 1 and 2 where it found no module list, one source.
 */
function checkWriterStatus(checks: Checks, dump: OpenedDump): void {
  const id = 'writer-status'
  const { writerStatus } = DumpHeader64.of(dump.headerBytes)
  const { offset } = DumpHeader64.fields.writerStatus
  if (writerStatus === PAGE_FILL_32) checks.pass(id, 'the writer left the status unset, as Windows can')
  else if (writerStatus === 0) checks.pass(id, 'writer status is 0x0')
  else checks.fail(id, 'writer status is an error', { offset, found: writerStatus, expected: 0 })
}

/** Documented by name: the page file was too small for the dump, so that pages of it are missing. */
function checkAttributes(checks: Checks, dump: OpenedDump): void {
  const { attributes } = dump.header
  if ((attributes & ATTRIBUTE_INSUFFICIENT_DUMPFILE_SIZE) !== 0) {
    checks.fail(
      'attributes',
      'attributes say InsufficientDumpfileSize: the page file was too small for this dump',
      {
        offset: DumpHeader64.fields.attributes.offset,
        found: attributes,
        expected: attributes & ~ATTRIBUTE_INSUFFICIENT_DUMPFILE_SIZE,
      },
    )
    return
  }
  checks.pass('attributes', `attributes are ${hex(attributes)}`)
}

/** No reader goes by it, and in genuine minidumps it can be larger than the file (three of eight): only remarks. */
function checkRequiredSpace(checks: Checks, dump: OpenedDump, body: DumpBody): void {
  const id = 'required-space'
  const found = dump.header.requiredDumpSpace
  const offset = DumpHeader64.fields.requiredDumpSpace.offset
  const end = bodyEnd(body)
  if (found === PAGE_FILL_64) checks.remark(id, 'required dump space is not set', { offset })
  else if (found < BigInt(end)) {
    checks.remark(id, 'required dump space is less than header and pages take', {
      offset,
      found,
      expected: end,
    })
  } else if (found > BigInt(dump.byteLength)) {
    checks.remark(id, 'required dump space is more than the file has', {
      offset,
      found,
      expected: dump.byteLength,
    })
  } else {
    checks.pass(id, `required dump space is ${hex(found)}`)
  }
}

/**
 * The runs of the header; null where it has none to judge by. In a dump of type 1 they say where each page lies: one page
 * at two places, or a count that contradicts them, leads readers astray. Other types have their own list, and tools leave
 * anything in the descriptor (dumps of third parties): there it is a remark.
 */
function checkRuns(checks: Checks, dump: OpenedDump): readonly PageRun[] | null {
  const id = 'runs'
  const decides = dump.header.dumpType === HeaderDumpType.full
  const complain = decides ? checks.fail.bind(checks) : checks.remark.bind(checks)
  let runs: readonly PageRun[] | null
  try {
    runs = readHeaderRuns(dump.headerBytes)
  } catch (error) {
    if (!(error instanceof DumpError)) throw error
    complain(id, error.message)
    return null
  }
  if (runs === null) {
    checks.pass(id, 'the header has no physical memory descriptor, the list of pages says it all')
    return null
  }
  const ascending = [...runs.entries()].sort(([, a], [, b]) => a.basePage - b.basePage)
  for (let i = 1; i < ascending.length; i++) {
    const [[, before], [index, run]] = [ascending[i - 1]!, ascending[i]!]
    if (run.basePage >= before.basePage + before.pageCount) continue
    complain(id, `run ${index} starts before the end of the run before it`, {
      offset: 0x98 + index * 0x10,
      found: run.basePage,
      expected: `at least ${hex(before.basePage + before.pageCount)}`,
    })
    return null
  }
  const stated = DumpHeader64.of(dump.headerBytes).physicalMemoryBlock.numberOfPages
  const total = pagesInRuns(runs)
  const what = `number of pages in ${runs.length} runs`
  if (stated !== BigInt(total)) {
    complain(id, `${what} differs`, { offset: 0x90, found: stated, expected: total })
    return null
  }
  checks.pass(id, `${what} is ${hex(stated)}`)
  return runs
}

/**
 * Documented: the number of pages is the number of bits set (one genuine live dump, and every independent reader; where
 * they differ, pages lie elsewhere than one of the two says). Runs and bitmap need not agree: the bitmap decides.
 */
function checkBitmap(checks: Checks, body: BitmapBody, runs: readonly PageRun[] | null): void {
  const population = 'number of pages, by the bits set in the bitmap,'
  const { pages, statedPageCount, pageCountOffset, bitCount, bitCountOffset, bitmapOffset } = body
  if (pages.size === statedPageCount) {
    checks.pass('bitmap-population', `${population} is ${hex(statedPageCount)}`)
  } else {
    checks.fail('bitmap-population', `${population} differs`, {
      offset: pageCountOffset,
      found: statedPageCount,
      expected: pages.size,
    })
  }
  if (runs === null) {
    checks.pass('bitmap-runs', `the bitmap has ${hex(bitCount)} bits, no runs to hold against it`)
    return
  }
  const memory = new RunBody(runs, 0, 0).pages
  if (bitCount < memory.bitCount) {
    checks.remark('bitmap-runs', 'the bitmap is too short for the memory runs', {
      offset: bitCountOffset,
      found: bitCount,
      expected: `at least ${hex(memory.bitCount)}`,
    })
    return
  }
  for (const run of pages.runs()) {
    const outside = firstOutside(run, memory)
    if (outside < 0) continue
    checks.remark('bitmap-runs', `page with pfn ${hex(outside)} is in the bitmap but in no memory run`, {
      offset: bitmapOffset + Math.floor(outside / 8),
      found: outside,
    })
    return
  }
  checks.pass('bitmap-runs', 'every page of the bitmap lies in a memory run')
}

function firstOutside(run: PageRun, memory: PageNumbers): number {
  const end = run.basePage + run.pageCount
  if (memory.rank(pfn(end)) - memory.rank(run.basePage) === run.pageCount) return -1
  for (let page: number = run.basePage; page < end; page++) if (!memory.has(pfn(page))) return page
  return -1
}
