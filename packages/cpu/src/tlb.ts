// Translations of data as views of pages in RAM, apart for reads and writes: what loads and stores look into first, and
// how a page gets there. A write translation is made by Ram.view, so that the page is saved and logged first; a page
// with decoded code never gets one. They are of the ring that runs: it is flushed on the way out to ring 3.
import { gpa as gpaOf } from '@dumpstack/bytes'
import { type Access, type Mmu, TLB_ENTRIES } from './mmu.ts'
import { Interruption, joined } from './stop.ts'
import type { CpuRam } from './world.ts'

const MASK = TLB_ENTRIES - 1
const PAGE = -4096
const IN_PAGE = 4095
/** No address of any size has this page. */
const NO_PAGE = 1

/** Decoded code that a write may hit. */
export interface CodePages {
  /** Whether decoded code lies in the page. */
  has(page: number): boolean
  /** Drops what was decoded from these bytes; may throw an Interruption before the write is done. */
  written(gpa: number, byteLength: number): void
}

/** Entry `(lo >>> 12) & (TLB_ENTRIES - 1)` is of an address where its two tags are the page's halves. */
export interface Tlb {
  readonly readLo: Int32Array
  readonly readHi: Int32Array
  readonly readViews: readonly DataView[]
  readonly writeLo: Int32Array
  readonly writeHi: Int32Array
  readonly writeViews: readonly DataView[]
  /** The page's bytes, or null where it is no RAM: `physical` is the address then. Stops where nothing can be accessed. */
  readable(lo: number, hi: number): DataView | null
  /** The same for a store of so many bytes inside the page: code decoded from them is dropped. */
  writable(lo: number, hi: number, byteLength: number): DataView | null
  physical(): number
  /** Stops unless all bytes can be accessed. */
  probe(lo: number, hi: number, byteLength: number, access: Access): void
  /** Before a store in parts: all of it is possible, and decoded code under it is gone. */
  settle(lo: number, hi: number, byteLength: number): void
  /** The page's bytes where it is RAM and, to write, holds no code; else null. */
  window(lo: number, hi: number, access: 'read' | 'write'): DataView | null
  flush(): void
  flushPage(lo: number, hi: number): void
  /** Ends write translations of a physical page: code was decoded from it. */
  protect(page: number): void
}

/** Whether bytes lie in two pages. */
export const crosses = (lo: number, byteLength: number): boolean => (lo & IN_PAGE) + byteLength > 4096

/** Of an address some bytes above another. */
export const upperHalf = (lo: number, hi: number, above: number): number =>
  above >>> 0 < lo >>> 0 ? (hi + 1) | 0 : hi

export function createTlb(ram: CpuRam, mmu: Mmu, code: CodePages): Tlb {
  const nothing = new DataView(new ArrayBuffer(4096))
  const readLo = new Int32Array(TLB_ENTRIES).fill(NO_PAGE)
  const readHi = new Int32Array(TLB_ENTRIES)
  const readViews: DataView[] = Array.from({ length: TLB_ENTRIES }, () => nothing)
  const writeLo = new Int32Array(TLB_ENTRIES).fill(NO_PAGE)
  const writeHi = new Int32Array(TLB_ENTRIES)
  const writeViews: DataView[] = Array.from({ length: TLB_ENTRIES }, () => nothing)
  const writePages = new Int32Array(TLB_ENTRIES)

  function fault(lo: number, hi: number, access: Access): never {
    if (!mmu.isCanonical) throw new Interruption('generalProtection', { address: joined(lo, hi), access })
    const errorCode = mmu.errorCode(access)
    throw new Interruption('pageFault', {
      address: joined(lo, hi),
      access,
      present: mmu.isPresent,
      errorCode,
    })
  }

  function translate(lo: number, hi: number, access: Access): number {
    const physical = mmu.translate(lo, hi, access)
    return physical < 0 ? fault(lo, hi, access) : physical
  }

  /** The page's bytes to read, or null where it is no RAM; then `physical` tells where. */
  let physical = 0
  function readable(lo: number, hi: number): DataView | null {
    physical = translate(lo, hi, 'read')
    const base = gpaOf(physical - (lo & IN_PAGE))
    if (!ram.has(base, 4096)) return null
    const bytes = ram.span(base, 4096)
    const view = new DataView(bytes.buffer, bytes.byteOffset, 4096)
    const entry = (lo >>> 12) & MASK
    readLo[entry] = lo & PAGE
    readHi[entry] = hi
    readViews[entry] = view
    return view
  }

  function writable(lo: number, hi: number, byteLength: number): DataView | null {
    physical = translate(lo, hi, 'write')
    const base = gpaOf(physical - (lo & IN_PAGE))
    if (!ram.has(base, 4096)) return null
    const page = base / 4096
    if (code.has(page)) {
      code.written(physical, byteLength)
      return ram.view(base, 4096)
    }
    const view = ram.view(base, 4096)
    const entry = (lo >>> 12) & MASK
    writeLo[entry] = lo & PAGE
    writeHi[entry] = hi
    writeViews[entry] = view
    writePages[entry] = page
    return view
  }

  function probe(lo: number, hi: number, byteLength: number, access: Access): void {
    translate(lo, hi, access)
    if (!crosses(lo, byteLength)) return
    const next = ((lo & PAGE) + 4096) | 0
    translate(next, upperHalf(lo, hi, next), access)
  }

  function settle(lo: number, hi: number, byteLength: number): void {
    probe(lo, hi, byteLength, 'write')
    const first = translate(lo, hi, 'write')
    const inFirst = Math.min(byteLength, 4096 - (lo & IN_PAGE))
    if (code.has(Math.floor(first / 4096))) code.written(first, inFirst)
    if (inFirst === byteLength) return
    const next = (lo + inFirst) | 0
    const second = translate(next, upperHalf(lo, hi, next), 'write')
    if (code.has(Math.floor(second / 4096))) code.written(second, byteLength - inFirst)
  }

  function window(lo: number, hi: number, access: 'read' | 'write'): DataView | null {
    if (access === 'read') return readable(lo, hi)
    const at = translate(lo, hi, 'write')
    return code.has(Math.floor(at / 4096)) ? null : writable(lo, hi, 1)
  }

  function flush(): void {
    readLo.fill(NO_PAGE)
    writeLo.fill(NO_PAGE)
    readViews.fill(nothing)
    writeViews.fill(nothing)
  }

  function flushPage(lo: number, hi: number): void {
    const entry = (lo >>> 12) & MASK
    if (readLo[entry] === (lo & PAGE) && readHi[entry] === hi) readLo[entry] = NO_PAGE
    if (writeLo[entry] === (lo & PAGE) && writeHi[entry] === hi) writeLo[entry] = NO_PAGE
  }

  function protect(page: number): void {
    for (let entry = 0; entry < TLB_ENTRIES; entry++) {
      if (writePages[entry] === page) writeLo[entry] = NO_PAGE
    }
  }

  return {
    readLo,
    readHi,
    readViews,
    writeLo,
    writeHi,
    writeViews,
    readable,
    writable,
    physical: () => physical,
    probe,
    settle,
    window,
    flush,
    flushPage,
    protect,
  }
}
