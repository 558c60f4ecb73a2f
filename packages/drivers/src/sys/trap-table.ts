// Import slots: one 16-byte slot for each name that a driver imports, on addresses that no page table maps. Executing a slot
// reaches the export's routine on our side.
import { type Gva, gva, PAGE_SIZE } from '@dumpstack/bytes'
import type { PeImage } from '@dumpstack/image'
import type { KernelServices } from '../kernel-services.ts'

const SLOT_BYTES = 16

export interface ImportSlot {
  readonly dll: string
  readonly name: string
}

export class TrapTable {
  readonly slots: readonly ImportSlot[]
  readonly base: Gva
  readonly #byName = new Map<string, number>()

  constructor(kernel: KernelServices, pe: PeImage) {
    this.slots = pe.imports.flatMap(({ dll, names }) => names.map(({ name }) => ({ dll, name })))
    this.slots.forEach(({ dll, name }, slot) => {
      this.#byName.set(`${dll}!${name}`, slot)
    })
    const pages = Math.max(1, Math.ceil((this.slots.length * SLOT_BYTES) / PAGE_SIZE))
    this.base = kernel.reserveSystemPtes(pages)
  }

  /** The slot at an address; null where there is none. */
  slotAt(address: Gva): number | null {
    const slot = Number(address - this.base) / SLOT_BYTES
    return Number.isInteger(slot) && slot >= 0 && slot < this.slots.length ? slot : null
  }

  address(dll: string, name: string): Gva {
    return gva(this.base + BigInt(this.#byName.get(`${dll}!${name}`)! * SLOT_BYTES))
  }
}
