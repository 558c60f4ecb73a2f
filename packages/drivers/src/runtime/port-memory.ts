// Memory that the running port hands out, to itself and to its miniport: nonpaged, below 4 GiB where the controller reaches no further.
import { type Gva, PAGE_SIZE, pagesInRuns } from '@dumpstack/bytes'
import { type Machine, Owner } from '@dumpstack/machine'
import { GuestHeap, guestBlock } from '../guest-block.ts'
import type { KernelMemory, KernelServices } from '../kernel-services.ts'
import type { GuestBlock } from '../miniport.ts'

const POOL_BYTES = 0x8000
// Our choice: no storage driver comes near, and a lying size must not empty the guest's memory.
export const MAX_ALLOCATION = 0x100_0000
/** Of RAM, what a driver may have of the pool at once: past it the system has none left for it. */
const POOL_SHARE = 1 / 4
const POOL_ALIGNMENT = 16

export class PortMemory {
  readonly #machine: Machine
  readonly #kernel: KernelServices
  #heap: GuestHeap | null = null
  readonly #poolLimit: number
  #poolBytes = 0
  /** Blocks of the pool that are in use, and by their size those that were given back. */
  readonly #used = new Map<Gva, GuestBlock>()
  readonly #freed = new Map<number, GuestBlock[]>()
  /** Asked at each allocation: the miniport says so in HwFindAdapter. */
  #staysBelow4GiB: () => boolean = () => false

  constructor(machine: Machine, kernel: KernelServices) {
    this.#machine = machine
    this.#kernel = kernel
    this.#poolLimit = pagesInRuns(machine.ram.runs) * PAGE_SIZE * POOL_SHARE
  }

  /** From here on memory is for the controller too. */
  serveController(staysBelow4GiB: () => boolean): void {
    this.#staysBelow4GiB = staysBelow4GiB
  }

  /** What is left of the heap may lie where the controller does not reach. */
  startNewHeap(): void {
    this.#heap = null
    this.#freed.clear()
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
    if (byteLength > MAX_ALLOCATION) return null
    return guestBlock(this.#machine.ram, this.#contiguous(byteLength, Owner.kernel))
  }

  /** Contiguous and DMA memory come from the pool too: whole pages begin at one. Null where the driver has too much already. */
  pool(byteLength: number): GuestBlock | null {
    const unit = byteLength < PAGE_SIZE ? POOL_ALIGNMENT : PAGE_SIZE
    const size = Math.ceil(byteLength / unit) * unit
    const block = this.#freed.get(size)?.pop() ?? this.#newPool(size)
    if (block !== null) this.#used.set(block.va, block)
    return block
  }

  #newPool(size: number): GuestBlock | null {
    if (this.#poolBytes + size > this.#poolLimit) return null
    const block = size < PAGE_SIZE ? this.allocate(size) : this.pages(size)
    if (block !== null) this.#poolBytes += size
    return block
  }

  /** Those that are in use. */
  get poolBlocks(): readonly GuestBlock[] {
    return [...this.#used.values()]
  }

  /** An address that is no block of the pool is ignored. */
  free(va: Gva): void {
    const block = this.#used.get(va)
    if (block === undefined) return
    this.#used.delete(va)
    const size = block.view.byteLength
    const freed = this.#freed.get(size)
    if (freed === undefined) this.#freed.set(size, [block])
    else freed.push(block)
  }

  /** Memory of the dump path, which the running system does not touch. */
  dumpRegion(byteLength: number): KernelMemory {
    return this.#contiguous(byteLength, Owner.dumpPath)
  }

  #contiguous(byteLength: number, owner: Owner): KernelMemory {
    return this.#kernel.allocate(byteLength, { owner, below4GiB: this.#staysBelow4GiB() })
  }
}
