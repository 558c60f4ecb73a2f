// Dumps with a bitmap of their pages: types 5 and 6, and the summary dumps (type 2) of Windows 7 and before. The bitmap is
// kept in pieces, of which those without a page cost nothing: 24 TiB of physical addresses have 800 MB of it, mostly zeros.
import {
  type ByteSource,
  hex,
  PAGE_SIZE,
  type PageNumbers,
  type PageRun,
  PageSet,
  type Pfn,
  pfn,
  splitRun,
} from '@dumpstack/bytes'
import { type DumpBody, damaged, pageNumber, truncated } from './body.ts'
import {
  BITMAP_HEADER_OFFSET,
  BITMAP_OFFSET,
  BitmapHeader,
  SIGNATURE_FDMP,
  SIGNATURE_SDMP,
  SummaryHeader,
  VALID_DUMP_DUMP,
} from './layouts.ts'

export interface BitmapBody extends DumpBody {
  readonly bitCount: number
  /** File offset of the bitmap. */
  readonly bitmapOffset: number
  /** File offsets of the fields that count pages and bits. */
  readonly pageCountOffset: number
  readonly bitCountOffset: number
}

/** Types 5 and 6. The rank index is built when the first page is asked for. */
export function readBitmapBody(source: ByteSource): BitmapBody {
  const view = new DataView(readStart(source, BitmapHeader.size).buffer)
  const signature = view.getUint32(0, true)
  if (!isBitmapSignature(signature)) {
    throw damaged('bitmap signature', BITMAP_HEADER_OFFSET, signature, 'FDMP or SDMP')
  }
  if (view.getUint32(4, true) !== VALID_DUMP_DUMP) {
    throw damaged('bitmap signature', BITMAP_HEADER_OFFSET + 4, view.getUint32(4, true), 'DUMP')
  }
  // The three counts are 64 bits wide in the file: what no dump has is damage, what this file has not is a cut.
  const field = (name: 'firstPage' | 'totalPresentPages' | 'pages', what: string) => {
    const { offset } = BitmapHeader.fields[name]
    return pageNumber(view.getBigUint64(offset, true), BITMAP_HEADER_OFFSET + offset, what)
  }
  return readBits(source, {
    firstPageOffset: field('firstPage', 'offset of the first page'),
    statedPageCount: field('totalPresentPages', 'number of pages'),
    bitCount: field('pages', 'number of bits'),
    bitmapOffset: BITMAP_OFFSET,
    firstPageField: BITMAP_HEADER_OFFSET + BitmapHeader.fields.firstPage.offset,
    pageCountOffset: BITMAP_HEADER_OFFSET + BitmapHeader.fields.totalPresentPages.offset,
    bitCountOffset: BITMAP_HEADER_OFFSET + BitmapHeader.fields.pages.offset,
  })
}

/** Type 2; null where the header is not of the one layout that is known, or the bitmap has not as many bits as it says. */
export function readSummaryBody(source: ByteSource): BitmapBody | null {
  const header = SummaryHeader.of(readStart(source, SummaryHeader.size))
  const { signature, validDump, headerSize, bitmapSize, pages, sizeOfBitMap } = header
  if (!isBitmapSignature(signature) || validDump !== VALID_DUMP_DUMP) return null
  const bitmapOffset = BITMAP_HEADER_OFFSET + SummaryHeader.size
  if (bitmapSize !== sizeOfBitMap || headerSize < bitmapOffset + Math.ceil(bitmapSize / 8)) return null
  const body = readBits(source, {
    firstPageOffset: headerSize,
    statedPageCount: pages,
    bitCount: bitmapSize,
    bitmapOffset,
    firstPageField: BITMAP_HEADER_OFFSET + SummaryHeader.fields.headerSize.offset,
    pageCountOffset: BITMAP_HEADER_OFFSET + SummaryHeader.fields.pages.offset,
    bitCountOffset: BITMAP_HEADER_OFFSET + SummaryHeader.fields.bitmapSize.offset,
  })
  return body.pages.size === pages ? body : null
}

/** Readers take either in each type. */
const isBitmapSignature = (signature: number): boolean =>
  signature === SIGNATURE_FDMP || signature === SIGNATURE_SDMP

