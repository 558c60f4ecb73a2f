// Address translation: 4-level paging with 4 KiB, 2 MiB and 1 GiB pages (Intel SDM vol. 3, 4.5), for supervisor code
// with CR0.WP and EFER.NXE set. Accessed and dirty flags (4.8) are not set: page tables are part of what a dump must
// show, and a translation must not change them. Keys, SMEP, SMAP and reserved bits are not modelled.
import { gpa as gpaOf } from '@dumpstack/bytes'
import type { Ram } from '../machine.ts'
import { type State, Word } from './state.ts'

const PRESENT = 0x1
const WRITABLE = 0x2
const LARGE = 0x80
const NO_EXECUTE = 1 << 31
const ADDRESS_HIGH = 0xfffff
const TWO_32 = 2 ** 32

/** Direct-mapped; a power of two. */
export const TLB_ENTRIES = 1024
/** No page has this low half. */
const NO_PAGE = 1

export type Access = 'read' | 'write' | 'execute'

export class Mmu {
  /** After `translate` answered -1: whether a translation exists. */
  isPresent = false
  /** After it answered -1: whether the address has 64 bits of which the upper 17 differ. */
  isCanonical = true
  readonly #ram: Ram
  readonly #words: Int32Array
  readonly #tagLo = new Int32Array(TLB_ENTRIES)
  readonly #tagHi = new Int32Array(TLB_ENTRIES)
  readonly #pages = new Float64Array(TLB_ENTRIES)
  readonly #isWritable = new Uint8Array(TLB_ENTRIES)
  readonly #isExecutable = new Uint8Array(TLB_ENTRIES)

  constructor(ram: Ram, state: State) {
    this.#ram = ram
    this.#words = state.words
    this.flush()
  }

  flush(): void {
    this.#tagLo.fill(NO_PAGE)
  }

  flushPage(lo: number, hi: number): void {
    const entry = (lo >>> 12) & (TLB_ENTRIES - 1)
    if (this.#tagLo[entry] === (lo & -4096) && this.#tagHi[entry] === hi) this.#tagLo[entry] = NO_PAGE
  }

  /** The physical address of a virtual one; -1 where the access is not possible. */
  translate(lo: number, hi: number, access: Access): number {
    const entry = (lo >>> 12) & (TLB_ENTRIES - 1)
    if (this.#tagLo[entry] !== (lo & -4096) || this.#tagHi[entry] !== hi) {
      if (!this.#walk(lo, hi, entry)) return -1
    }
    if (
      access === 'write'
        ? this.#isWritable[entry] === 0
        : access === 'execute' && this.#isExecutable[entry] === 0
    ) {
      this.isPresent = true
      this.isCanonical = true
      return -1
    }
    return this.#pages[entry]! + (lo & 4095)
  }

  #walk(lo: number, hi: number, entry: number): boolean {
    this.isPresent = false
    this.isCanonical = (hi << 16) >> 16 === hi
    if (!this.isCanonical) return false
    const words = this.#words
    let table = (words[Word.cr3 + 1]! & ADDRESS_HIGH) * TWO_32 + ((words[Word.cr3]! & -4096) >>> 0)
    let isWritable = true
    let isExecutable = true
    for (let level = 3; ; level--) {
      const index = indexAt(lo, hi, level)
      const at = gpaOf(table + index * 8)
      if (!this.#ram.has(at, 8)) return false
      const low = this.#ram.u32(at)
      const high = this.#ram.u32(gpaOf(at + 4))
      if ((low & PRESENT) === 0) return false
      isWritable &&= (low & WRITABLE) !== 0
      isExecutable &&= (high & NO_EXECUTE) === 0
      table = (high & ADDRESS_HIGH) * TWO_32 + ((low & -4096) >>> 0)
      if (level === 0) break
      if ((low & LARGE) === 0) continue
      if (level === 3) return false // reserved there
      const inPage = level === 1 ? lo & 0x1ff000 : lo & 0x3ffff000
      const pageMask = level === 1 ? -0x200000 : -0x40000000
      table = (high & ADDRESS_HIGH) * TWO_32 + ((low & pageMask) >>> 0) + inPage
      break
    }
    this.#tagLo[entry] = lo & -4096
    this.#tagHi[entry] = hi
    this.#pages[entry] = table
    this.#isWritable[entry] = isWritable ? 1 : 0
    this.#isExecutable[entry] = isExecutable ? 1 : 0
    return true
  }
}

/** Bits 47:39, 38:30, 29:21, 20:12 of an address. */
function indexAt(lo: number, hi: number, level: number): number {
  switch (level) {
    case 3:
      return (hi >>> 7) & 0x1ff
    case 2:
      return ((hi << 2) | (lo >>> 30)) & 0x1ff
    case 1:
      return (lo >>> 21) & 0x1ff
    default:
      return (lo >>> 12) & 0x1ff
  }
}
