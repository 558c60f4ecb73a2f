// Four-level x64 page tables in guest RAM (Intel SDM volume 3, 4.5; AMD64 manual volume 2, 5.3), with the self-map that
// Windows keeps: one PML4 entry points at the PML4 itself, so that all page tables appear as one array at PteBase.
import {
  endOfRuns,
  type Gpa,
  type Gva,
  gpa,
  gva,
  hex,
  hex64,
  PAGE_SHIFT,
  PAGE_SIZE,
  PageSet,
  type Pfn,
  pfn,
  pfnToGpa,
} from '@dumpstack/bytes'
import { PageTablesDamaged } from '@dumpstack/drivers'
import { Owner, type Ram } from '@dumpstack/machine'
import {
  PTE_ACCESSED,
  PTE_CACHE_DISABLE,
  PTE_DIRTY,
  PTE_GLOBAL,
  PTE_LARGE_PAGE,
  PTE_NO_EXECUTE_HIGH,
  PTE_OWNER,
  PTE_PFN_HIGH_MASK,
  PTE_SIZE,
  PTE_VALID,
  PTE_WRITE,
  PTES_PER_TABLE,
} from '@dumpstack/nt'
import { KernelError } from '../errors.ts'
import type { PhysicalPages } from './physical-pages.ts'

// Windows' software copy of "this page may be written", in valid entries (MMPTE_HARDWARE.Write, bit 11).
const PTE_SOFTWARE_WRITE = 0x800

const TABLE_LOW = PTE_VALID | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY
const LEVEL_SHIFTS = [39, 30, 21, 12] as const
const FIRST_KERNEL_SLOT = 256

export interface Protection {
  readonly write: boolean
  readonly execute: boolean
  readonly user?: boolean
  readonly uncached?: boolean
}
/** Our choice: they would map 32 GiB. Our systems have some hundred. */
const MAX_TABLES = 16_384
/** `entryAt`: low 48 bits of the address where the self-map shows the entry that maps `target`. */
export type EntryVisitor = (target: Pfn, table: Pfn, entryAt: number) => void
/** One look at all tables. */
interface Walk {
  readonly visitor: EntryVisitor
  readonly visited: PageSet
  left: number
}
export const KERNEL_READ_WRITE: Protection = { write: true, execute: false }

/** First address that PML4 entry `slot` maps. */
export const slotAddress = (slot: number): Gva =>
  gva((slot >= FIRST_KERNEL_SLOT ? 0xffff000000000000n : 0n) | (BigInt(slot) << 39n))
export const slotOf = (va: Gva): number => Number((va >> 39n) & 0x1ffn)

/** One address space: a PML4 and what hangs below it. Process spaces share the kernel half of the System process. */
export class PageTables {
  readonly root: Pfn
  readonly selfMapSlot: number
  readonly #ram: Ram
  readonly #pages: PhysicalPages

  private constructor(ram: Ram, pages: PhysicalPages, selfMapSlot: number, root: Pfn) {
    this.#ram = ram
    this.#pages = pages
    this.selfMapSlot = selfMapSlot
    this.root = root
    this.#setEntry(this.#entry(this.root, selfMapSlot), this.root, TABLE_LOW, true)
  }

  /** `kernelSlots` get their next level now: processes made later share it whatever is mapped below. */
  static ofSystem(
    ram: Ram,
    pages: PhysicalPages,
    root: Pfn,
    selfMapSlot: number,
    kernelSlots: readonly number[],
  ): PageTables {
    const tables = new PageTables(ram, pages, selfMapSlot, pages.takeZeroedAt(root, Owner.kernel))
    for (const slot of kernelSlots) tables.#below(tables.#entry(tables.root, slot), false)
    return tables
  }

