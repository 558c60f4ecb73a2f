// Reading and writing guest memory by virtual address, page by page through the tables; no view of RAM is kept.
import { type Gpa, type Gva, gpa, gva, hex, hex64, PAGE_SIZE, type Pfn } from '@dumpstack/bytes'
import { PageTablesDamaged } from '@dumpstack/drivers'
import type { Owner, Ram } from '@dumpstack/machine'
import { KernelError } from '../errors.ts'
import type { PageTables, Protection } from './page-tables.ts'
import type { PhysicalPages } from './physical-pages.ts'

export class AddressSpace {
  readonly ram: Ram
  readonly pages: PhysicalPages
  readonly tables: PageTables
  readonly #word = new Uint8Array(8)
  readonly #wordView = new DataView(this.#word.buffer)

  constructor(ram: Ram, pages: PhysicalPages, tables: PageTables) {
    this.ram = ram
    this.pages = pages
    this.tables = tables
  }

  /** Backs `pageCount` pages from `va` on with page frames; their content is whatever the frames held, or `each` gives them. */
  commit(
    va: Gva,
    pageCount: number,
    owner: Owner,
    protection: Protection,
    each?: (page: Pfn, index: number) => void,
  ): void {
    for (let i = 0; i < pageCount; i++) {
      const page = this.pages.take(owner)
      this.tables.map(gva(va + BigInt(i * PAGE_SIZE)), page, protection)
      each?.(page, i)
    }
  }

  commitZeroed(va: Gva, pageCount: number, owner: Owner, protection: Protection): void {
    for (let i = 0; i < pageCount; i++) {
      this.tables.map(gva(va + BigInt(i * PAGE_SIZE)), this.pages.takeZeroed(owner), protection)
    }
  }

  /** Unmaps the pages and gives their frames back. */
  decommit(va: Gva, pageCount: number): void {
    for (let i = 0; i < pageCount; i++) {
      this.pages.release(this.tables.unmap(gva(va + BigInt(i * PAGE_SIZE))), 1)
    }
  }

  write(va: Gva, from: Uint8Array): void {
    let done = 0
    while (done < from.byteLength) {
      const at = gva(va + BigInt(done))
      const part = Math.min(from.byteLength - done, PAGE_SIZE - Number(at & 0xfffn))
      this.ram.write(this.#mapped(at), from.subarray(done, done + part))
      done += part
    }
  }

  read(va: Gva, byteLength: number): Uint8Array {
    const into = new Uint8Array(byteLength)
    let done = 0
    while (done < byteLength) {
      const at = gva(va + BigInt(done))
      const part = Math.min(byteLength - done, PAGE_SIZE - Number(at & 0xfffn))
      this.ram.read(this.#mapped(at), into.subarray(done, done + part))
      done += part
    }
    return into
  }

  u32(va: Gva): number {
    return new DataView(this.read(va, 4).buffer).getUint32(0, true)
  }

  setU32(va: Gva, value: number): void {
    this.#wordView.setUint32(0, value, true)
    this.write(va, this.#word.subarray(0, 4))
  }

  u64(va: Gva): bigint {
    return new DataView(this.read(va, 8).buffer).getBigUint64(0, true)
  }

  setU64(va: Gva, value: bigint): void {
    this.#wordView.setBigUint64(0, value, true)
    this.write(va, this.#word)
  }

  #mapped(va: Gva): Gpa {
    const address = this.tables.translate(va)
    if (address === null) throw new KernelError('NOT_MAPPED', `address ${hex64(va)} is not mapped`, { va })
    if (!this.ram.has(address, 1)) {
      const what = `${hex64(va)}, which is the kernel's own, is at physical ${hex(address)}, which is no RAM`
      throw new PageTablesDamaged(what, { va, address })
    }
    return gpa(address)
  }
}
