// Addresses at which a port shows a miniport the data of the request that runs: SRB.DataBuffer points here. The page table
// entries are not written, since page tables stay as the crash left them: the port translates these addresses itself.
import { type Gpa, type Gva, gpa, gva, PAGE_SIZE } from '@dumpstack/bytes'

export class DataWindow {
  readonly #addresses: readonly Gva[]
  readonly #end: Gva
  readonly #pages: Float64Array
  #count = 0

  /** `va`: reserved system PTEs, one for each page. */
  constructor(va: Gva, pageCount: number) {
    this.#addresses = Array.from({ length: pageCount }, (_, page) => gva(va + BigInt(page * PAGE_SIZE)))
    this.#end = gva(va + BigInt(pageCount * PAGE_SIZE))
    this.#pages = new Float64Array(pageCount)
  }

  addressOf(page: number): Gva {
    return this.#addresses[page]!
  }

  unmap(): void {
    this.#count = 0
  }

  /** Shows the page at `address` after those that are shown already. */
  add(address: number): void {
    this.#pages[this.#count++] = address
  }

  holds(va: Gva): boolean {
    return va >= this.#addresses[0]! && va < this.#end
  }

  /** Null where nothing is shown. */
  translate(va: Gva): Gpa | null {
    if (!this.holds(va)) return null
    const offset = Number(va - this.#addresses[0]!)
    const page = Math.floor(offset / PAGE_SIZE)
    return page < this.#count ? gpa(this.#pages[page]! + (offset % PAGE_SIZE)) : null
  }
}
