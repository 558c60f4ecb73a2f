// Four levels of x64 page tables (Intel SDM vol. 3, 4.5; software entries as Windows reads them). Hot path: a virtual
// address travels as two 32-bit halves and a result is a number, so nothing is allocated per translation.
import type { Gpa, Gva, PhysicalSpace } from '@dumpstack/bytes'
import {
  PTE_LARGE_PAGE,
  PTE_PFN_HIGH_MASK,
  PTE_PFN_LOW_MASK,
  PTE_PROTOTYPE,
  PTE_TRANSITION,
  PTE_VALID,
  PTES_PER_TABLE,
} from '@dumpstack/nt'

/** Results of walk() that are no addresses. */
export const NOT_MAPPED = -1
/** A page table is not in the dump. */
export const TABLE_ABSENT = -2
/** The entry says where the page went: page file, prototype entry. */
export const PAGED_OUT = -3

const PAGE_BYTES = 4096
/** A power of two. */
const CACHE_SLOTS = 128

export class PageWalker {
  readonly #space: PhysicalSpace
  readonly #root: number
  // A direct-mapped cache of page-table pages: slot = PFN modulo the slots; a slot's memory comes with its first use.
  readonly #tables: (PageTable | undefined)[] = Array.from({ length: CACHE_SLOTS })

  constructor(space: PhysicalSpace, dtb: Gpa) {
    this.#space = space
    this.#root = Math.floor(dtb / PAGE_BYTES)
  }

  /** GPA of a virtual address given as halves, or one of the negative results. */
  walk(high: number, low: number): number {
    const sign = (high | 0) >> 15
    if (sign !== 0 && sign !== -1) return NOT_MAPPED // not canonical
    let tablePage = this.#root
    for (let shift = 39; ; shift -= 9) {
      const table = this.#table(tablePage)
      if (table === null) return TABLE_ABSENT
      const at = index(high, low, shift) * 2
      const entryLow = table.words[at]!
      const entryHigh = table.words[at + 1]!
      const page = (entryHigh & PTE_PFN_HIGH_MASK) * 0x100000 + (entryLow >>> 12)
      if ((entryLow & PTE_VALID) === 0) {
        if (entryLow === 0 && entryHigh === 0) return NOT_MAPPED
        const isInMemory = (entryLow & (PTE_TRANSITION | PTE_PROTOTYPE)) === PTE_TRANSITION
        if (!isInMemory) return PAGED_OUT
      } else if (shift !== 12 && shift !== 39 && (entryLow & PTE_LARGE_PAGE) !== 0) {
        return largePage(entryHigh, entryLow, low, shift)
      }
      if (shift === 12) return page * PAGE_BYTES + (low & 0xfff)
      tablePage = page
    }
  }

  /** The page of a table; null where the space does not hold it. */
  #table(page: number): PageTable | null {
    const slot = page & (CACHE_SLOTS - 1)
    let table = this.#tables[slot]
    if (table?.page === page) return table
    if (table === undefined) {
      const words = new Uint32Array(PAGE_BYTES / 4)
      table = { page: -1, words, bytes: new Uint8Array(words.buffer) }
      this.#tables[slot] = table
    }
    table.page = -1
    // A PFN times the page size is the address of the table.
    if (this.#space.read((page * PAGE_BYTES) as Gpa, table.bytes) < PAGE_BYTES) return null
    table.page = page
    return table
  }
}

interface PageTable {
  page: number
  readonly words: Uint32Array
  readonly bytes: Uint8Array
}

/** Nine bits of the address from `shift` on. */
function index(high: number, low: number, shift: number): number {
  switch (shift) {
    case 39:
      return (high >>> 7) & (PTES_PER_TABLE - 1)
    case 30:
      return ((high << 2) | (low >>> 30)) & (PTES_PER_TABLE - 1)
    default:
      return (low >>> shift) & (PTES_PER_TABLE - 1)
  }
}

function largePage(entryHigh: number, entryLow: number, low: number, shift: number): number {
  const offsetMask = 2 ** shift - 1 // 1 GiB or 2 MiB; bit 12 of the entry is PAT
  const base = (entryLow & PTE_PFN_LOW_MASK & ~offsetMask) >>> 0
  return (entryHigh & PTE_PFN_HIGH_MASK) * 0x1_0000_0000 + base + (low & offsetMask)
}

const LOW_HALF = 0xffff_ffffn

export const highHalf = (address: Gva): number => Number(address >> 32n) // 32 bits
export const lowHalf = (address: Gva): number => Number(address & LOW_HALF) // 32 bits

/** One translation; whoever makes many keeps a PageWalker. Null when the address leads to no page. */
export function translate(dtb: Gpa, address: Gva, space: PhysicalSpace): Gpa | null {
  const result = new PageWalker(space, dtb).walk(highHalf(address), lowHalf(address))
  return result < 0 ? null : (result as Gpa) // a walk that succeeds gives a physical address
}
