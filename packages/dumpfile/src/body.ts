// Where the pages of a dump are in its file: runs one after another (type 1) or one page per bit of a bitmap (5, 6).
import { type ByteSource, hex, PAGE_SIZE, type PageRun, PageSet, type Pfn, pfn } from '@dumpstack/bytes'
import { PhysicalMemoryRun64 } from '@dumpstack/nt'
import { DumpError } from './dump-error.ts'
import {
  BITMAP_HEADER_OFFSET,
  BITMAP_OFFSET,
  BitmapHeader,
  DumpHeader64,
  HEADER_RUNS_CAPACITY,
  HEADER_RUNS_OFFSET,
  HEADER64_SIZE,
  PAGE_FILL_32,
  SIGNATURE_FDMP,
  SIGNATURE_SDMP,
  VALID_DUMP_DUMP,
} from './layouts.ts'

export interface DumpBody {
  readonly firstPageOffset: number
  /** Pages that the dump's own count states. */
  readonly statedPageCount: number
  readonly pages: PageSet
  /** File offset of a page that the dump says it holds, past the end of a truncated file too; -1 otherwise. */
  offsetOf(page: Pfn): number
}

export interface BitmapBody extends DumpBody {
  readonly bitCount: number
}

/** 4 TiB of physical addresses: what a lying header can make us allocate ends here. */
const MAX_PAGES = 2 ** 30
/** Behind the largest bitmap, with room to spare for whoever aligns generously. */
const MAX_FIRST_PAGE = BITMAP_OFFSET + MAX_PAGES / 8 + 2 ** 20

/** The runs of the header's descriptor; null where it is PAGE fill. Bounded by the header, not by trust. */
export function readHeaderRuns(headerBytes: Uint8Array): readonly PageRun[] | null {
  const descriptor = DumpHeader64.of(headerBytes).physicalMemoryBlock
  const count = descriptor.numberOfRuns
  if (count === PAGE_FILL_32) return null
  if (count > HEADER_RUNS_CAPACITY) {
    throw new DumpError(
      'DUMP_DAMAGED',
      `number of runs at offset 0x88 is ${hex(count)}, expected at most ${hex(HEADER_RUNS_CAPACITY)}`,
      { offset: 0x88, found: count, expected: HEADER_RUNS_CAPACITY },
    )
  }
  const runs: PageRun[] = []
  for (let index = 0; index < count; index++) {
    const offset = HEADER_RUNS_OFFSET + index * PhysicalMemoryRun64.size
    const { basePage, pageCount } = PhysicalMemoryRun64.of(headerBytes, offset)
    if (basePage + pageCount > BigInt(MAX_PAGES)) {
      throw new DumpError(
        'DUMP_DAMAGED',
        `run ${index} at offset ${hex(offset)} ends at pfn ${hex(basePage + pageCount)}, expected at most ${hex(MAX_PAGES)}`,
        { offset, found: basePage + pageCount, expected: MAX_PAGES },
      )
    }
    runs.push({ basePage: pfn(Number(basePage)), pageCount: Number(pageCount) }) // below 2^30
  }
  return runs
}

export class RunBody implements DumpBody {
  readonly firstPageOffset = HEADER64_SIZE
  readonly statedPageCount: number
  readonly #runs: readonly PageRun[]
  #pages: PageSet | null = null

  constructor(headerBytes: Uint8Array) {
    const runs = readHeaderRuns(headerBytes)
    if (runs === null || runs.length === 0) {
      throw new DumpError(
        'DUMP_DAMAGED',
        'the physical memory descriptor at offset 0x88 is not set, expected the runs of a type 1 dump',
        { offset: 0x88 },
      )
    }
    this.#runs = runs
    this.statedPageCount = runs.reduce((sum, run) => sum + run.pageCount, 0)
    if (this.statedPageCount > MAX_PAGES) {
      throw damaged('sum of the runs', 0x88, this.statedPageCount, `at most ${hex(MAX_PAGES)} pages`)
    }
  }

