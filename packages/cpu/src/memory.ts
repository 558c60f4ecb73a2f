// Memory as instructions see it: loads and stores of each size. What misses the TLB (first touch, device registers, page
// crossings, pages that hold decoded code) takes the slow way. Values of 8 and 16 bits are sign-extended.
import type { DeviceAccesses } from './devices.ts'
import { type Access, ENTRY_MASK, OFFSET_MASK, PAGE_MASK } from './mmu.ts'
import { type State, Word } from './state.ts'
import { crosses, type Tlb, upperHalf } from './tlb.ts'

export class Memory {
  readonly #tlb: Tlb
  readonly #words: Int32Array
  readonly #devices: DeviceAccesses

  constructor(tlb: Tlb, { words }: State, devices: DeviceAccesses) {
    this.#tlb = tlb
    this.#words = words
    this.#devices = devices
  }

  /** Loads `byteLength` bytes, at most four, that lie in two pages. */
  #loadBytes(lo: number, hi: number, byteLength: number): number {
    this.#tlb.probe(lo, hi, byteLength, 'read')
    let value = 0
    for (let i = 0; i < byteLength; i++) {
      const at = (lo + i) | 0
      value |= (this.load8(at, upperHalf(lo, hi, at)) & 0xff) << (8 * i)
    }
    return value
  }

  #storeBytes(lo: number, hi: number, byteLength: number, value: number): void {
    for (let i = 0; i < byteLength; i++) {
      const at = (lo + i) | 0
      this.store8(at, upperHalf(lo, hi, at), (value >>> (8 * i)) & 0xff)
    }
  }

  /** Values of 8 and 16 bits are sign-extended; the upper half of 64 bits is left in Word.high. */
  load8(lo: number, hi: number): number {
    const entry = (lo >>> 12) & ENTRY_MASK
    if (this.#tlb.readLo[entry] === (lo & PAGE_MASK) && this.#tlb.readHi[entry] === hi)
      return this.#tlb.readViews[entry]!.getInt8(lo & OFFSET_MASK)
    const view = this.#tlb.readable(lo, hi)
    return view === null
      ? (this.#devices.read(this.#tlb.physical(), 1) << 24) >> 24
      : view.getInt8(lo & OFFSET_MASK)
  }

  load16(lo: number, hi: number): number {
    const entry = (lo >>> 12) & ENTRY_MASK
    if (this.#tlb.readLo[entry] === ((lo + 1) & PAGE_MASK) && this.#tlb.readHi[entry] === hi) {
      return this.#tlb.readViews[entry]!.getInt16(lo & OFFSET_MASK, true)
    }
    if (crosses(lo, 2)) return (this.#loadBytes(lo, hi, 2) << 16) >> 16
    const view = this.#tlb.readable(lo, hi)
    return view === null
      ? (this.#devices.read(this.#tlb.physical(), 2) << 16) >> 16
      : view.getInt16(lo & OFFSET_MASK, true)
  }

  load32(lo: number, hi: number): number {
    const entry = (lo >>> 12) & ENTRY_MASK
    if (this.#tlb.readLo[entry] === ((lo + 3) & PAGE_MASK) && this.#tlb.readHi[entry] === hi) {
      return this.#tlb.readViews[entry]!.getInt32(lo & OFFSET_MASK, true)
    }
    return this.#load32Slow(lo, hi)
  }

  #load32Slow(lo: number, hi: number): number {
    if (crosses(lo, 4)) return this.#loadBytes(lo, hi, 4)
    const view = this.#tlb.readable(lo, hi)
    return view === null
      ? this.#devices.read(this.#tlb.physical(), 4) | 0
      : view.getInt32(lo & OFFSET_MASK, true)
  }

  load64(lo: number, hi: number): number {
    const entry = (lo >>> 12) & ENTRY_MASK
    if (this.#tlb.readLo[entry] === ((lo + 7) & PAGE_MASK) && this.#tlb.readHi[entry] === hi) {
      const view = this.#tlb.readViews[entry]!
      this.#words[Word.high] = view.getInt32((lo & OFFSET_MASK) + 4, true)
      return view.getInt32(lo & OFFSET_MASK, true)
    }
    this.#tlb.probe(lo, hi, 8, 'read')
    const low = this.load32(lo, hi)
    const next = (lo + 4) | 0
    this.#words[Word.high] = this.load32(next, upperHalf(lo, hi, next))
    return low
  }

  /** Sixteen bytes to or from four words of the state. */
  load128(lo: number, hi: number, word: number): void {
    const entry = (lo >>> 12) & ENTRY_MASK
    if (this.#tlb.readLo[entry] === ((lo + 15) & PAGE_MASK) && this.#tlb.readHi[entry] === hi) {
      const view = this.#tlb.readViews[entry]!
      const at = lo & OFFSET_MASK
      this.#words[word] = view.getInt32(at, true)
      this.#words[word + 1] = view.getInt32(at + 4, true)
      this.#words[word + 2] = view.getInt32(at + 8, true)
      this.#words[word + 3] = view.getInt32(at + 12, true)
      return
    }
    this.#tlb.probe(lo, hi, 16, 'read')
    for (let i = 0; i < 4; i++) {
      const at = (lo + i * 4) | 0
      this.#words[word + i] = this.load32(at, upperHalf(lo, hi, at))
    }
  }

  store8(lo: number, hi: number, value: number): void {
    const entry = (lo >>> 12) & ENTRY_MASK
    if (this.#tlb.writeLo[entry] === (lo & PAGE_MASK) && this.#tlb.writeHi[entry] === hi) {
      this.#tlb.writeViews[entry]!.setInt8(lo & OFFSET_MASK, value)
      return
    }
    const view = this.#tlb.writable(lo, hi, 1)
    if (view === null) this.#devices.write(this.#tlb.physical(), 1, value & 0xff)
    else view.setInt8(lo & OFFSET_MASK, value)
  }

  store16(lo: number, hi: number, value: number): void {
    const entry = (lo >>> 12) & ENTRY_MASK
    if (this.#tlb.writeLo[entry] === ((lo + 1) & PAGE_MASK) && this.#tlb.writeHi[entry] === hi) {
      this.#tlb.writeViews[entry]!.setInt16(lo & OFFSET_MASK, value, true)
      return
    }
    if (crosses(lo, 2)) {
      this.#tlb.probe(lo, hi, 2, 'write')
      this.#storeBytes(lo, hi, 2, value)
      return
    }
    const view = this.#tlb.writable(lo, hi, 2)
    if (view === null) this.#devices.write(this.#tlb.physical(), 2, value & 0xffff)
    else view.setInt16(lo & OFFSET_MASK, value, true)
  }

  store32(lo: number, hi: number, value: number): void {
    const entry = (lo >>> 12) & ENTRY_MASK
    if (this.#tlb.writeLo[entry] === ((lo + 3) & PAGE_MASK) && this.#tlb.writeHi[entry] === hi) {
      this.#tlb.writeViews[entry]!.setInt32(lo & OFFSET_MASK, value, true)
      return
    }
    this.#store32Slow(lo, hi, value)
  }

  #store32Slow(lo: number, hi: number, value: number): void {
    if (crosses(lo, 4)) {
      this.#tlb.probe(lo, hi, 4, 'write')
      this.#storeBytes(lo, hi, 4, value)
      return
    }
    const view = this.#tlb.writable(lo, hi, 4)
    if (view === null) this.#devices.write(this.#tlb.physical(), 4, value >>> 0)
    else view.setInt32(lo & OFFSET_MASK, value, true)
  }

  store64(lo: number, hi: number, value: number, high: number): void {
    const entry = (lo >>> 12) & ENTRY_MASK
    if (this.#tlb.writeLo[entry] === ((lo + 7) & PAGE_MASK) && this.#tlb.writeHi[entry] === hi) {
      const view = this.#tlb.writeViews[entry]!
      view.setInt32(lo & OFFSET_MASK, value, true)
      view.setInt32((lo & OFFSET_MASK) + 4, high, true)
      return
    }
    this.#store64Slow(lo, hi, value, high)
  }

  #store64Slow(lo: number, hi: number, value: number, high: number): void {
    this.#tlb.settle(lo, hi, 8)
    this.store32(lo, hi, value)
    const next = (lo + 4) | 0
    this.store32(next, upperHalf(lo, hi, next), high)
  }

  store128(lo: number, hi: number, word: number): void {
    const entry = (lo >>> 12) & ENTRY_MASK
    if (this.#tlb.writeLo[entry] === ((lo + 15) & PAGE_MASK) && this.#tlb.writeHi[entry] === hi) {
      const view = this.#tlb.writeViews[entry]!
      const at = lo & OFFSET_MASK
      view.setInt32(at, this.#words[word]!, true)
      view.setInt32(at + 4, this.#words[word + 1]!, true)
      view.setInt32(at + 8, this.#words[word + 2]!, true)
      view.setInt32(at + 12, this.#words[word + 3]!, true)
      return
    }
    this.#tlb.settle(lo, hi, 16)
    for (let i = 0; i < 4; i++) {
      const at = (lo + i * 4) | 0
      this.store32(at, upperHalf(lo, hi, at), this.#words[word + i]!)
    }
  }

  /** Stops unless all bytes can be accessed; for instructions that access several places. */
  probe(lo: number, hi: number, byteLength: number, access: Access): void {
    this.#tlb.probe(lo, hi, byteLength, access)
  }

  /** Bytes from here to the end of the page as RAM, or null where the page is no RAM (or holds code, to write). */
  window(lo: number, hi: number, access: 'read' | 'write'): DataView | null {
    return this.#tlb.window(lo, hi, access)
  }
}
