// Four levels of x64 page tables (Intel SDM vol. 3, 4.5; software entries as Windows reads them). Hot path: a virtual
// address travels as two 32-bit halves and a result is a number, so nothing is allocated per translation.
import type { Gpa, Gva, Pfn, PhysicalSpace } from '@dumpstack/bytes'
import {
  PTE_LARGE_PAGE,
  PTE_PFN_HIGH_MASK,
  PTE_PFN_LOW_MASK,
  PTE_PROTOTYPE,
  PTE_SIZE,
  PTE_TRANSITION,
  PTE_VALID,
  PTES_PER_TABLE,
} from '@dumpstack/nt'

/** Results of walk() that are no addresses. */
export const NOT_MAPPED = -1
/** The page of a table cannot be read: `absentTable` is its PFN. */
export const TABLE_ABSENT = -2
/** The entry says where the page went: page file, prototype entry. */
export const PAGED_OUT = -3

const PAGE_BYTES = 4096
/** The bit of an address where the index of the PML4 starts, and that of a page table. */
export const ROOT_SHIFT = 39
export const LEAF_SHIFT = 12
/** A power of two. */
const CACHE_SLOTS = 128
const NO_TABLE = new Uint32Array(0)

export class PageWalker {
  readonly #space: PhysicalSpace
  readonly #root: number
  /** PFN of the table that the last walk with TABLE_ABSENT did not get. */
  absentTable = -1
  // A direct-mapped cache of page-table pages: slot = PFN modulo the slots; a slot's memory comes with its first use.
  readonly #tags = new Float64Array(CACHE_SLOTS).fill(-1)
  readonly #tables: Uint32Array[] = Array.from({ length: CACHE_SLOTS }, () => NO_TABLE)
  // The last page table reached, and the 2 MiB of addresses that it serves: neighbours need no walk from the root.
  #leafHigh = 0
  #leafPrefix = -1
  #leafTable = 0

  constructor(space: PhysicalSpace, dtb: Gpa) {
    this.#space = space
    this.#root = Math.floor(dtb / PAGE_BYTES)
  }

  /** GPA of a virtual address given as halves, or one of the negative results. */
  walk(high: number, low: number): number {
    const sign = (high | 0) >> 15
    if (sign !== 0 && sign !== -1) return NOT_MAPPED // not canonical
    let page = this.#root
    let shift = ROOT_SHIFT
    if (low >>> 21 === this.#leafPrefix && high === this.#leafHigh) {
      page = this.#leafTable
      shift = LEAF_SHIFT
    }
    for (; ; shift -= 9) {
      const slot = page & (CACHE_SLOTS - 1)
      if (this.#tags[slot] !== page && !this.#load(slot, page)) {
        this.absentTable = page
        return TABLE_ABSENT
      }
      const table = this.#tables[slot]!
      const at = index(high, low, shift) * 2
      const entryLow = table[at]!
      const entryHigh = table[at + 1]!
      if ((entryLow & PTE_VALID) === 0) {
        if (entryLow === 0 && entryHigh === 0) return NOT_MAPPED
        const isInMemory = (entryLow & (PTE_TRANSITION | PTE_PROTOTYPE)) === PTE_TRANSITION
        if (!isInMemory) return PAGED_OUT
      } else if (isLargePage(entryLow, shift)) {
        return largePage(entryHigh, entryLow, low, shift)
      }
      const next = framePfn(entryHigh, entryLow)
      if (shift === LEAF_SHIFT) {
        this.#leafHigh = high
        this.#leafPrefix = low >>> 21
        this.#leafTable = page
        return next * PAGE_BYTES + (low & 0xfff)
      }
      page = next
    }
  }