function readStart(source: ByteSource, byteLength: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(byteLength)
  const length = source.read(BITMAP_HEADER_OFFSET, bytes)
  if (length < byteLength) {
    throw truncated('bitmap header', BITMAP_HEADER_OFFSET + length, BITMAP_HEADER_OFFSET + byteLength)
  }
  return bytes
}

interface Places {
  readonly firstPageOffset: number
  readonly statedPageCount: number
  readonly bitCount: number
  readonly bitmapOffset: number
  readonly firstPageField: number
  readonly pageCountOffset: number
  readonly bitCountOffset: number
}

function readBits(source: ByteSource, { firstPageField, ...places }: Places): BitmapBody {
  const { firstPageOffset, bitCount, bitmapOffset } = places
  const bitmapEnd = bitmapOffset + Math.ceil(bitCount / 8)
  if (firstPageOffset < bitmapEnd) {
    const expected = `at least ${hex(bitmapEnd)}, the end of the bitmap`
    throw damaged('offset of the first page', firstPageField, firstPageOffset, expected)
  }
  if (source.byteLength < firstPageOffset) throw truncated('bitmap', source.byteLength, firstPageOffset)
  const pages = new BitmapPages(source, bitmapOffset, bitCount)
  return {
    ...places,
    pages,
    offsetOf: (page) => (pages.has(page) ? firstPageOffset + pages.rank(page) * PAGE_SIZE : -1),
  }
}

/** 64 KiB of bitmap, 2 GiB of memory. */
const PIECE_BYTES = 0x1_0000
const PIECE_PAGES = PIECE_BYTES * 8

class BitmapPages implements PageNumbers {
  readonly bitCount: number
  /** Null where no page of a piece is held. */
  readonly #pieces: (PageSet | null)[] = []
  /** Pages before each piece, and all of them at the end. */
  #before: Float64Array | null = null

  /** Throws DumpError DUMP_TRUNCATED where the bitmap cannot be read. */
  constructor(source: ByteSource, offset: number, bitCount: number) {
    this.bitCount = bitCount
    const byteLength = Math.ceil(bitCount / 8)
    for (let at = 0; at < byteLength; at += PIECE_BYTES) {
      const wanted = Math.min(PIECE_BYTES, byteLength - at)
      const bytes = new Uint8Array(Math.ceil(wanted / 8) * 8)
      const got = source.read(offset + at, bytes.subarray(0, wanted))
      if (got < wanted) throw truncated('bitmap', offset + at + got, offset + byteLength)
      const isLast = at + wanted === byteLength
      // Bits of the last byte past the count are no pages.
      if (isLast && bitCount % 8 !== 0) bytes[wanted - 1]! &= (1 << (bitCount % 8)) - 1
      const hasPages = new Uint32Array(bytes.buffer).some((word) => word !== 0)
      this.#pieces.push(hasPages ? new PageSet(bytes.byteLength * 8, bytes) : null)
    }
  }

  get size(): number {
    return this.#totals()[this.#pieces.length]!
  }

  has(page: Pfn): boolean {
    const piece = Math.floor(page / PIECE_PAGES)
    return this.#pieces[piece]?.has(pfn(page - piece * PIECE_PAGES)) ?? false
  }

  rank(page: Pfn): number {
    const totals = this.#totals()
    const piece = Math.floor(page / PIECE_PAGES)
    if (piece >= this.#pieces.length) return totals[this.#pieces.length]!
    return totals[piece]! + (this.#pieces[piece]?.rank(pfn(page - piece * PIECE_PAGES)) ?? 0)
  }

  *runs(maxPages: number = Number.MAX_SAFE_INTEGER): Generator<PageRun> {
    let base = 0
    let end = 0
    for (let piece = 0; piece < this.#pieces.length; piece++) {
      for (const { basePage, pageCount } of this.#pieces[piece]?.runs() ?? []) {
        const start = piece * PIECE_PAGES + basePage
        if (start !== end) {
          yield* splitRun(base, end, maxPages)
          base = start
        }
        end = start + pageCount
      }
    }
    yield* splitRun(base, end, maxPages)
  }

  #totals(): Float64Array {
    if (this.#before !== null) return this.#before
    const before = new Float64Array(this.#pieces.length + 1)
    for (const [index, piece] of this.#pieces.entries()) {
      before[index + 1] = before[index]! + (piece?.size ?? 0)
    }
    this.#before = before
    return before
  }
}
