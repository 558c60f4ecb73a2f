// Memory as instructions see it: a TLB of DataViews, one page each, apart for reads and writes. What misses it (first
// touch, device registers, page crossings, pages that hold decoded code) takes the slow way. A write translation is made
// by Ram.view, so that the page is saved and logged first; a page with decoded code never gets one.
import { gpa as gpaOf } from '@dumpstack/bytes'
import type { Ram } from '../machine.ts'
import type { DeviceAccesses } from './devices.ts'
import { type Access, type Mmu, TLB_ENTRIES } from './mmu.ts'
import { type State, Word } from './state.ts'
import { Interruption, joined } from './stop.ts'

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

export interface Memory {
  /** Values of 8 and 16 bits are sign-extended; the upper half of 64 bits is left in Word.high. */
  load8(lo: number, hi: number): number
  load16(lo: number, hi: number): number
  load32(lo: number, hi: number): number
  load64(lo: number, hi: number): number
  store8(lo: number, hi: number, value: number): void
  store16(lo: number, hi: number, value: number): void
  store32(lo: number, hi: number, value: number): void
  store64(lo: number, hi: number, value: number, high: number): void
  /** Sixteen bytes to or from four words of the state. */
  load128(lo: number, hi: number, word: number): void
  store128(lo: number, hi: number, word: number): void
  /** Stops unless all bytes can be accessed; for instructions that access several places. */
  probe(lo: number, hi: number, byteLength: number, access: Access): void
  /** Bytes from here to the end of the page as RAM, or null where the page is no RAM (or holds code, to write). */
  window(lo: number, hi: number, access: 'read' | 'write'): DataView | null
  flush(): void
  flushPage(lo: number, hi: number): void
  /** Ends write translations of a physical page: code was decoded from it. */
  protect(page: number): void
}

/** Of an address some bytes above another. */
const upperHalf = (lo: number, hi: number, above: number): number =>
  above >>> 0 < lo >>> 0 ? (hi + 1) | 0 : hi

