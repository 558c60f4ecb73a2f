// RAM at the instant of the crash, kept over the restart: the pages that ever were written, in a block; all others are
// the published fill and are computed again.
import {
  type Gpa,
  gpaToPfn,
  PAGE_SIZE,
  type PageRun,
  type PageSet,
  type PhysicalSpace,
  type pfn,
  pfnToGpa,
  publishedFill,
} from '@dumpstack/bytes'

export class SavedTruth implements PhysicalSpace {
  readonly runs: readonly PageRun[]
  readonly #seed: number
  readonly #used: PageSet
  readonly #pages: Uint8Array
  readonly #fill = new Uint32Array(PAGE_SIZE / 4)
  readonly #fillBytes = new Uint8Array(this.#fill.buffer)

  /** `used` and `seed` say which pages of `ram` are worth keeping. */
  constructor(ram: PhysicalSpace, used: PageSet, seed: number) {
    this.runs = ram.runs
    this.#seed = seed
    this.#used = used
    this.#pages = new Uint8Array(used.size * PAGE_SIZE)
    let at = 0
    for (const run of used.runs()) {
      const length = run.pageCount * PAGE_SIZE
      ram.read(pfnToGpa(run.basePage), this.#pages.subarray(at, at + length))
      at += length
    }
  }

  read(gpa: Gpa, into: Uint8Array): number {
    let done = 0
    while (done < into.byteLength) {
      const address = gpa + done
      const page = Math.floor(address / PAGE_SIZE)
      const run = this.runs.find((r) => page >= r.basePage && page < r.basePage + r.pageCount)
      if (run === undefined) return done
      const runEnd = (run.basePage + run.pageCount) * PAGE_SIZE
      const end = Math.min(gpa + into.byteLength, runEnd) - gpa
      while (done < end) done += this.#readPage(gpaToPfn((gpa + done) as Gpa), gpa + done, into, done, end)
    }
    return done
  }

  /** Bytes of one page from `address` on; the page lies in a run. */
  #readPage(
    page: ReturnType<typeof pfn>,
    address: number,
    into: Uint8Array,
    done: number,
    end: number,
  ): number {
    const offset = address % PAGE_SIZE
    const length = Math.min(PAGE_SIZE - offset, end - done)
    if (this.#used.has(page)) {
      const at = this.#used.rank(page) * PAGE_SIZE + offset
      into.set(this.#pages.subarray(at, at + length), done)
      return length
    }
    publishedFill(this.#seed, page, 1, this.#fill)
    into.set(this.#fillBytes.subarray(offset, offset + length), done)
    return length
  }
}
