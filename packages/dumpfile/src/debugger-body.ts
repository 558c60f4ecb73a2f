// Dumps that newer debuggers write (types 8, 9 and A): after `RDMP` a list of page ranges, then their pages in its order.
// The layout is known from one family of readers only (kdmp-parser, MIT): what contradicts it is not read, never damaged.
import { type ByteSource, PAGE_SIZE, type PageRun, pfn } from '@dumpstack/bytes'
import { HeaderDumpType } from '@dumpstack/nt'
import { MAX_PHYSICAL_PAGES } from './body.ts'
import {
  HEADER64_SIZE,
  RDMP_MARKER,
  RDMP_RANGES_OFFSET,
  RdmpHeader,
  SIGNATURE_RDMP,
  VALID_DUMP_DUMP,
} from './layouts.ts'
import { RunBody } from './run-body.ts'

const RANGE_BYTES = 16
const RANGES_PER_READ = 4096

/** Null where the header is not of the layout that is known. */
export function readDebuggerBody(source: ByteSource, dumpType: number): RunBody | null {
  const bytes = new Uint8Array(RdmpHeader.size)
  if (source.read(HEADER64_SIZE, bytes) < bytes.byteLength) return null
  const header = RdmpHeader.of(bytes)
  if (header.marker !== RDMP_MARKER || header.signature !== SIGNATURE_RDMP) return null
  if (header.validDump !== VALID_DUMP_DUMP) return null
  const { metadataSize, firstPageOffset, totalNumberOfPages } = header
  if (metadataSize - 0x20n !== firstPageOffset - 0x2040n) return null
  if (firstPageOffset < BigInt(RDMP_RANGES_OFFSET) || firstPageOffset > BigInt(source.byteLength)) return null
  const firstPage = Number(firstPageOffset) // inside the file
  const isComplete = dumpType === HeaderDumpType.debuggerFull
  const total = isComplete ? totalNumberOfPages : BigInt(MAX_PHYSICAL_PAGES)
  if (total > BigInt(MAX_PHYSICAL_PAGES)) return null
  return readRanges(source, firstPage, Number(total), isComplete)
}

/**
 * The list of a complete dump ends with its total number of pages, can have unused room after it, and may begin with page
 * 0; that of a kernel dump ends with its room or with page 0.
 */
function readRanges(
  source: ByteSource,
  firstPage: number,
  total: number,
  isComplete: boolean,
): RunBody | null {
  const inFile = Math.ceil((source.byteLength - firstPage) / PAGE_SIZE)
  const runs: PageRun[] = []
  let pages = 0
  const chunk = new Uint8Array(RANGES_PER_READ * RANGE_BYTES)
  const view = new DataView(chunk.buffer)
  for (let at = RDMP_RANGES_OFFSET; at + RANGE_BYTES <= firstPage; at += chunk.byteLength) {
    const wanted = Math.min(chunk.byteLength, firstPage - at)
    const got = source.read(at, chunk.subarray(0, wanted))
    for (let row = 0; row + RANGE_BYTES <= got; row += RANGE_BYTES) {
      const base = view.getBigUint64(row, true)
      const count = view.getBigUint64(row + 8, true)
      const isEnd = isComplete ? pages >= total : base === 0n
      if (isEnd) return new RunBody(runs, firstPage, pages)
      if (base + count > BigInt(MAX_PHYSICAL_PAGES)) return null
      const pageCount = Math.min(Number(count), total - pages) // bounded above
      // Ranges past the end of a cut file are counted: their pages are missing wherever they would be.
      if (pages < inFile) runs.push({ basePage: pfn(Number(base)), pageCount }) // bounded above
      pages += pageCount
      if (pages > MAX_PHYSICAL_PAGES) return null
    }
  }
  return isComplete && pages < total ? null : new RunBody(runs, firstPage, pages)
}
