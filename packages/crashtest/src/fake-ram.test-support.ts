// A small machine's RAM for tests: two runs with a hole, published fill, some pages written.
import {
  type Gpa,
  PAGE_SIZE,
  type PageRun,
  PageSet,
  type PhysicalSpace,
  pfn,
  publishedFill,
} from '@dumpstack/bytes'

export const FAKE_SEED = 7
export const FAKE_RUNS: readonly PageRun[] = [
  { basePage: pfn(1), pageCount: 600 },
  { basePage: pfn(1024), pageCount: 40 },
]
const PAGES = 1064

/** `written` pages hold their PFN in every byte; all others the fill. */
export class FakeRam implements PhysicalSpace {
  readonly runs = FAKE_RUNS
  readonly used = new PageSet(PAGES)
  readonly #bytes = new Uint8Array(PAGES * PAGE_SIZE)

  constructor(written: readonly number[]) {
    publishedFill(FAKE_SEED, pfn(0), PAGES, new Uint32Array(this.#bytes.buffer))
    for (const page of written) this.write(page, new Uint8Array(PAGE_SIZE).fill(page))
  }

  write(page: number, bytes: Uint8Array): void {
    this.#bytes.set(bytes, page * PAGE_SIZE)
    this.used.add(pfn(page))
  }

  page(page: number): Uint8Array {
    return this.#bytes.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
  }

  read(gpa: Gpa, into: Uint8Array): number {
    let done = 0
    while (done < into.byteLength) {
      const at = gpa + done
      const page = Math.floor(at / PAGE_SIZE)
      if (!this.runs.some((run) => page >= run.basePage && page < run.basePage + run.pageCount)) break
      const part = this.#bytes.subarray(at, Math.min((page + 1) * PAGE_SIZE, at + into.byteLength - done))
      into.set(part, done)
      done += part.byteLength
    }
    return done
  }
}

export const pageSetOf = (pages: Iterable<number>): PageSet => {
  const set = new PageSet(PAGES)
  for (const page of pages) set.add(pfn(page))
  return set
}

export const allPages = (): PageSet => PageSet.ofRuns(FAKE_RUNS, PAGES)
