// Translations of data as views of pages in RAM, apart for reads and writes: what loads and stores look into first, and
// how a page gets there. A write translation is made by Ram.view, so that the page is saved and logged first; a page
// with decoded code never gets one. They are of the ring that runs: it is flushed on the way out to ring 3.
import { gpa as gpaOf } from '@dumpstack/bytes'
import { type Access, ENTRY_MASK, type Mmu, NO_PAGE, OFFSET_MASK, PAGE_MASK, TLB_ENTRIES } from './mmu.ts'
import { Exception, joined } from './stop.ts'
import type { CpuWorld } from './world.ts'

/** Decoded code that a write may hit. */
export interface CodePages {
  /** Whether decoded code lies in the page. */
  has(page: number): boolean
  /** Drops what was decoded from these bytes; may throw an Exception before the write is done. */
  written(gpa: number, byteLength: number): void
}

/** Whether bytes lie in two pages. */
export const crosses = (lo: number, byteLength: number): boolean => (lo & OFFSET_MASK) + byteLength > 4096

/** The upper half of an address some bytes above another. */
export const upperHalf = (lo: number, hi: number, above: number): number =>
  above >>> 0 < lo >>> 0 ? (hi + 1) | 0 : hi

/** Entry `(lo >>> 12) & ENTRY_MASK` is of an address where its two tags are the page's halves. */
export class Tlb {
  readonly #world: CpuWorld
  readonly #mmu: Mmu
  readonly #code: CodePages
  readonly #nothing = new DataView(new ArrayBuffer(4096))
  readonly readLo = new Int32Array(TLB_ENTRIES).fill(NO_PAGE)
  readonly readHi = new Int32Array(TLB_ENTRIES)
  readonly readViews: DataView[] = Array.from({ length: TLB_ENTRIES }, () => this.#nothing)
  readonly writeLo = new Int32Array(TLB_ENTRIES).fill(NO_PAGE)
  readonly writeHi = new Int32Array(TLB_ENTRIES)
  readonly writeViews: DataView[] = Array.from({ length: TLB_ENTRIES }, () => this.#nothing)
  readonly #writePages = new Int32Array(TLB_ENTRIES)
  /** Pages with guarded memory, which code never finds: each store to them passes here. */
  readonly #guardedLo = new Int32Array(TLB_ENTRIES).fill(NO_PAGE)
  readonly #guardedHi = new Int32Array(TLB_ENTRIES)
  /** The physical address of the page that was asked for last. */
  #physical = 0

  constructor(world: CpuWorld, mmu: Mmu, code: CodePages) {
    this.#world = world
    this.#mmu = mmu
    this.#code = code
  }

  #fault(lo: number, hi: number, access: Access): never {
    if (!this.#mmu.isCanonical) throw new Exception('generalProtection', { address: joined(lo, hi), access })
    const errorCode = this.#mmu.errorCode(access)
    throw new Exception('pageFault', {
      address: joined(lo, hi),
      access,
      present: this.#mmu.isPresent,
      errorCode,
    })
  }

  #translate(lo: number, hi: number, access: Access): number {
    const physical = this.#mmu.translate(lo, hi, access)
    return physical < 0 ? this.#fault(lo, hi, access) : physical
  }

  /** The page's bytes, or null where it is no RAM: `physical` is the address then. Stops where nothing can be accessed. */
  readable(lo: number, hi: number): DataView | null {
    this.#physical = this.#translate(lo, hi, 'read')
    const base = gpaOf(this.#physical - (lo & OFFSET_MASK))
    if (!this.#world.ram.has(base, 4096)) return null
    const bytes = this.#world.ram.span(base, 4096)
    const view = new DataView(bytes.buffer, bytes.byteOffset, 4096)
    const entry = (lo >>> 12) & ENTRY_MASK
    this.readLo[entry] = lo & PAGE_MASK
    this.readHi[entry] = hi
    this.readViews[entry] = view
    return view
  }

  /** The same for a store of so many bytes inside the page: code decoded from them is dropped. */
  writable(lo: number, hi: number, byteLength: number): DataView | null {
    const entry = (lo >>> 12) & ENTRY_MASK
    if (this.#guardedLo[entry] === (lo & PAGE_MASK) && this.#guardedHi[entry] === hi) {
      this.#world.ram.guards.stored(this.#writePages[entry]! * 4096 + (lo & OFFSET_MASK), byteLength)
      return this.writeViews[entry]!
    }
    this.#physical = this.#translate(lo, hi, 'write')
    const base = gpaOf(this.#physical - (lo & OFFSET_MASK))
    if (!this.#world.ram.has(base, 4096)) return null
    const page = base / 4096
    if (this.#code.has(page)) {
      this.#code.written(this.#physical, byteLength)
      return this.#world.ram.view(base, 4096)
    }
    const view = this.#world.ram.view(base, 4096)
    this.writeViews[entry] = view
    this.#writePages[entry] = page
    const { guards } = this.#world.ram
    const isGuarded = guards.has(page)
    this.writeLo[entry] = isGuarded ? NO_PAGE : lo & PAGE_MASK
    this.writeHi[entry] = hi
    this.#guardedLo[entry] = isGuarded ? lo & PAGE_MASK : NO_PAGE
    this.#guardedHi[entry] = hi
    if (isGuarded) guards.stored(this.#physical, byteLength)
    return view
  }

  /** Stops unless all bytes can be accessed. */
  probe(lo: number, hi: number, byteLength: number, access: Access): void {
    this.#translate(lo, hi, access)
    if (!crosses(lo, byteLength)) return
    const next = ((lo & PAGE_MASK) + 4096) | 0
    this.#translate(next, upperHalf(lo, hi, next), access)
  }

  /** Before a store in parts: all of it is possible, and decoded code under it is gone. */
  settle(lo: number, hi: number, byteLength: number): void {
    this.probe(lo, hi, byteLength, 'write')
    const first = this.#translate(lo, hi, 'write')
    const inFirst = Math.min(byteLength, 4096 - (lo & OFFSET_MASK))
    if (this.#code.has(Math.floor(first / 4096))) this.#code.written(first, inFirst)
    if (inFirst === byteLength) return
    const next = (lo + inFirst) | 0
    const second = this.#translate(next, upperHalf(lo, hi, next), 'write')
    if (this.#code.has(Math.floor(second / 4096))) this.#code.written(second, byteLength - inFirst)
  }

  /** The page's bytes where it is RAM and, to write, holds neither code nor guarded memory; else null. */
  window(lo: number, hi: number, access: 'read' | 'write'): DataView | null {
    if (access === 'read') return this.readable(lo, hi)
    const at = this.#translate(lo, hi, 'write')
    const page = Math.floor(at / 4096)
    return this.#code.has(page) || this.#world.ram.guards.has(page) ? null : this.writable(lo, hi, 1)
  }

  flush(): void {
    this.readLo.fill(NO_PAGE)
    this.writeLo.fill(NO_PAGE)
    this.#guardedLo.fill(NO_PAGE)
    this.readViews.fill(this.#nothing)
    this.writeViews.fill(this.#nothing)
  }

  flushPage(lo: number, hi: number): void {
    const entry = (lo >>> 12) & ENTRY_MASK
    if (this.readLo[entry] === (lo & PAGE_MASK) && this.readHi[entry] === hi) this.readLo[entry] = NO_PAGE
    if (this.writeLo[entry] === (lo & PAGE_MASK) && this.writeHi[entry] === hi) this.writeLo[entry] = NO_PAGE
    this.#guardedLo[entry] = NO_PAGE
  }

  /** Ends write translations of a physical page: code was decoded from it. */
  protect(page: number): void {
    for (let entry = 0; entry < TLB_ENTRIES; entry++) {
      if (this.#writePages[entry] === page) this.writeLo[entry] = this.#guardedLo[entry] = NO_PAGE
    }
  }

  physical(): number {
    return this.#physical
  }
}