  newProcess(): PageTables {
    const root = this.#pages.takeZeroed(Owner.kernel)
    const tables = new PageTables(this.#ram, this.#pages, this.selfMapSlot, root)
    for (let slot = FIRST_KERNEL_SLOT; slot < 512; slot++) {
      if (slot === this.selfMapSlot) continue
      const from = this.#entry(this.root, slot)
      const to = tables.#entry(tables.root, slot)
      this.#ram.setU32(to, this.#ram.u32(from))
      this.#ram.setU32(gpa(to + 4), this.#ram.u32(gpa(from + 4)))
    }
    return tables
  }

  get directoryTableBase(): Gpa {
    return pfnToGpa(this.root)
  }

  /** KDBG.PteBase: the page table entries of all addresses as one array. */
  get pteBase(): Gva {
    return slotAddress(this.selfMapSlot)
  }

  map(va: Gva, page: Pfn, protection: Protection): void {
    const place = this.#leaf(va, protection.user === true)
    if ((this.#ram.u32(place) & PTE_VALID) !== 0) {
      throw new KernelError('ALREADY_MAPPED', `address ${hex64(va)} is mapped already`, { va })
    }
    this.#mapPage(place, page, protection)
  }

  /** Whatever the entry was: it maps that page from now on, or none. */
  point(va: Gva, page: Pfn | null, protection: Protection): void {
    const place = this.#leaf(va, protection.user === true)
    if (page === null) this.#clear(place)
    else this.#mapPage(place, page, protection)
  }

  #mapPage(place: Gpa, page: Pfn, protection: Protection): void {
    let low = PTE_VALID | PTE_ACCESSED
    if (protection.write) low |= PTE_WRITE | PTE_DIRTY | PTE_SOFTWARE_WRITE
    if (protection.uncached) low |= PTE_CACHE_DISABLE
    low |= protection.user ? PTE_OWNER : PTE_GLOBAL
    this.#setEntry(place, page, low, !protection.execute)
  }

  /** Makes the page table of `va`, where there is none yet, of a page that belongs to `owner`. */
  makeTable(va: Gva, owner: Owner): void {
    this.#leaf(va, false, owner)
  }

  /** Clears the entry and returns the page that it mapped. */
  unmap(va: Gva): Pfn {
    const address = this.translate(va)
    if (address === null) throw new KernelError('NOT_MAPPED', `address ${hex64(va)} is not mapped`, { va })
    this.#clear(this.#leaf(va, false))
    return pfn(Math.floor(address / PAGE_SIZE))
  }

  #clear(place: Gpa): void {
    this.#ram.setU32(place, 0)
    this.#ram.setU32(gpa(place + 4), 0)
  }

