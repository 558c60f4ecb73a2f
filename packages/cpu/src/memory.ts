// Memory as instructions see it: loads and stores of each size. What misses the TLB (first touch, device registers, page
// crossings, pages that hold decoded code) takes the slow way. Values of 8 and 16 bits are sign-extended.
import type { DeviceAccesses } from './devices.ts'
import { type Access, TLB_ENTRIES } from './mmu.ts'
import { type State, Word } from './state.ts'
import { crosses, type Tlb, upperHalf } from './tlb.ts'

const MASK = TLB_ENTRIES - 1
const PAGE = -4096
const IN_PAGE = 4095

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
}

export function createMemory(tlb: Tlb, { words }: State, devices: DeviceAccesses): Memory {
  const { readLo, readHi, readViews, writeLo, writeHi, writeViews, readable, writable, probe, settle } = tlb
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
    return view === null ? (devices.read(tlb.physical(), 1) << 24) >> 24 : view.getInt8(lo & IN_PAGE)
  }

  function load16(lo: number, hi: number): number {
    const entry = (lo >>> 12) & MASK
    if (readLo[entry] === ((lo + 1) & PAGE) && readHi[entry] === hi) {
      return readViews[entry]!.getInt16(lo & IN_PAGE, true)
    }
    if (crosses(lo, 2)) return (loadBytes(lo, hi, 2) << 16) >> 16
    const view = readable(lo, hi)
    return view === null ? (devices.read(tlb.physical(), 2) << 16) >> 16 : view.getInt16(lo & IN_PAGE, true)
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
    return view === null ? devices.read(tlb.physical(), 4) | 0 : view.getInt32(lo & IN_PAGE, true)
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
    if (view === null) devices.write(tlb.physical(), 1, value & 0xff)
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
    if (view === null) devices.write(tlb.physical(), 2, value & 0xffff)
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
    if (view === null) devices.write(tlb.physical(), 4, value >>> 0)
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
    window: tlb.window,
  }
}
