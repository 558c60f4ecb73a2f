// movs, stos, lods, scas, cmps, ins and outs with and without rep (Intel SDM vol. 1, 7.3.9). Registers move with each
// element, so that a fault stops between two of them. A repetition counts as one instruction an element and comes back
// after a page or a slice, so that time and budgets stay right; forward moves and stores go by pages.
import type { PortUnit } from './devices.ts'
import { Flag, FlagKind } from './flags.ts'
import type { Memory } from './memory.ts'
import { type State, Word } from './state.ts'

const RCX = 2
const RDX = 4
const RSI = 12
const RDI = 14
/** Elements of one slice where they go one by one. */
const SLICE = 512

export class StringUnit {
  readonly #words: Int32Array
  readonly #memory: Memory
  readonly #ports: PortUnit
  #loadedHigh = 0

  constructor({ words }: State, memory: Memory, ports: PortUnit) {
    this.#words = words
    this.#memory = memory
    this.#ports = ports
  }

  #load(register: number, size: number): number {
    const lo = this.#words[register]!
    const hi = this.#words[register + 1]!
    if (size === 1) return this.#memory.load8(lo, hi)
    if (size === 2) return this.#memory.load16(lo, hi)
    if (size === 4) return this.#memory.load32(lo, hi)
    const low = this.#memory.load64(lo, hi)
    this.#loadedHigh = this.#words[Word.high]!
    return low
  }

  #store(size: number, value: number, high: number): void {
    const lo = this.#words[RDI]!
    const hi = this.#words[RDI + 1]!
    if (size === 1) this.#memory.store8(lo, hi, value)
    else if (size === 2) this.#memory.store16(lo, hi, value)
    else if (size === 4) this.#memory.store32(lo, hi, value)
    else this.#memory.store64(lo, hi, value, high)
  }

  /** By a count of bytes below 2^31, up or down. */
  #move(register: number, bytes: number): void {
    const before = this.#words[register]!
    const after = (before + bytes) | 0
    this.#words[register] = after
    if (bytes > 0 && after >>> 0 < before >>> 0) this.#words[register + 1]!++
    else if (bytes < 0 && after >>> 0 > before >>> 0) this.#words[register + 1]!--
  }

  #isBackward(): boolean {
    return (this.#words[Word.system]! & Flag.d) !== 0
  }

  #stepOf(size: number): number {
    return this.#isBackward() ? -size : size
  }

  #isCounted(): boolean {
    return (this.#words[RCX]! | this.#words[RCX + 1]!) !== 0
  }

  #countUpTo(most: number): number {
    return this.#words[RCX + 1] !== 0 || this.#words[RCX]! >>> 0 > most ? most : this.#words[RCX]!
  }

  #countDown(elements: number): void {
    const before = this.#words[RCX]!
    this.#words[RCX] = before - elements
    if (before >>> 0 < elements) this.#words[RCX + 1]!--
  }

  /** The first element of an instruction is paid for by its block. */
  #charge(elements: number): void {
    this.#words[Word.remaining]! -= elements - 1
  }

  /** Runs elements one by one; `once` answers whether the repetition ends early. */
  #repeated(repeat: number, once: () => boolean): boolean {
    if (repeat === 0) {
      once()
      return true
    }
    let done = 0
    let isOver = !this.#isCounted()
    while (!isOver && done < SLICE) {
      const isMet = once()
      this.#countDown(1)
      done++
      isOver = isMet || !this.#isCounted()
    }
    if (done > 1) this.#charge(done)
    return isOver
  }

  /** Whole elements from here to the end of the page. */
  #inPage(register: number, size: number): number {
    return Math.floor((4096 - (this.#words[register]! & 4095)) / size)
  }

  #moveOne(size: number): boolean {
    const value = this.#load(RSI, size)
    this.#store(size, value, this.#loadedHigh)
    this.#move(RSI, this.#stepOf(size))
    this.#move(RDI, this.#stepOf(size))
    return false
  }

  /** A piece of a forward move inside one page on both sides; the elements moved, 0 where it does not apply. */
  #movePiece(size: number): number {
    const elements = this.#countUpTo(Math.min(this.#inPage(RSI, size), this.#inPage(RDI, size)))
    if (elements < 8 || this.#isBackward()) return 0
    const from = this.#memory.window(this.#words[RSI]!, this.#words[RSI + 1]!, 'read')
    if (from === null) return 0
    const to = this.#memory.window(this.#words[RDI]!, this.#words[RDI + 1]!, 'write')
    if (to === null) return 0
    const bytes = elements * size
    const source = from.byteOffset + (this.#words[RSI]! & 4095)
    const target = to.byteOffset + (this.#words[RDI]! & 4095)
    // a target just above its source repeats what it wrote: one by one
    if (from.buffer === to.buffer && target > source && target < source + bytes) return 0
    new Uint8Array(to.buffer, target, bytes).set(new Uint8Array(from.buffer, source, bytes))
    this.#move(RSI, bytes)
    this.#move(RDI, bytes)
    return elements
  }

  #storePiece(size: number): number {
    const elements = this.#countUpTo(this.#inPage(RDI, size))
    if (elements < 8 || this.#isBackward()) return 0
    const to = this.#memory.window(this.#words[RDI]!, this.#words[RDI + 1]!, 'write')
    if (to === null) return 0
    const at = this.#words[RDI]! & 4095
    const bytes = elements * size
    const low = this.#words[0]!
    const high = this.#words[1]!
    if (size === 1) new Uint8Array(to.buffer, to.byteOffset + at, bytes).fill(low & 0xff)
    else if (size === 2) for (let i = 0; i < bytes; i += 2) to.setInt16(at + i, low, true)
    else if (size === 4) for (let i = 0; i < bytes; i += 4) to.setInt32(at + i, low, true)
    else {
      for (let i = 0; i < bytes; i += 8) {
        to.setInt32(at + i, low, true)
        to.setInt32(at + i + 4, high, true)
      }
    }
    this.#move(RDI, bytes)
    return elements
  }

  #inPieces(repeat: number, piece: () => number, one: () => boolean): boolean {
    if (repeat === 0 || !this.#isCounted()) return this.#repeated(repeat, one)
    const elements = piece()
    if (elements === 0) return this.#repeated(repeat, one)
    this.#countDown(elements)
    this.#charge(elements)
    return !this.#isCounted()
  }

  #compare(size: number, left: number, leftHigh: number, right: number, rightHigh: number): boolean {
    const isWide = size === 8
    const shift = size >= 4 ? 0 : 32 - size * 8
    this.#words[Word.flagKind] = FlagKind.sub | (isWide ? FlagKind.wide : 0)
    this.#words[Word.left] = left
    this.#words[Word.right] = right
    this.#words[Word.result] = ((left - right) << shift) >> shift
    if (isWide) {
      this.#words[Word.leftHigh] = leftHigh
      this.#words[Word.resultHigh] = leftHigh - rightHigh - (left >>> 0 < right >>> 0 ? 1 : 0)
    }
    return left === right && (!isWide || leftHigh === rightHigh)
  }

  #accumulator(size: number): number {
    const shift = size >= 4 ? 0 : 32 - size * 8
    return (this.#words[0]! << shift) >> shift
  }

  #setAccumulator(size: number, value: number, high: number): void {
    if (size === 1) this.#words[0] = (this.#words[0]! & -256) | (value & 0xff)
    else if (size === 2) this.#words[0] = (this.#words[0]! & -65536) | (value & 0xffff)
    else {
      this.#words[0] = value
      this.#words[1] = size === 8 ? high : 0
    }
  }

  #port(): number {
    return this.#words[RDX]! & 0xffff
  }

  /** `repeat`: 0 none, 1 rep and repe, 2 repne. False when elements are left: the instruction runs again. */
  movs(size: number, repeat: number): boolean {
    return this.#inPieces(
      repeat,
      () => this.#movePiece(size),
      () => this.#moveOne(size),
    )
  }

  stos(size: number, repeat: number): boolean {
    return this.#inPieces(
      repeat,
      () => this.#storePiece(size),
      () => {
        this.#store(size, this.#words[0]!, this.#words[1]!)
        this.#move(RDI, this.#stepOf(size))
        return false
      },
    )
  }

  lods(size: number, repeat: number): boolean {
    return this.#repeated(repeat, () => {
      this.#setAccumulator(size, this.#load(RSI, size), this.#loadedHigh)
      this.#move(RSI, this.#stepOf(size))
      return false
    })
  }

  scas(size: number, repeat: number): boolean {
    return this.#repeated(repeat, () => {
      const right = this.#load(RDI, size)
      const isEqual = this.#compare(size, this.#accumulator(size), this.#words[1]!, right, this.#loadedHigh)
      this.#move(RDI, this.#stepOf(size))
      return isEqual === (repeat === 2)
    })
  }

  cmps(size: number, repeat: number): boolean {
    return this.#repeated(repeat, () => {
      const left = this.#load(RSI, size)
      const leftHigh = this.#loadedHigh
      const isEqual = this.#compare(size, left, leftHigh, this.#load(RDI, size), this.#loadedHigh)
      this.#move(RSI, this.#stepOf(size))
      this.#move(RDI, this.#stepOf(size))
      return isEqual === (repeat === 2)
    })
  }

  ins(size: number, repeat: number): boolean {
    return this.#repeated(repeat, () => {
      this.#memory.probe(this.#words[RDI]!, this.#words[RDI + 1]!, size, 'write') // before the device is asked
      this.#store(size, this.#ports.read(this.#port(), portSize(size)), 0)
      this.#move(RDI, this.#stepOf(size))
      return false
    })
  }

  outs(size: number, repeat: number): boolean {
    return this.#repeated(repeat, () => {
      const value = this.#load(RSI, size)
      this.#ports.write(this.#port(), portSize(size), value)
      this.#move(RSI, this.#stepOf(size))
      return false
    })
  }
}

const portSize = (size: number): 1 | 2 | 4 => (size === 1 ? 1 : size === 2 ? 2 : 4)
