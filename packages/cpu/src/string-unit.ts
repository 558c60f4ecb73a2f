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

export interface StringUnit {
  /** `repeat`: 0 none, 1 rep and repe, 2 repne. False when elements are left: the instruction runs again. */
  movs(size: number, repeat: number): boolean
  stos(size: number, repeat: number): boolean
  lods(size: number, repeat: number): boolean
  scas(size: number, repeat: number): boolean
  cmps(size: number, repeat: number): boolean
  ins(size: number, repeat: number): boolean
  outs(size: number, repeat: number): boolean
}

export function createStringUnit({ words }: State, memory: Memory, ports: PortUnit): StringUnit {
  let loadedHigh = 0
  function load(register: number, size: number): number {
    const lo = words[register]!
    const hi = words[register + 1]!
    if (size === 1) return memory.load8(lo, hi)
    if (size === 2) return memory.load16(lo, hi)
    if (size === 4) return memory.load32(lo, hi)
    const low = memory.load64(lo, hi)
    loadedHigh = words[Word.high]!
    return low
  }

  function store(size: number, value: number, high: number): void {
    const lo = words[RDI]!
    const hi = words[RDI + 1]!
    if (size === 1) memory.store8(lo, hi, value)
    else if (size === 2) memory.store16(lo, hi, value)
    else if (size === 4) memory.store32(lo, hi, value)
    else memory.store64(lo, hi, value, high)
  }

  /** By a count of bytes below 2^31, up or down. */
  function move(register: number, bytes: number): void {
    const before = words[register]!
    const after = (before + bytes) | 0
    words[register] = after
    if (bytes > 0 && after >>> 0 < before >>> 0) words[register + 1]!++
    else if (bytes < 0 && after >>> 0 > before >>> 0) words[register + 1]!--
  }

  const isBackward = (): boolean => (words[Word.system]! & Flag.d) !== 0
  const stepOf = (size: number): number => (isBackward() ? -size : size)
  const isCounted = (): boolean => (words[RCX]! | words[RCX + 1]!) !== 0
  const countUpTo = (most: number): number =>
    words[RCX + 1] !== 0 || words[RCX]! >>> 0 > most ? most : words[RCX]!

  function countDown(elements: number): void {
    const before = words[RCX]!
    words[RCX] = before - elements
    if (before >>> 0 < elements) words[RCX + 1]!--
  }

  /** The first element of an instruction is paid for by its block. */
  const charge = (elements: number): void => {
    words[Word.remaining]! -= elements - 1
  }

  /** Runs elements one by one; `once` answers whether the repetition ends early. */
  function repeated(repeat: number, once: () => boolean): boolean {
    if (repeat === 0) {
      once()
      return true
    }
    let done = 0
    let isOver = !isCounted()
    while (!isOver && done < SLICE) {
      const isMet = once()
      countDown(1)
      done++
      isOver = isMet || !isCounted()
    }
    if (done > 1) charge(done)
    return isOver
  }

  /** Whole elements from here to the end of the page. */
  const inPage = (register: number, size: number): number =>
    Math.floor((4096 - (words[register]! & 4095)) / size)

  function moveOne(size: number): boolean {
    const value = load(RSI, size)
    store(size, value, loadedHigh)
    move(RSI, stepOf(size))
    move(RDI, stepOf(size))
    return false
  }

  /** A piece of a forward move inside one page on both sides; the elements moved, 0 where it does not apply. */
  function movePiece(size: number): number {
    const elements = countUpTo(Math.min(inPage(RSI, size), inPage(RDI, size)))
    if (elements < 8 || isBackward()) return 0
    const from = memory.window(words[RSI]!, words[RSI + 1]!, 'read')
    if (from === null) return 0
    const to = memory.window(words[RDI]!, words[RDI + 1]!, 'write')
    if (to === null) return 0
    const bytes = elements * size
    const source = from.byteOffset + (words[RSI]! & 4095)
    const target = to.byteOffset + (words[RDI]! & 4095)
    // a target just above its source repeats what it wrote: one by one
    if (from.buffer === to.buffer && target > source && target < source + bytes) return 0
    new Uint8Array(to.buffer, target, bytes).set(new Uint8Array(from.buffer, source, bytes))
    move(RSI, bytes)
    move(RDI, bytes)
    return elements
  }

  function storePiece(size: number): number {
    const elements = countUpTo(inPage(RDI, size))
    if (elements < 8 || isBackward()) return 0
    const to = memory.window(words[RDI]!, words[RDI + 1]!, 'write')
    if (to === null) return 0
    const at = words[RDI]! & 4095
    const bytes = elements * size
    const low = words[0]!
    const high = words[1]!
    if (size === 1) new Uint8Array(to.buffer, to.byteOffset + at, bytes).fill(low & 0xff)
    else if (size === 2) for (let i = 0; i < bytes; i += 2) to.setInt16(at + i, low, true)
    else if (size === 4) for (let i = 0; i < bytes; i += 4) to.setInt32(at + i, low, true)
    else {
      for (let i = 0; i < bytes; i += 8) {
        to.setInt32(at + i, low, true)
        to.setInt32(at + i + 4, high, true)
      }
    }
    move(RDI, bytes)
    return elements
  }

  function inPieces(repeat: number, piece: () => number, one: () => boolean): boolean {
    if (repeat === 0 || !isCounted()) return repeated(repeat, one)
    const elements = piece()
    if (elements === 0) return repeated(repeat, one)
    countDown(elements)
    charge(elements)
    return !isCounted()
  }

  function compare(size: number, left: number, leftHigh: number, right: number, rightHigh: number): boolean {
    const isWide = size === 8
    const shift = size >= 4 ? 0 : 32 - size * 8
    words[Word.flagKind] = FlagKind.sub | (isWide ? FlagKind.wide : 0)
    words[Word.left] = left
    words[Word.right] = right
    words[Word.result] = ((left - right) << shift) >> shift
    if (isWide) {
      words[Word.leftHigh] = leftHigh
      words[Word.resultHigh] = leftHigh - rightHigh - (left >>> 0 < right >>> 0 ? 1 : 0)
    }
    return left === right && (!isWide || leftHigh === rightHigh)
  }

  const accumulator = (size: number): number => {
    const shift = size >= 4 ? 0 : 32 - size * 8
    return (words[0]! << shift) >> shift
  }

  function setAccumulator(size: number, value: number, high: number): void {
    if (size === 1) words[0] = (words[0]! & -256) | (value & 0xff)
    else if (size === 2) words[0] = (words[0]! & -65536) | (value & 0xffff)
    else {
      words[0] = value
      words[1] = size === 8 ? high : 0
    }
  }

  const port = (): number => words[RDX]! & 0xffff

  return {
    movs: (size, repeat) =>
      inPieces(
        repeat,
        () => movePiece(size),
        () => moveOne(size),
      ),
    stos: (size, repeat) =>
      inPieces(
        repeat,
        () => storePiece(size),
        () => {
          store(size, words[0]!, words[1]!)
          move(RDI, stepOf(size))
          return false
        },
      ),
    lods: (size, repeat) =>
      repeated(repeat, () => {
        setAccumulator(size, load(RSI, size), loadedHigh)
        move(RSI, stepOf(size))
        return false
      }),
    scas: (size, repeat) =>
      repeated(repeat, () => {
        const right = load(RDI, size)
        const isEqual = compare(size, accumulator(size), words[1]!, right, loadedHigh)
        move(RDI, stepOf(size))
        return isEqual === (repeat === 2)
      }),
    cmps: (size, repeat) =>
      repeated(repeat, () => {
        const left = load(RSI, size)
        const leftHigh = loadedHigh
        const isEqual = compare(size, left, leftHigh, load(RDI, size), loadedHigh)
        move(RSI, stepOf(size))
        move(RDI, stepOf(size))
        return isEqual === (repeat === 2)
      }),
    ins: (size, repeat) =>
      repeated(repeat, () => {
        memory.probe(words[RDI]!, words[RDI + 1]!, size, 'write') // before the device is asked
        store(size, ports.read(port(), portSize(size)), 0)
        move(RDI, stepOf(size))
        return false
      }),
    outs: (size, repeat) =>
      repeated(repeat, () => {
        const value = load(RSI, size)
        ports.write(port(), portSize(size), value)
        move(RSI, stepOf(size))
        return false
      }),
  }
}

const portSize = (size: number): 1 | 2 | 4 => (size === 1 ? 1 : size === 2 ? 2 : 4)