  translate(va: Gva): Gpa | null {
    const low = Number(va & 0xffffffffffffn)
    let table: number = this.root
    for (const shift of LEVEL_SHIFTS) {
      const place = gpa(table * PAGE_SIZE + (Math.floor(low / 2 ** shift) & 0x1ff) * PTE_SIZE)
      // a driver may have written anything into them
      if (!this.#ram.has(place, PTE_SIZE)) return null
      const entry = this.#ram.u32(place)
      if ((entry & PTE_VALID) === 0) return null
      table = this.#target(place)
      if ((entry & PTE_LARGE_PAGE) === 0 || shift === 39 || shift === 12) continue
      const start = Math.floor((table * PAGE_SIZE) / 2 ** shift) * 2 ** shift
      return gpa(start + (low % 2 ** shift))
    }
    return gpa(table * PAGE_SIZE + (low & (PAGE_SIZE - 1)))
  }

  /**
   * Every valid entry of the kernel half or of the user half, tables before what is below them. A table is looked into once: tables that
   * a driver made name each other, and would have no end. Throws PageTablesDamaged.
   */
  visit(half: 'kernel' | 'user', visitor: EntryVisitor): void {
    const first = half === 'kernel' ? FIRST_KERNEL_SLOT : 0
    // The window on the tables shows the PML4 at index selfMapSlot of every level.
    const window = this.selfMapSlot * 2 ** 39
    const root = window + this.selfMapSlot * (2 ** 30 + 2 ** 21 + 2 ** 12)
    const walk: Walk = { visitor, visited: new PageSet(endOfRuns(this.#ram.runs)), left: MAX_TABLES }
    for (let slot = first; slot < first + FIRST_KERNEL_SLOT; slot++) {
      this.#visitEntry(this.root, slot, root, 3, walk)
    }
  }

  /** `tableAt`: low 48 bits of the address where the window shows `table`; `below`: levels under it. */
  #visitEntry(table: Pfn, index: number, tableAt: number, below: number, walk: Walk): void {
    const place = this.#entry(table, index)
    if ((this.#ram.u32(place) & PTE_VALID) === 0) return
    const target = this.#target(place)
    const entryAt = tableAt + index * PTE_SIZE
    walk.visitor(target, table, entryAt)
    if (below === 0 || target === this.root) return
    // the kernel makes none, drivers may
    if (below < 3 && (this.#ram.u32(place) & PTE_LARGE_PAGE) !== 0) return
    this.#checkTable(place, target)
    if (walk.visited.has(target)) return
    walk.visited.add(target)
    if (--walk.left < 0) throw new PageTablesDamaged(`there are more than ${MAX_TABLES}`, {})
    // What an entry maps appears at its own place in the window, one level further down: 512 times the offset.
    const window = this.selfMapSlot * 2 ** 39
    const belowAt = window + (((entryAt - window) * PTES_PER_TABLE) % 2 ** 39)
    for (let i = 0; i < PTES_PER_TABLE; i++) this.#visitEntry(target, i, belowAt, below - 1, walk)
  }

  /** The entry at `place` names a table, which lies in RAM. */
  #checkTable(place: Gpa, table: Pfn): void {
    if (this.#ram.has(pfnToGpa(table), PAGE_SIZE)) return
    const [at, target] = [hex(place), hex(table)]
    throw new PageTablesDamaged(`the entry at ${at} names pfn ${target} as a table, which is no RAM`, {
      place,
      table,
    })
  }

  #leaf(va: Gva, user: boolean, tableOwner: Owner = Owner.kernel): Gpa {
    const low = Number(va & 0xffffffffffffn)
    let table = this.root
    for (let level = 0; level < 3; level++) {
      const index = Math.floor(low / 2 ** LEVEL_SHIFTS[level]!) & 0x1ff
      table = this.#below(this.#entry(table, index), user, level === 2 ? tableOwner : Owner.kernel)
    }
    return this.#entry(table, Math.floor(low / PAGE_SIZE) & 0x1ff)
  }

  #below(place: Gpa, user: boolean, owner: Owner = Owner.kernel): Pfn {
    if ((this.#ram.u32(place) & PTE_VALID) !== 0) {
      const found = this.#target(place)
      this.#checkTable(place, found)
      return found
    }
    const table = this.#pages.takeZeroed(owner)
    this.#setEntry(place, table, TABLE_LOW | (user ? PTE_OWNER : 0), false)
    return table
  }

  #entry(table: Pfn, index: number): Gpa {
    return gpa(table * PAGE_SIZE + index * PTE_SIZE)
  }

  #target(place: Gpa): Pfn {
    const high = this.#ram.u32(gpa(place + 4)) & PTE_PFN_HIGH_MASK
    return pfn(high * 2 ** (32 - PAGE_SHIFT) + (this.#ram.u32(place) >>> PAGE_SHIFT))
  }

  #setEntry(place: Gpa, page: Pfn, low: number, noExecute: boolean): void {
    const high = Math.floor(page / 2 ** (32 - PAGE_SHIFT))
    this.#ram.setU32(place, ((page << PAGE_SHIFT) | low) >>> 0)
    this.#ram.setU32(gpa(place + 4), (high | (noExecute ? PTE_NO_EXECUTE_HIGH : 0)) >>> 0)
  }
}
