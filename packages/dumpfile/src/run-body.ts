// Dumps whose pages are runs one after another in the file: type 1, whose header lists them, and what debuggers write.
// Runs can lie anywhere in 52 bits of physical address: their cost depends on their number, not on their places.
import {
  hex,
  PAGE_SIZE,
  type PageNumbers,
  type PageRun,
  type Pfn,
  pagesInRuns,
  pfn,
  splitRun,
} from '@dumpstack/bytes'
import { PhysicalMemoryRun64 } from '@dumpstack/nt'
import { type DumpBody, damaged, MAX_PHYSICAL_PAGES, pageNumber } from './body.ts'
import { DumpError } from './dump-error.ts'
import {
  DumpHeader64,
  HEADER_RUNS_CAPACITY,
  HEADER_RUNS_OFFSET,
  HEADER64_SIZE,
  PAGE_FILL_32,
} from './layouts.ts'

/** The runs of the header's descriptor; null where it is PAGE fill. Bounded by the header, not by trust. */
export function readHeaderRuns(headerBytes: Uint8Array): readonly PageRun[] | null {
  const descriptor = DumpHeader64.of(headerBytes).physicalMemoryBlock
  const count = descriptor.numberOfRuns
  if (count === PAGE_FILL_32) return null
  if (count > HEADER_RUNS_CAPACITY) {
    throw damaged('number of runs', 0x88, count, `at most ${hex(HEADER_RUNS_CAPACITY)}`)
  }
  const runs: PageRun[] = []
  for (let index = 0; index < count; index++) {
    const offset = HEADER_RUNS_OFFSET + index * PhysicalMemoryRun64.size
    const { basePage, pageCount } = PhysicalMemoryRun64.of(headerBytes, offset)
    const end = pageNumber(basePage + pageCount, offset, `end of run ${index}`)
    runs.push({ basePage: pfn(end - Number(pageCount)), pageCount: Number(pageCount) }) // both are below the end
  }
  return runs
}

/** Type 1: the pages of the header's runs, in their order, from the end of the header on. */
export function readFullBody(headerBytes: Uint8Array): RunBody {
  const runs = readHeaderRuns(headerBytes)
  if (runs === null || runs.length === 0) {
    throw new DumpError(
      'DUMP_DAMAGED',
      'the physical memory descriptor at offset 0x88 is not set, expected the runs of a type 1 dump',
      { offset: 0x88 },
    )
  }
  const pageCount = pagesInRuns(runs)
  if (pageCount > MAX_PHYSICAL_PAGES) {
    throw damaged('sum of the runs', 0x88, pageCount, `at most ${hex(MAX_PHYSICAL_PAGES)} pages`)
  }
  return new RunBody(runs, HEADER64_SIZE, pageCount)
}

interface PlacedRun extends PageRun {
  readonly fileOffset: number
}

export class RunBody implements DumpBody {
  readonly firstPageOffset: number
  readonly statedPageCount: number
  /** Ascending by page. */
  readonly #placed: readonly PlacedRun[]
  #pages: PageNumbers | null = null

  /** `runs` are in the order of the file. */
  constructor(runs: readonly PageRun[], firstPageOffset: number, statedPageCount: number) {
    this.firstPageOffset = firstPageOffset
    this.statedPageCount = statedPageCount
    let fileOffset = firstPageOffset
    const placed = runs.map(({ basePage, pageCount }) => {
      const run = { basePage, pageCount, fileOffset }
      fileOffset += pageCount * PAGE_SIZE
      return run
    })
    this.#placed = placed.filter(({ pageCount }) => pageCount > 0).sort((a, b) => a.basePage - b.basePage)
  }

  get pages(): PageNumbers {
    this.#pages ??= new RunPages(this.#placed)
    return this.#pages
  }

  offsetOf(page: Pfn): number {
    const run = lastAtOrBefore(this.#placed, page)
    if (run === null || page >= run.basePage + run.pageCount) return -1
    return run.fileOffset + (page - run.basePage) * PAGE_SIZE
  }
}

class RunPages implements PageNumbers {
  readonly bitCount: number
  readonly size: number
  /** Ascending, neither touching nor overlapping; `before` counts the pages of those before it. */
  readonly #runs: readonly (PageRun & { readonly before: number })[]

  /** `ascending` may overlap where a header lies. */
  constructor(ascending: readonly PageRun[]) {
    const runs: { basePage: Pfn; pageCount: number; before: number }[] = []
    let size = 0
    for (const { basePage, pageCount } of ascending) {
      const last = runs.at(-1)
      const lastEnd = last === undefined ? -1 : last.basePage + last.pageCount
      const added = Math.max(0, basePage + pageCount - Math.max(basePage, lastEnd))
      if (last !== undefined && basePage <= lastEnd) last.pageCount += added
      else runs.push({ basePage, pageCount, before: size })
      size += added
    }
    this.#runs = runs
    this.size = size
    const last = runs.at(-1)
    this.bitCount = last === undefined ? 0 : last.basePage + last.pageCount
  }

  has(page: Pfn): boolean {
    const run = lastAtOrBefore(this.#runs, page)
    return run !== null && page < run.basePage + run.pageCount
  }

  rank(page: Pfn): number {
    const run = lastAtOrBefore(this.#runs, page)
    return run === null ? 0 : run.before + Math.min(page - run.basePage, run.pageCount)
  }

  *runs(maxPages: number = Number.MAX_SAFE_INTEGER): Generator<PageRun> {
    for (const { basePage, pageCount } of this.#runs)
      yield* splitRun(basePage, basePage + pageCount, maxPages)
  }
}

/** `runs` ascend; null where all of them start after `page`. */
function lastAtOrBefore<T extends PageRun>(runs: readonly T[], page: Pfn): T | null {
  let low = 0
  let high = runs.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (runs[middle]!.basePage <= page) low = middle + 1
    else high = middle
  }
  return low === 0 ? null : runs[low - 1]!
}
