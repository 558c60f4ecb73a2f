// RAM at the crash as a run kept it: the pages that were ever written from truth.bin, all others computed again.
import {
  type ByteSource,
  endOfRuns,
  type Gpa,
  PAGE_SIZE,
  type PageRun,
  PageSet,
  type PhysicalSpace,
  pfn,
  publishedFill,
} from '@dumpstack/bytes'

const CHUNK_PAGES = 256

export class KeptSpace implements PhysicalSpace {
  readonly runs: readonly PageRun[]
  readonly #present: PageSet
  readonly #used: PageSet
  readonly #seed: number
  readonly #bin: ByteSource
  readonly #fill = new Uint32Array(CHUNK_PAGES * (PAGE_SIZE / 4))

  constructor(runs: readonly PageRun[], used: PageSet, seed: number, bin: ByteSource) {
    this.runs = runs
    this.#present = PageSet.ofRuns(runs, endOfRuns(runs))
    this.#used = used
    this.#seed = seed
    this.#bin = bin
  }

  read(address: Gpa, into: Uint8Array): number {
    let done = 0
    while (done < into.byteLength) {
      const at = address + done
      const first = pfn(Math.floor(at / PAGE_SIZE))
      if (!this.#present.has(first)) break
      const skip = at - first * PAGE_SIZE
      const wanted = into.byteLength - done
      const isUsed = this.#used.has(first)
      let count = 1
      while (
        count < CHUNK_PAGES &&
        count * PAGE_SIZE - skip < wanted &&
        this.#present.has(pfn(first + count)) &&
        this.#used.has(pfn(first + count)) === isUsed
      ) {
        count++
      }
      const length = Math.min(wanted, count * PAGE_SIZE - skip)
      const part = into.subarray(done, done + length)
      if (isUsed) {
        const obtained = this.#bin.read(this.#used.rank(first) * PAGE_SIZE + skip, part)
        if (obtained < length) return done + obtained
      } else {
        publishedFill(this.#seed, first, count, this.#fill)
        part.set(new Uint8Array(this.#fill.buffer, skip, length))
      }
      done += length
    }
    return done
  }
}