export function createMemory(
  ram: Ram,
  mmu: Mmu,
  { words }: State,
  devices: DeviceAccesses,
  code: CodePages,
): Memory {
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
    throw new Interruption('pageFault', { address: joined(lo, hi), access, present: mmu.isPresent })
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

  const crosses = (lo: number, byteLength: number): boolean => (lo & IN_PAGE) + byteLength > 4096

  function probe(lo: number, hi: number, byteLength: number, access: Access): void {
    translate(lo, hi, access)
    if (!crosses(lo, byteLength)) return
    const next = ((lo & PAGE) + 4096) | 0
    translate(next, upperHalf(lo, hi, next), access)
  }

  /** Of `byteLength` bytes that lie in two pages, at most four. */
  function loadBytes(lo: number, hi: number, byteLength: number): number {
    probe(lo, hi, byteLength, 'read')
    let value = 0
    for (let i = 0; i < byteLength; i++) {
      const at = (lo + i) | 0
      value |= (load8(at, upperHalf(lo, hi, at)) & 0xff) << (8 * i)
    }
    return value
  }

  function storeBytes(lo: number, hi: number, byteLength: number, value: number): void {
    for (let i = 0; i < byteLength; i++) {
      const at = (lo + i) | 0
      store8(at, upperHalf(lo, hi, at), (value >>> (8 * i)) & 0xff)
    }
  }

  function load8(lo: number, hi: number): number {
    const entry = (lo >>> 12) & MASK
    if (readLo[entry] === (lo & PAGE) && readHi[entry] === hi) return readViews[entry]!.getInt8(lo & IN_PAGE)
    const view = readable(lo, hi)
    return view === null ? (devices.read(physical, 1) << 24) >> 24 : view.getInt8(lo & IN_PAGE)
  }

  function load16(lo: number, hi: number): number {
    const entry = (lo >>> 12) & MASK
    if (readLo[entry] === ((lo + 1) & PAGE) && readHi[entry] === hi) {
      return readViews[entry]!.getInt16(lo & IN_PAGE, true)
    }
    if (crosses(lo, 2)) return (loadBytes(lo, hi, 2) << 16) >> 16
    const view = readable(lo, hi)
    return view === null ? (devices.read(physical, 2) << 16) >> 16 : view.getInt16(lo & IN_PAGE, true)
  }

  function load32(lo: number, hi: number): number {
    const entry = (lo >>> 12) & MASK
    if (readLo[entry] === ((lo + 3) & PAGE) && readHi[entry] === hi) {
      return readViews[entry]!.getInt32(lo & IN_PAGE, true)
    }
    return load32Slow(lo, hi)
  }

  function load32Slow(lo: number, hi: number): number {
    if (crosses(lo, 4)) return loadBytes(lo, hi, 4)
    const view = readable(lo, hi)
    return view === null ? devices.read(physical, 4) | 0 : view.getInt32(lo & IN_PAGE, true)
  }

  function load64(lo: number, hi: number): number {
    const entry = (lo >>> 12) & MASK
    if (readLo[entry] === ((lo + 7) & PAGE) && readHi[entry] === hi) {
      const view = readViews[entry]!
      words[Word.high] = view.getInt32((lo & IN_PAGE) + 4, true)
      return view.getInt32(lo & IN_PAGE, true)
    }
    probe(lo, hi, 8, 'read')
    const low = load32(lo, hi)
    const next = (lo + 4) | 0
    words[Word.high] = load32(next, upperHalf(lo, hi, next))
    return low
  }

  function load128(lo: number, hi: number, word: number): void {
    const entry = (lo >>> 12) & MASK
    if (readLo[entry] === ((lo + 15) & PAGE) && readHi[entry] === hi) {
      const view = readViews[entry]!
      const at = lo & IN_PAGE
      words[word] = view.getInt32(at, true)
      words[word + 1] = view.getInt32(at + 4, true)
      words[word + 2] = view.getInt32(at + 8, true)
      words[word + 3] = view.getInt32(at + 12, true)
      return
    }
    probe(lo, hi, 16, 'read')
    for (let i = 0; i < 4; i++) {
      const at = (lo + i * 4) | 0
      words[word + i] = load32(at, upperHalf(lo, hi, at))
    }
  }

  function store8(lo: number, hi: number, value: number): void {
    const entry = (lo >>> 12) & MASK
    if (writeLo[entry] === (lo & PAGE) && writeHi[entry] === hi) {
      writeViews[entry]!.setInt8(lo & IN_PAGE, value)
      return
    }
    const view = writable(lo, hi, 1)
    if (view === null) devices.write(physical, 1, value & 0xff)
    else view.setInt8(lo & IN_PAGE, value)
  }

  function store16(lo: number, hi: number, value: number): void {
    const entry = (lo >>> 12) & MASK
    if (writeLo[entry] === ((lo + 1) & PAGE) && writeHi[entry] === hi) {
      writeViews[entry]!.setInt16(lo & IN_PAGE, value, true)
      return
    }
    if (crosses(lo, 2)) {
      probe(lo, hi, 2, 'write')
      storeBytes(lo, hi, 2, value)
      return
    }
    const view = writable(lo, hi, 2)
    if (view === null) devices.write(physical, 2, value & 0xffff)
    else view.setInt16(lo & IN_PAGE, value, true)
  }

  function store32(lo: number, hi: number, value: number): void {
    const entry = (lo >>> 12) & MASK
    if (writeLo[entry] === ((lo + 3) & PAGE) && writeHi[entry] === hi) {
      writeViews[entry]!.setInt32(lo & IN_PAGE, value, true)
      return
    }
    store32Slow(lo, hi, value)
  }

  function store32Slow(lo: number, hi: number, value: number): void {
    if (crosses(lo, 4)) {
      probe(lo, hi, 4, 'write')
      storeBytes(lo, hi, 4, value)
      return
    }
    const view = writable(lo, hi, 4)
    if (view === null) devices.write(physical, 4, value >>> 0)
    else view.setInt32(lo & IN_PAGE, value, true)
  }

  function store64(lo: number, hi: number, value: number, high: number): void {
    const entry = (lo >>> 12) & MASK
    if (writeLo[entry] === ((lo + 7) & PAGE) && writeHi[entry] === hi) {
      const view = writeViews[entry]!
      view.setInt32(lo & IN_PAGE, value, true)
      view.setInt32((lo & IN_PAGE) + 4, high, true)
      return
    }
    store64Slow(lo, hi, value, high)
  }

  function store64Slow(lo: number, hi: number, value: number, high: number): void {
    settle(lo, hi, 8)
    store32(lo, hi, value)
    const next = (lo + 4) | 0
    store32(next, upperHalf(lo, hi, next), high)
  }

  /** Before a store in parts: all of it is possible, and decoded code under it is gone. */
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

  function store128(lo: number, hi: number, word: number): void {
    const entry = (lo >>> 12) & MASK
    if (writeLo[entry] === ((lo + 15) & PAGE) && writeHi[entry] === hi) {
      const view = writeViews[entry]!
      const at = lo & IN_PAGE
      view.setInt32(at, words[word]!, true)
      view.setInt32(at + 4, words[word + 1]!, true)
      view.setInt32(at + 8, words[word + 2]!, true)
      view.setInt32(at + 12, words[word + 3]!, true)
      return
    }
    settle(lo, hi, 16)
    for (let i = 0; i < 4; i++) {
      const at = (lo + i * 4) | 0
      store32(at, upperHalf(lo, hi, at), words[word + i]!)
    }
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
    load8,
    load16,
    load32,
    load64,
    load128,
    store8,
    store16,
    store32,
    store64,
    store128,
    probe,
    window,
    flush,
    flushPage,
    protect,
  }
}
