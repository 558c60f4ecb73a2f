// A set of page frame numbers as a bitmap, bit n of byte n>>3 = PFN n, LSB first: the order of bitmap dumps.
import { type Pfn, pfn } from './address.ts'
import type { PageRun } from './physical-space.ts'

const WORDS_PER_RANK = 16 // one running total per 512 pages

/** Page frame numbers to look at, however they are kept. */
export interface PageNumbers {
  /** Above every member. */
  readonly bitCount: number
  /** Number of pages. */
  readonly size: number
  has(page: Pfn): boolean
  /** Number of members below `page`. */
  rank(page: Pfn): number
  /** Members in ascending order, as runs of at most `maxPages` pages. */
  runs(maxPages?: number): Iterable<PageRun>
}

export class PageSet implements PageNumbers {
  /** Bits in the set, a multiple of 64. */
  readonly bitCount: number
  readonly bytes: Uint8Array
  readonly #words: Uint32Array
  #ranks: Uint32Array | null = null

  /** `bytes`, when given, must hold bitCount rounded up to 64, in bits; it is taken over, not copied. */
  constructor(bitCount: number, bytes?: Uint8Array) {
    this.bitCount = Math.ceil(bitCount / 64) * 64
    const byteLength = this.bitCount / 8
    if (bytes === undefined || bytes.byteOffset % 4 !== 0 || bytes.byteLength < byteLength) {
      const own = new Uint8Array(byteLength)
      if (bytes !== undefined) own.set(bytes.subarray(0, byteLength))
      this.bytes = own
    } else {
      this.bytes = bytes.subarray(0, byteLength)
    }
    this.#words = new Uint32Array(this.bytes.buffer, this.bytes.byteOffset, byteLength / 4)
  }

  static ofRuns(runs: readonly PageRun[], bitCount: number): PageSet {
    const set = new PageSet(bitCount)
    for (const run of runs) set.addRun(run.basePage, run.pageCount)
    return set
  }

  has(page: Pfn): boolean {
    return page < this.bitCount && ((this.#words[page >>> 5] ?? 0) & (1 << (page & 31))) !== 0
  }

  add(page: Pfn): void {
    this.#check(page, 1)
    this.#words[page >>> 5]! |= 1 << (page & 31)
    this.#ranks = null
  }

  delete(page: Pfn): void {
    if (page >= this.bitCount) return
    this.#words[page >>> 5]! &= ~(1 << (page & 31))
    this.#ranks = null
  }

  addRun(base: Pfn, count: number): void {
    this.#check(base, count)
    let page: number = base
    const end = base + count
    while (page < end && (page & 7) !== 0) this.add(pfn(page++))
    const wholeBytes = (end - page) >>> 3
    if (wholeBytes > 0) this.bytes.fill(0xff, page >>> 3, (page >>> 3) + wholeBytes)
    page += wholeBytes * 8
    while (page < end) this.add(pfn(page++))
    this.#ranks = null
  }

  /** Number of pages in the set. */
  get size(): number {
    const ranks = this.#index()
    return ranks[ranks.length - 1] ?? 0
  }

  /** Number of members below `page`: the index of its page in a bitmap dump. */
  rank(page: Pfn): number {
    if (page >= this.bitCount) return this.size
    const ranks = this.#index()
    const word = page >>> 5
    const block = Math.floor(word / WORDS_PER_RANK)
    let total = ranks[block] ?? 0
    for (let i = block * WORDS_PER_RANK; i < word; i++) total += popcount32(this.#words[i]!)
    if ((page & 31) !== 0) {
      total += popcount32(this.#words[word]! & ((1 << (page & 31)) - 1))
    }
    return total
  }

  /** Members in ascending order, as runs of at most `maxPages` pages. */
  *runs(maxPages: number = Number.MAX_SAFE_INTEGER): Generator<PageRun> {
    let base = -1
    for (let index = 0; index < this.#words.length; index++) {
      const word = this.#words[index]!
      const first = index * 32
      if (word === 0) {
        if (base >= 0) yield* splitRun(base, first, maxPages)
        base = -1
      } else if (word === 0xffffffff) {
        if (base < 0) base = first
      } else {
        for (let bit = 0; bit < 32; bit++) {
          const present = (word & (1 << bit)) !== 0
          if (present && base < 0) base = first + bit
          if (!present && base >= 0) {
            yield* splitRun(base, first + bit, maxPages)
            base = -1
          }
        }
      }
    }
    if (base >= 0) yield* splitRun(base, this.bitCount, maxPages)
  }

  #check(page: number, count: number): void {
    if (page < 0 || count < 0 || page + count > this.bitCount) {
      throw new RangeError(`pages ${page}..${page + count} are outside the set of ${this.bitCount} bits`)
    }
  }

  #index(): Uint32Array {
    if (this.#ranks !== null) return this.#ranks
    const words = this.#words
    const ranks = new Uint32Array(Math.ceil(words.length / WORDS_PER_RANK) + 1)
    let total = 0
    for (let rank = 0; rank < ranks.length - 1; rank++) {
      ranks[rank] = total
      const first = rank * WORDS_PER_RANK
      total += population(words, first, Math.min(first + WORDS_PER_RANK, words.length))
    }
    ranks[ranks.length - 1] = total
    this.#ranks = ranks
    return ranks
  }
}

/** A function of its own, and short cuts for what most words are: an index is built once, mostly before it is compiled. */
function population(words: Uint32Array, from: number, to: number): number {
  let total = 0
  for (let i = from; i < to; i++) {
    const word = words[i]!
    if (word === 0xffffffff) total += 32
    else if (word !== 0) total += popcount32(word)
  }
  return total
}

/** The pages from `base` up to `end` as runs of at most `maxPages`. */
export function* splitRun(base: number, end: number, maxPages: number): Generator<PageRun> {
  for (let page = base; page < end; page += maxPages) {
    yield { basePage: pfn(page), pageCount: Math.min(maxPages, end - page) }
  }
}

/** Population count of 32 bits (Hacker's Delight, figure 5-2). */
function popcount32(value: number): number {
  let v = value - ((value >>> 1) & 0x55555555)
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333)
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
