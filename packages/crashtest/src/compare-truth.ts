// Compares every page of a dump with the RAM that it came from, in pieces of 1 MiB; memory stays flat however large the
// dump. What the dump promises comes from the owner tags, which of its own pages the dump path changed from the write
// log (Evidence): neither is ever concluded from the comparison itself.
import {
  type ByteSource,
  equalBytes,
  hex,
  PAGE_SIZE,
  type PageNumbers,
  PageSet,
  type Pfn,
  type PhysicalSpace,
  pfn,
  pfnToGpa,
} from '@dumpstack/bytes'
import { CrashtestError } from './errors.ts'
import type { TruthCount } from './test-event.ts'

/** The part of a Dump that the comparison needs. */
export interface DumpPages {
  readonly pages: PageNumbers | null
  readonly firstPageOffset: number
  /** -1 where the file does not hold the whole page. */
  pageOffset(page: Pfn): number
}

export interface TruthToCompare {
  readonly truth: PhysicalSpace
  readonly promised: PageSet
  readonly changedByDumpPath: PageSet
}

interface DifferentPage {
  readonly pfn: Pfn
  /** File offset of the page. */
  readonly fileOffset: number
  /** Byte inside the page that differs first. */
  readonly byte: number
  readonly found: number
  readonly expected: number
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
const CHUNK_PAGES = 256

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
  let done = 0
  let equal = 0
  let changed = 0
  let differing = 0
  let cutOff = 0
  const found = new Uint8Array(CHUNK_PAGES * PAGE_SIZE)
  const expected = new Uint8Array(CHUNK_PAGES * PAGE_SIZE)

  for (const run of common.runs(CHUNK_PAGES)) {
    const base = run.basePage
    const offset = dump.pageOffset(base)
    const byteLength = run.pageCount * PAGE_SIZE
    const [wanted, got] = [expected.subarray(0, byteLength), found.subarray(0, byteLength)]
    const readTruth = evidence.truth.read(pfnToGpa(base), wanted)
    if (readTruth !== byteLength) {
      throw new CrashtestError(
        'TRUTH_SHORT',
        `truth holds ${readTruth} bytes at pfn ${hex(base)}, expected ${byteLength}`,
      )
    }
    let obtained: number
    const last = pfn(base + run.pageCount - 1)
    if (offset >= 0 && dump.pageOffset(last) === offset + byteLength - PAGE_SIZE) {
      obtained = source.read(offset, got)
    } else {
      obtained = gather(source, dump, base, run.pageCount, found)
    }
    if (obtained === byteLength && equalBytes(got, wanted)) {
      equal += run.pageCount
    } else {
      for (let index = 0; index < run.pageCount; index++) {
        const page = pfn(base + index)
        const from = index * PAGE_SIZE
        const end = from + PAGE_SIZE
        if (obtained < end) {
          cutOff++
          if (missing.length < FIRST_NAMED) missing.push({ pfn: page, fileOffset: placeOf(dump, page) })
        } else if (equalBytes(found.subarray(from, end), expected.subarray(from, end))) {
          equal++
        } else if (evidence.changedByDumpPath.has(page)) {
          changed++
        } else {
          differing++
          if (different.length < FIRST_NAMED) {
            different.push(firstDifference(page, dump.pageOffset(page), found, expected, from))
          }
        }
      }
    }
    done += run.pageCount
    yield Math.floor((done * 100) / total)
  }
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

/** Pages of a run one by one; the bytes obtained before the first that is not in the file. */
function gather(source: ByteSource, dump: DumpPages, base: Pfn, pageCount: number, into: Uint8Array): number {
  for (let index = 0; index < pageCount; index++) {
    const from = index * PAGE_SIZE
    const offset = dump.pageOffset(pfn(base + index))
    if (offset < 0 || source.read(offset, into.subarray(from, from + PAGE_SIZE)) < PAGE_SIZE) return from
  }
  return pageCount * PAGE_SIZE
}

function firstDifference(
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