  get pages(): PageSet {
    this.#pages ??= PageSet.ofRuns(
      this.#runs,
      this.#runs.reduce((end, run) => Math.max(end, run.basePage + run.pageCount), 0),
    )
    return this.#pages
  }

  offsetOf(page: Pfn): number {
    let before = 0
    for (let index = 0; index < this.#runs.length; index++) {
      const run = this.#runs[index]!
      const inRun = page - run.basePage
      if (inRun >= 0 && inRun < run.pageCount) return this.firstPageOffset + (before + inRun) * PAGE_SIZE
      before += run.pageCount
    }
    return -1
  }
}

/** Reads header and bitmap with one read each; the rank index is built when the first page is asked for. */
export function readBitmapBody(source: ByteSource): BitmapBody {
  const headerBytes = new Uint8Array(BitmapHeader.size)
  const length = source.read(BITMAP_HEADER_OFFSET, headerBytes)
  if (length < headerBytes.byteLength) {
    throw truncated('bitmap header', BITMAP_HEADER_OFFSET + length, BITMAP_OFFSET)
  }
  const view = new DataView(headerBytes.buffer)
  const signature = view.getUint32(0, true)
  if (signature !== SIGNATURE_FDMP && signature !== SIGNATURE_SDMP) {
    throw damaged('bitmap signature', BITMAP_HEADER_OFFSET, signature, 'FDMP or SDMP')
  }
  if (view.getUint32(4, true) !== VALID_DUMP_DUMP) {
    throw damaged('bitmap signature', BITMAP_HEADER_OFFSET + 4, view.getUint32(4, true), 'DUMP')
  }
  // The three counts are 64 bits wide in the file: what no dump has is damage, what this file has not is a cut.
  const firstPage = boundedSize(view, 0x20, 'offset of the first page', MAX_FIRST_PAGE)
  const statedPageCount = boundedSize(view, 0x28, 'number of pages', MAX_PAGES)
  const bitCount = boundedSize(view, 0x30, 'number of bits', MAX_PAGES)
  const bitmapBytes = Math.ceil(bitCount / 8)
  if (firstPage < BITMAP_OFFSET + bitmapBytes) {
    throw damaged(
      'offset of the first page',
      BITMAP_HEADER_OFFSET + 0x20,
      firstPage,
      `at least ${hex(BITMAP_OFFSET + bitmapBytes)}, the end of the bitmap`,
    )
  }
  if (source.byteLength < firstPage) throw truncated('bitmap', source.byteLength, firstPage)
  const bitmap = new Uint8Array(Math.ceil(bitCount / 64) * 8)
  const got = source.read(BITMAP_OFFSET, bitmap.subarray(0, bitmapBytes))
  if (got < bitmapBytes) throw truncated('bitmap', BITMAP_OFFSET + got, BITMAP_OFFSET + bitmapBytes)
  if (bitCount % 8 !== 0) bitmap[bitmapBytes - 1]! &= (1 << (bitCount % 8)) - 1
  const pages = new PageSet(bitCount, bitmap)
  return {
    firstPageOffset: firstPage,
    statedPageCount,
    pages,
    bitCount,
    offsetOf: (page) => (pages.has(page) ? firstPage + pages.rank(page) * PAGE_SIZE : -1),
  }
}

function boundedSize(view: DataView, at: number, what: string, limit: number): number {
  const value = view.getBigUint64(at, true)
  if (value > BigInt(limit)) throw damaged(what, BITMAP_HEADER_OFFSET + at, value, `at most ${hex(limit)}`)
  return Number(value) // bounded above by a safe integer
}

function damaged(what: string, offset: number, found: number | bigint, expected: string): DumpError {
  return new DumpError(
    'DUMP_DAMAGED',
    `${what} at offset ${hex(offset)} is ${hex(found)}, expected ${expected}`,
    { offset, found, expected },
  )
}

function truncated(what: string, offset: number, expected: number): DumpError {
  return new DumpError(
    'DUMP_TRUNCATED',
    `the file ends at offset ${hex(offset)} inside the ${what}, expected at least ${hex(expected)} bytes`,
    { offset, expected },
  )
}
