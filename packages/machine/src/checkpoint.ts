// RAM at an instant: pages are saved before their first change, all others are still in RAM.
import {
  type Gpa,
  gpa as gpaOf,
  PAGE_SIZE,
  type PageRun,
  PageSet,
  type Pfn,
  type PhysicalSpace,
  pfn,
  pfnToGpa,
} from '@dumpstack/bytes'

const SLAB_PAGES = 256

export class Checkpoint implements PhysicalSpace {
  readonly runs: readonly PageRun[]
  #ram: (PhysicalSpace & { readonly used: PageSet }) | null
  readonly #saved: PageSet
  /** PFN to its place in the slabs. */
  readonly #places = new Map<number, number>()
  readonly #slabs: Uint8Array[] = []

  constructor(ram: PhysicalSpace & { readonly used: PageSet }) {
    this.runs = ram.runs
    this.#ram = ram
    this.#saved = new PageSet(ram.used.bitCount)
  }

  /** Keeps the page as it is now, unless it was kept before. */
  save(page: Pfn): void {
    if (this.#ram === null || this.#saved.has(page)) return
    const place = this.#places.size
    if (place % SLAB_PAGES === 0) this.#slabs.push(new Uint8Array(SLAB_PAGES * PAGE_SIZE))
    this.#ram.read(pfnToGpa(page), this.#bytesAt(place))
    this.#places.set(page, place)
    this.#saved.add(page)
  }

  read(gpa: Gpa, into: Uint8Array): number {
    if (this.#ram === null) return 0
    const length = into.byteLength
    let done = 0
    while (done < length) {
      const at = gpa + done
      const page = Math.floor(at / PAGE_SIZE)
      const inPage = at - page * PAGE_SIZE
      const place = this.#saved.has(pfn(page)) ? this.#places.get(page) : undefined
      if (place !== undefined) {
        const part = this.#bytesAt(place).subarray(inPage, inPage + length - done)
        into.set(part, done)
        done += part.byteLength
        continue
      }
      let end = (page + 1) * PAGE_SIZE
      while (end - gpa < length && !this.#saved.has(pfn(end / PAGE_SIZE))) end += PAGE_SIZE
      const want = Math.min(end - at, length - done)
      const got = this.#ram.read(gpaOf(at), into.subarray(done, done + want))
      done += got
      if (got < want) return done
    }
    return done
  }

  /** From now on nothing can be read: the truth of another instant must not be taken for this one. */
  end(): void {
    this.#ram = null
    this.#places.clear()
    this.#slabs.length = 0
  }

  #bytesAt(place: number): Uint8Array {
    const start = (place % SLAB_PAGES) * PAGE_SIZE
    return this.#slabs[Math.floor(place / SLAB_PAGES)]!.subarray(start, start + PAGE_SIZE)
  }
}
