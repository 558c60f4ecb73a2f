// Addresses at which a port shows a miniport the data of the request that runs: SRB.DataBuffer points here. The port translates these
// addresses itself; page table entries point there where the miniport wants its buffers mapped (MapBuffers).
import { type Gpa, type Gva, gpa, gva, PAGE_SIZE } from '@dumpstack/bytes'
import type { KernelServices } from './kernel-services.ts'

export class DataWindow {
  readonly #addresses: readonly Gva[]
  readonly #end: Gva
  readonly #pages: Float64Array
  readonly #kernel: KernelServices
  #count = 0
  /** Pages that page table entries point at. */
  #mappedCount = 0

  /** `va`: reserved system PTEs, one for each page. */
  constructor(kernel: KernelServices, va: Gva, pageCount: number) {
    this.#kernel = kernel
    this.#addresses = Array.from({ length: pageCount }, (_, page) => gva(va + BigInt(page * PAGE_SIZE)))
    this.#end = gva(va + BigInt(pageCount * PAGE_SIZE))
    this.#pages = new Float64Array(pageCount)
  }

  /** Of a byte, counted from the first page that is shown. */
  addressOf(offset: number): Gva {
    const within = offset % PAGE_SIZE
    const page = this.#addresses[(offset - within) / PAGE_SIZE]!
    return within === 0 ? page : gva(page + BigInt(within))
  }

  /** Page table entries keep what they point at until the next pages are mapped, as those of a dump do. */
  unmap(): void {
    this.#count = 0
  }

  /** Lets page table entries point at the pages that are shown, and at no other. */
  map(): void {
    for (let page = 0; page < this.#count; page++) {
      this.#kernel.mapSystemPte(this.#addresses[page]!, gpa(this.#pages[page]!))
    }
    for (let page = this.#count; page < this.#mappedCount; page++) {
      this.#kernel.mapSystemPte(this.#addresses[page]!, null)
    }
    this.#mappedCount = this.#count
  }

  /** Shows the page at `address` after those that are shown already. */
  add(address: number): void {
    this.#pages[this.#count++] = address
  }

  /** Shows another page in the place of one that is shown. */
  replace(page: number, address: number): void {
    this.#pages[page] = address
    if (page < this.#mappedCount) this.#kernel.mapSystemPte(this.#addresses[page]!, gpa(address))
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
