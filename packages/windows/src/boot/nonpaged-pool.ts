// Nonpaged pool as a debugger sees it: blocks with a POOL_HEADER (16 bytes: BlockSize in 16-byte units at 2, PoolType at 3,
// Tag at 4) that never cross a page, larger ones on pages of their own without a header. Freed blocks are not reused.
import { type Gva, gva, PAGE_SIZE } from '@dumpstack/bytes'
import { Owner } from '@dumpstack/machine'
import type { AddressSpace } from './address-space.ts'
import { KERNEL_READ_WRITE } from './page-tables.ts'
import type { VirtualRegion } from './virtual-region.ts'

const HEADER_BYTES = 16
/** BlockSize has 8 bits: a block never fills a whole page. */
const MAX_UNITS = 255
// unverified: what PoolType byte 19041 keeps in the header of an allocated NonPagedPoolNx block.
const POOL_TYPE_NONPAGED_IN_USE = 2

export class NonpagedPool {
  readonly #space: AddressSpace
  readonly #region: VirtualRegion
  #page: bigint = 0n
  #used: number = PAGE_SIZE
  #previousUnits = 0

  constructor(space: AddressSpace, region: VirtualRegion) {
    this.#space = space
    this.#region = region
  }

  /** Zeroed; 16-byte aligned, on pages of its own where it would fill one. `tag` has four characters. */
  allocate(byteLength: number, tag: string): Gva {
    const units = Math.ceil((byteLength + HEADER_BYTES) / 16)
    if (units > MAX_UNITS) return this.#pages(byteLength)
    if (this.#used + units * 16 > PAGE_SIZE) {
      this.#page = this.#pages(PAGE_SIZE)
      this.#used = 0
      this.#previousUnits = 0
    }
    const at = gva(this.#page + BigInt(this.#used))
    const header = new Uint8Array(HEADER_BYTES)
    header[0] = this.#previousUnits
    header[2] = units
    header[3] = POOL_TYPE_NONPAGED_IN_USE
    for (let i = 0; i < 4; i++) header[4 + i] = tag.charCodeAt(i)
    this.#space.write(at, header)
    this.#used += units * 16
    this.#previousUnits = units
    return gva(at + BigInt(HEADER_BYTES))
  }

  /** Pages that the kernel owns and has not written yet: their frames keep what they held. */
  reserve(pageCount: number): Gva {
    const va = this.#region.take(pageCount * PAGE_SIZE)
    this.#space.commit(va, pageCount, Owner.kernel, KERNEL_READ_WRITE)
    return va
  }

  #pages(byteLength: number): Gva {
    const va = this.#region.take(byteLength)
    this.#space.commitZeroed(va, Math.ceil(byteLength / PAGE_SIZE), Owner.kernel, KERNEL_READ_WRITE)
    return va
  }
}
