// Compares every page of a dump with the RAM that it came from, as a run knows it. What the dump promises comes from the owner
// tags, which of its own pages the dump path changed from the write log (Evidence): neither is ever concluded from the comparison.
import {
  type ByteSource,
  PAGE_SIZE,
  type PageNumbers,
  PageSet,
  type Pfn,
  type PhysicalSpace,
  pfn,
} from '@dumpstack/bytes'
import {
  CHUNK_PAGES,
  comparePages,
  type DifferentPage,
  type DumpPages,
  firstDifference,
} from './compare-pages.ts'
import type { TruthCount } from './test-event.ts'

export interface TruthToCompare {
  readonly truth: PhysicalSpace
  readonly promised: PageSet
  readonly changedByDumpPath: PageSet
}

interface PlacedPage {
  readonly pfn: Pfn
  /** Where the page is in the file, or should be; -1 where the dump has no place for it. */
  readonly fileOffset: number
}

export interface TruthComparison {
  readonly count: TruthCount
  /** The first ones of each kind, in ascending PFN. */
  readonly different: readonly DifferentPage[]
  readonly missing: readonly PlacedPage[]
  readonly extra: readonly PlacedPage[]
}

export const FIRST_NAMED = 8

/** Yields the percentage done, at least every 1 MiB. */
export function* compareTruth(
  source: ByteSource,
  dump: DumpPages,
  evidence: TruthToCompare,
): Generator<number, TruthComparison> {
  const held = dump.pages ?? new PageSet(0)
  const promised = evidence.promised
  const common = combine(promised, withinBits(held, promised.bitCount), (x, y) => x & y)
  const missing: PlacedPage[] = []
  const extra: PlacedPage[] = []
  const different: DifferentPage[] = []
  const lacking = combine(promised, common, (x, y) => x & ~y)
  for (const page of firstPages(lacking)) missing.push({ pfn: page, fileOffset: -1 })
  for (const page of firstOutside(held, common)) extra.push({ pfn: page, fileOffset: placeOf(dump, page) })

  const total = common.size
  let [equal, changed, differing, cutOff] = [0, 0, 0, 0]
  const comparing = comparePages(source, dump, common.runs(CHUNK_PAGES), evidence.truth, {
    equal(pageCount) {
      equal += pageCount
    },
    cutOff(page) {
      cutOff++
      if (missing.length < FIRST_NAMED) missing.push({ pfn: page, fileOffset: placeOf(dump, page) })
    },
    differs(page, found, expected, from) {
      if (evidence.changedByDumpPath.has(page)) {
        changed++
        return
      }
      differing++
      if (different.length < FIRST_NAMED)
        different.push(firstDifference(page, dump.pageOffset(page), found, expected, from))
    },
  })
  for (const done of comparing) yield Math.floor((done * 100) / total)
  return {
    count: {
      unit: 'pages',
      compared: total - cutOff,
      equal,
      changedByDumpPath: changed,
      different: differing,
      missing: lacking.size + cutOff,
      extra: held.size - common.size,
    },
    different,
    missing: missing.sort((a, b) => a.pfn - b.pfn),
    extra,
  }
}

/** Where a page that the file has lost belongs: pages follow each other in ascending order. */
export const placeOf = (dump: DumpPages, page: Pfn): number =>
  dump.firstPageOffset + (dump.pages?.rank(page) ?? 0) * PAGE_SIZE

/** The pages below `bitCount`: a dump can name pages of terabytes that no RAM of a test has. */
function withinBits(pages: PageNumbers, bitCount: number): PageSet {
  const set = new PageSet(bitCount)
  for (const { basePage, pageCount } of pages.runs()) {
    if (basePage >= bitCount) break
    set.addRun(basePage, Math.min(pageCount, bitCount - basePage))
  }
  return set
}

function combine(a: PageSet, b: PageSet, join: (x: number, y: number) => number): PageSet {
  const result = new Uint8Array(a.bytes.byteLength)
  for (let i = 0; i < result.length; i++) result[i] = join(a.bytes[i]!, b.bytes[i] ?? 0)
  return new PageSet(a.bitCount, result)
}

/** The first members of `pages` that `inner` lacks. */
function firstOutside(pages: PageNumbers, inner: PageSet): Pfn[] {
  const first: Pfn[] = []
  for (const { basePage, pageCount } of pages.runs()) {
    const end = pfn(basePage + pageCount)
    if (inner.rank(end) - inner.rank(basePage) === pageCount) continue
    for (let page: number = basePage; page < end; page++) {
      if (inner.has(pfn(page))) continue
      if (first.push(pfn(page)) === FIRST_NAMED) return first
    }
  }
  return first
}

export function firstPages(set: PageSet): Pfn[] {
  const first: Pfn[] = []
  for (const run of set.runs(1)) {
    first.push(run.basePage)
    if (first.length === FIRST_NAMED) break
  }
  return first
}