  /** Reads the page of a table into its slot; false where the space does not hold it. */
  #load(slot: number, page: number): boolean {
    if (this.#tables[slot] === NO_TABLE) this.#tables[slot] = new Uint32Array(PAGE_BYTES / 4)
    this.#tags[slot] = -1
    const bytes = new Uint8Array(this.#tables[slot]!.buffer)
    // A PFN times the page size is the address of the table.
    if (this.#space.read((page * PAGE_BYTES) as Gpa, bytes) < PAGE_BYTES) return false
    this.#tags[slot] = page
    return true
  }
}

/** Nine bits of the address from `shift` on. */
function index(high: number, low: number, shift: number): number {
  switch (shift) {
    case ROOT_SHIFT:
      return (high >>> 7) & (PTES_PER_TABLE - 1)
    case 30:
      return ((high << 2) | (low >>> 30)) & (PTES_PER_TABLE - 1)
    default:
      return (low >>> shift) & (PTES_PER_TABLE - 1)
  }
}

/** For a valid entry: a PDPTE maps 1 GiB, a PDE 2 MiB. */
export const isLargePage = (entryLow: number, shift: number): boolean =>
  (entryLow & PTE_LARGE_PAGE) !== 0 && shift !== LEAF_SHIFT && shift !== ROOT_SHIFT

/** PFN of the page or the table that an entry names. */
export const framePfn = (entryHigh: number, entryLow: number): number =>
  (entryHigh & PTE_PFN_HIGH_MASK) * 0x100000 + (entryLow >>> 12)

function largePage(entryHigh: number, entryLow: number, low: number, shift: number): number {
  const offsetMask = 2 ** shift - 1 // 1 GiB or 2 MiB; bit 12 of the entry is PAT
  const base = (entryLow & PTE_PFN_LOW_MASK & ~offsetMask) >>> 0
  return (entryHigh & PTE_PFN_HIGH_MASK) * 0x1_0000_0000 + base + (low & offsetMask)
}

const LOW_HALF = 0xffff_ffffn

export const highHalf = (address: Gva): number => Number(address >> 32n) // 32 bits
export const lowHalf = (address: Gva): number => Number(address & LOW_HALF) // 32 bits

/** What the processor reads of one table on its way to a page. */
export interface PageTableEntry {
  /** Bit of the address from which its nine bits of this level start: 39, 30, 21, 12. */
  readonly shift: number
  /** False where the space does not hold the table; the entry is then zero. */
  readonly isHeld: boolean
  readonly high: number
  readonly low: number
  /** The page or the table that a valid entry names. */
  readonly frame: Pfn
}

/** The entries that the processor reads to translate an address, down to the first that is not valid or maps a page. */
export function pageTableEntries(dtb: Gpa, address: Gva, space: PhysicalSpace): PageTableEntry[] {
  const high = highHalf(address)
  const low = lowHalf(address)
  const bytes = new Uint8Array(PTE_SIZE)
  const halves = new Uint32Array(bytes.buffer)
  const entries: PageTableEntry[] = []
  let page = Math.floor(dtb / PAGE_BYTES)
  for (let shift = ROOT_SHIFT; shift >= LEAF_SHIFT; shift -= 9) {
    const place = page * PAGE_BYTES + index(high, low, shift) * PTE_SIZE
    const isHeld = space.read(place as Gpa, bytes) === PTE_SIZE // inside the page of a table
    if (!isHeld) bytes.fill(0)
    const [entryLow, entryHigh] = [halves[0]!, halves[1]!]
    page = framePfn(entryHigh, entryLow)
    entries.push({ shift, isHeld, high: entryHigh, low: entryLow, frame: page as Pfn }) // 36 bits of an entry
    if ((entryLow & PTE_VALID) === 0 || isLargePage(entryLow, shift)) break
  }
  return entries
}

/** One translation; a caller with many keeps a PageWalker. Null when the address leads to no page. */
export function translate(dtb: Gpa, address: Gva, space: PhysicalSpace): Gpa | null {
  const result = new PageWalker(space, dtb).walk(highHalf(address), lowHalf(address))
  return result < 0 ? null : (result as Gpa) // a walk that succeeds gives a physical address
}
