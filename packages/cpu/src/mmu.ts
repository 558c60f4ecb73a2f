// Address translation: 4-level paging with 4 KiB, 2 MiB and 1 GiB pages, rights of rings 0 and 3 (Intel SDM vol. 3, 4.5
// to 4.7), with CR0.WP and EFER.NXE set. Accessed and dirty flags (4.8) are not set: page tables are part of what a dump
// must show, and a translation must not change them. CR4 has neither SMEP nor SMAP nor keys: writing them stops by name.
import { gpa as gpaOf } from '@dumpstack/bytes'
import { type State, Word } from './state.ts'
import type { CpuWorld } from './world.ts'

const PRESENT = 0x1
const WRITABLE = 0x2
const USER = 0x4
const LARGE = 0x80
const NO_EXECUTE = 1 << 31
const ADDRESS_HIGH = 0xfffff
/** Bits 51:48: addresses have 48, as cpuid says. */
const RESERVED_HIGH = 0xf0000
/** Reserved bits of entries that map 2 MiB or 1 GiB, between the PAT bit and the address. */
const RESERVED_LOW = [0, 0x1fe000, 0x3fffe000] as const
const TWO_32 = 2 ** 32

/** Direct-mapped; a power of two. */
export const TLB_ENTRIES = 1024
export const ENTRY_MASK = TLB_ENTRIES - 1
/** For the lower half of an address. */
export const PAGE_MASK = -4096
export const OFFSET_MASK = 4095
/** In instructions: what a walk takes of the host, and the view of the page that follows it. */
const WALK_COST = 20
/** No page has this low half. */
export const NO_PAGE = 1

export type Access = 'read' | 'write' | 'execute'

/** The error code of a page fault (vol. 3, 4.7). */
export const Fault = { present: 1, write: 2, user: 4, reserved: 8, execute: 0x10 } as const

export class Mmu {
  /** After `translate` answered -1: whether a translation exists. */
  isPresent = false
  /** After it answered -1: whether the address is one, its upper 17 bits being equal. */
  isCanonical = true
  #isReserved = false
  readonly #world: CpuWorld
  readonly #words: Int32Array
  readonly #charge: (instructions: number) => void
  readonly #tagLo = new Int32Array(TLB_ENTRIES)
  readonly #tagHi = new Int32Array(TLB_ENTRIES)
  readonly #pages = new Float64Array(TLB_ENTRIES)
  readonly #isUser = new Uint8Array(TLB_ENTRIES)
  readonly #isWritable = new Uint8Array(TLB_ENTRIES)
  readonly #isExecutable = new Uint8Array(TLB_ENTRIES)

  constructor(world: CpuWorld, state: State, charge: (instructions: number) => void) {
    this.#world = world
    this.#charge = charge
    this.#words = state.words
    this.flush()
  }

  flush(): void {
    this.#tagLo.fill(NO_PAGE)
  }

  flushPage(lo: number, hi: number): void {
    const entry = (lo >>> 12) & ENTRY_MASK
    if (this.#tagLo[entry] === (lo & PAGE_MASK) && this.#tagHi[entry] === hi) this.#tagLo[entry] = NO_PAGE
  }

  get isUserMode(): boolean {
    return (this.#words[Word.cs]! & 3) !== 0
  }

  /** The physical address of a virtual one; -1 where the code that runs may not access it. */
  translate(lo: number, hi: number, access: Access): number {
    const physical = this.translateForHost(lo, hi, access)
    if (physical < 0 || !this.isUserMode) return physical
    return this.#isUser[(lo >>> 12) & ENTRY_MASK] === 0 ? this.#forbidden() : physical
  }

  /** The same as ring 0, whichever ring runs. */
  translateForHost(lo: number, hi: number, access: Access): number {
    const entry = (lo >>> 12) & ENTRY_MASK
    if (this.#tagLo[entry] !== (lo & PAGE_MASK) || this.#tagHi[entry] !== hi) {
      if (!this.#walk(lo, hi, entry)) return -1
    }
    if (
      access === 'write'
        ? this.#isWritable[entry] === 0
        : access === 'execute' && this.#isExecutable[entry] === 0
    ) {
      return this.#forbidden()
    }
    return this.#pages[entry]! + (lo & OFFSET_MASK)
  }

  /** After it answered -1 for an address that is one. */
  errorCode(access: Access): number {
    return (
      (this.isPresent ? Fault.present : 0) |
      (access === 'write' ? Fault.write : access === 'execute' ? Fault.execute : 0) |
      (this.isUserMode ? Fault.user : 0) |
      (this.#isReserved ? Fault.reserved : 0)
    )
  }

  #forbidden(): number {
    this.isPresent = true
    this.isCanonical = true
    this.#isReserved = false
    return -1
  }

  #reserved(): boolean {
    this.isPresent = true
    this.#isReserved = true
    return false
  }

  #walk(lo: number, hi: number, entry: number): boolean {
    this.#charge(WALK_COST)
    this.isPresent = false
    this.#isReserved = false
    this.isCanonical = (hi << 16) >> 16 === hi
    if (!this.isCanonical) return false
    const words = this.#words
    let table = (words[Word.cr3 + 1]! & ADDRESS_HIGH) * TWO_32 + ((words[Word.cr3]! & PAGE_MASK) >>> 0)
    let isUser = true
    let isWritable = true
    let isExecutable = true
    for (let level = 3; ; level--) {
      const index = indexAt(lo, hi, level)
      const at = gpaOf(table + index * 8)
      if (!this.#world.ram.has(at, 8)) return false
      const low = this.#world.ram.u32(at)
      const high = this.#world.ram.u32(gpaOf(at + 4))
      if ((low & PRESENT) === 0) return false
      if ((high & RESERVED_HIGH) !== 0) return this.#reserved()
      isUser &&= (low & USER) !== 0
      isWritable &&= (low & WRITABLE) !== 0
      isExecutable &&= (high & NO_EXECUTE) === 0
      table = (high & ADDRESS_HIGH) * TWO_32 + ((low & PAGE_MASK) >>> 0)
      if (level === 0) break
      if ((low & LARGE) === 0) continue
      if (level === 3 || (low & RESERVED_LOW[level as 1 | 2]) !== 0) return this.#reserved() // 0 has ended above
      const inPage = level === 1 ? lo & 0x1ff000 : lo & 0x3ffff000
      const pageMask = level === 1 ? -0x200000 : -0x40000000
      table = (high & ADDRESS_HIGH) * TWO_32 + ((low & pageMask) >>> 0) + inPage
      break
    }
    this.#tagLo[entry] = lo & PAGE_MASK
    this.#tagHi[entry] = hi
    this.#pages[entry] = table
    this.#isUser[entry] = isUser ? 1 : 0
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
