// Who owns which physical page: hands out page frames with an owner tag, in an order that depends on the seed only.
import { endOfRuns, type Gpa, hex, PAGE_SIZE, PageSet, type Pfn, pfn, pfnToGpa } from '@dumpstack/bytes'
import { Owner, type Ram } from '@dumpstack/machine'
import { KernelError } from '../errors.ts'
import { SeededChoice } from './seeded-choice.ts'

const FOUR_GIGABYTE_PAGE = 0x100000
// Accessors of RAM never cross a chunk (1 GiB from the start of its run), so no contiguous block does.
const CHUNK_PAGES = 0x40000
const ZERO_PAGE = new Uint8Array(PAGE_SIZE)

interface Zone {
  readonly first: number
  readonly end: number
  /** Where the search for the next single page begins. */
  next: number
  /** No page is free from here to the end. */
  top: number
}

export class PhysicalPages {
  readonly #ram: Ram
  readonly #free: PageSet
  readonly #zones: readonly Zone[]
  readonly #choice: SeededChoice
  #turn = 0

  constructor(ram: Ram) {
    this.#ram = ram
    this.#free = PageSet.ofRuns(ram.runs, endOfRuns(ram.runs))
    // Firmware and the boot loader keep the first megabyte: nothing of the running kernel is placed there.
    this.#zones = ram.runs
      .filter((run) => run.basePage >= 0x100)
      .map(({ basePage, pageCount }) => {
        const end = basePage + pageCount
        return { first: basePage, end, next: basePage, top: end }
      })
    this.#choice = new SeededChoice(ram.seed, 'physical pages')
  }

  /** One page from anywhere; not written. Zones take turns and gaps are left, as on a machine that has run a while. */
  take(owner: Owner): Pfn {
    for (let tried = 0; tried < this.#zones.length; tried++) {
      const zone = this.#zones[this.#turn++ % this.#zones.length]!
      const page = this.#search(zone)
      if (page >= 0) {
        zone.next = page + 1
        if (this.#choice.below(8) === 0) zone.next += this.#choice.below(16)
        this.#claim(page, 1, owner)
        return pfn(page)
      }
    }
    throw new KernelError('OUT_OF_MEMORY', 'physical memory has no free page left', { pages: 1 })
  }

  /** This page, which must be free, zeroed. */
  takeZeroedAt(page: Pfn, owner: Owner): Pfn {
    if (!this.#free.has(page)) {
      throw new KernelError('OUT_OF_MEMORY', `physical page ${hex(page)} is not free`, { page })
    }
    this.#claim(page, 1, owner)
    this.#ram.write(pfnToGpa(page), ZERO_PAGE)
    return page
  }

  /** One page of zeros. */
  takeZeroed(owner: Owner): Pfn {
    const page = this.take(owner)
    this.#ram.write(pfnToGpa(page), ZERO_PAGE)
    return page
  }

  /** Pages that follow each other, zeroed; from the top of memory, above 4 GiB where that is allowed. */
  takeContiguous(count: number, owner: Owner, below4GiB: boolean): Gpa {
    for (const zone of this.#zones.toReversed()) {
      if (below4GiB && zone.first >= FOUR_GIGABYTE_PAGE) continue
      const page = this.#searchBlock(zone, count)
      if (page < 0) continue
      this.#claim(page, count, owner)
      for (let i = 0; i < count; i++) this.#ram.write(pfnToGpa(pfn(page + i)), ZERO_PAGE)
      return pfnToGpa(pfn(page))
    }
    const where = below4GiB ? ' below 4 GiB' : ''
    throw new KernelError(
      'OUT_OF_MEMORY',
      `physical memory has no ${hex(count)} free pages in a row${where}`,
      { pages: count },
    )
  }

  /** The content stays: a page that was freed is not a page that was never written. */
  release(page: Pfn, count: number): void {
    this.#free.addRun(page, count)
    this.#ram.setOwner(page, count, Owner.free)
    const zone = this.#zones.find(({ first, end }) => page >= first && page < end)
    if (zone !== undefined) zone.top = Math.max(zone.top, page + count)
  }

  #claim(page: number, count: number, owner: Owner): void {
    for (let i = 0; i < count; i++) this.#free.delete(pfn(page + i))
    this.#ram.setOwner(pfn(page), count, owner)
  }

  #search(zone: Zone): number {
    for (let page = zone.next; page < zone.end; page++) if (this.#free.has(pfn(page))) return page
    for (let page = zone.first; page < zone.next; page++) if (this.#free.has(pfn(page))) return page
    return -1
  }

  #searchBlock(zone: Zone, count: number): number {
    while (zone.top > zone.first && !this.#free.has(pfn(zone.top - 1))) zone.top--
    let length = 0
    for (let page = zone.top - 1; page >= zone.first; page--) {
      if ((page + 1 - zone.first) % CHUNK_PAGES === 0) length = 0
      length = this.#free.has(pfn(page)) ? length + 1 : 0
      if (length === count) return page
    }
    return -1
  }
}
