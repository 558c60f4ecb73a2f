// Memory that the running port hands out, to itself and to its miniport: nonpaged, below 4 GiB where the controller reaches no further.
import { PAGE_SIZE } from '@dumpstack/bytes'
import { type Machine, Owner } from '@dumpstack/machine'
import { GuestHeap, guestBlock } from '../guest-block.ts'
import type { KernelMemory, KernelServices } from '../kernel-services.ts'
import type { GuestBlock } from '../miniport.ts'

const POOL_BYTES = 0x8000
// Our choice: no storage driver comes near, and a lying size must not empty the guest's memory.
export const MAXIMUM_ALLOCATION = 0x100_0000

export class PortMemory {
  readonly #machine: Machine
  readonly #kernel: KernelServices
  #heap: GuestHeap | null = null
  /** Asked at each allocation: the miniport says so in HwFindAdapter. */
  #staysBelow4GiB: () => boolean = () => false

  constructor(machine: Machine, kernel: KernelServices) {
    this.#machine = machine
    this.#kernel = kernel
  }

  /** From here on memory is for the controller too. */
  serveController(staysBelow4GiB: () => boolean): void {
    this.#staysBelow4GiB = staysBelow4GiB
  }

  /** What is left of the heap may lie where the controller does not reach. */
  startNewHeap(): void {
    this.#heap = null
  }

  allocate(byteLength: number): GuestBlock {
    const fits = this.#heap?.take(byteLength)
    if (fits) return fits
    const memory = this.#contiguous(Math.max(byteLength, POOL_BYTES), Owner.kernel)
    this.#heap = new GuestHeap(this.#machine.ram, memory)
    return this.allocate(byteLength)
  }

  /** Contiguous pages; null where so many are refused. */
  pages(byteLength: number): GuestBlock | null {
    if (byteLength > MAXIMUM_ALLOCATION) return null
    return guestBlock(this.#machine.ram, this.#contiguous(byteLength, Owner.kernel))
  }

  /** Contiguous and DMA memory come from the pool too: whole pages begin at one. */
  pool(byteLength: number): GuestBlock | null {
    return byteLength < PAGE_SIZE ? this.allocate(byteLength) : this.pages(byteLength)
  }

  /** Memory of the dump path, which the running system does not touch. */
  dumpRegion(byteLength: number): KernelMemory {
    return this.#contiguous(byteLength, Owner.dumpPath)
  }

  #contiguous(byteLength: number, owner: Owner): KernelMemory {
    return this.#kernel.allocate(byteLength, { owner, below4GiB: this.#staysBelow4GiB() })
  }
}
