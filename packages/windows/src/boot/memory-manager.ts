// The kernel's memory manager (Mm), its parts together: physical pages, page tables, regions of addresses, pool; and what drivers ask of
// them. Built first at boot: nothing else exists without an address.
import { type Gpa, type Gva, gpa, gva, PAGE_SIZE, pfn } from '@dumpstack/bytes'
import type { KernelMemory } from '@dumpstack/drivers'
import type { Owner, Ram } from '@dumpstack/machine'
import type { Profile } from '@dumpstack/nt'
import { AddressSpace } from './address-space.ts'
import { NonpagedPool } from './nonpaged-pool.ts'
import { KERNEL_READ_WRITE, PageTables, type Protection } from './page-tables.ts'
import { PhysicalPages } from './physical-pages.ts'
import { drawKernelPlaces, type KernelRegions, kernelRegions } from './virtual-region.ts'

const REGISTERS: Protection = { write: true, execute: false, uncached: true }

export class KernelMemoryManager {
  readonly ram: Ram
  readonly profile: Profile
  readonly pages: PhysicalPages
  readonly regions: KernelRegions
  readonly tables: PageTables
  readonly space: AddressSpace
  readonly pool: NonpagedPool
  /** Register windows by physical page: the same window gives the same address. */
  readonly #windows = new Map<string, Gva>()

  constructor(ram: Ram, profile: Profile) {
    this.ram = ram
    this.profile = profile
    this.pages = new PhysicalPages(ram)
    const { systemRoot, places } = profile.paging
    this.regions = kernelRegions(places === 'drawn' ? drawKernelPlaces(ram.seed) : places)
    const { selfMapSlot, sharedSlots } = this.regions
    this.tables = PageTables.ofSystem(ram, this.pages, systemRoot, selfMapSlot, sharedSlots)
    this.space = new AddressSpace(ram, this.pages, this.tables)
    this.pool = new NonpagedPool(this.space, this.regions.nonpagedPool)
  }

  allocateContiguous(byteLength: number, owner: Owner, below4GiB: boolean): KernelMemory {
    const pageCount = Math.ceil(byteLength / PAGE_SIZE)
    const start = this.pages.takeContiguous(pageCount, owner, below4GiB)
    const va = this.regions.systemPtes.take(pageCount * PAGE_SIZE)
    this.#map(va, start, pageCount, KERNEL_READ_WRITE)
    return { va, gpa: start, byteLength }
  }

  mapIoSpace(start: Gpa, byteLength: number): Gva {
    const key = `${start}+${byteLength}`
    const known = this.#windows.get(key)
    if (known !== undefined) return known
    const offset = start % PAGE_SIZE
    const pageCount = Math.ceil((offset + byteLength) / PAGE_SIZE)
    const base = this.regions.systemPtes.take(pageCount * PAGE_SIZE)
    this.#map(base, gpa(start - offset), pageCount, REGISTERS)
    const va = gva(base + BigInt(offset))
    this.#windows.set(key, va)
    return va
  }

  #map(va: Gva, start: Gpa, pageCount: number, protection: Protection): void {
    for (let i = 0; i < pageCount; i++) {
      this.tables.map(gva(va + BigInt(i * PAGE_SIZE)), pfn(start / PAGE_SIZE + i), protection)
    }
  }
}
