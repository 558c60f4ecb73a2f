// Floating point of SSE to SSE4.1 (Intel SDM vol. 1, 4.8 and 11.5; vol. 2): rounded to nearest, no exception unmasked, as
// MXCSR has it where kernels run; any other MXCSR stops by name. Its exception flags stay as they are. NaNs are moved as
// bits: the first operand's, else the second's, made quiet; where there was none the processor's default. Operands are given
// by the first of their four words in the state.
import { Flag } from './flags.ts'
import { type State, Word } from './state.ts'
import { Interruption } from './stop.ts'
import type { System } from './system.ts'

type Width = 4 | 8
type Compute = (left: number, right: number) => number

export interface FloatUnit {
  /** Stops unless MXCSR rounds to nearest and masks all exceptions. */
  check(): void
  /** `count` lanes of the destination with those of the source. */
  add(width: Width, count: number, to: number, from: number): void
  subtract(width: Width, count: number, to: number, from: number): void
  multiply(width: Width, count: number, to: number, from: number): void
  divide(width: Width, count: number, to: number, from: number): void
  min(width: Width, count: number, to: number, from: number): void
  max(width: Width, count: number, to: number, from: number): void
  sqrt(width: Width, count: number, to: number, from: number): void
  /** Neighbours: those of the destination become the lower half. */
  addPairs(width: Width, to: number, from: number): void
  subtractPairs(width: Width, to: number, from: number): void
  addSubtract(width: Width, to: number, from: number): void
  dotProduct(width: Width, to: number, from: number, control: number): void
  /** All ones where the predicate (0 to 7) holds. */
  compare(width: Width, count: number, to: number, from: number, predicate: number): void
  /** ZF, PF and CF; the other arithmetic flags are cleared. */
  order(width: Width, to: number, from: number): void
  /** To an integral value, by the immediate of ROUNDSD. */
  round(width: Width, count: number, to: number, from: number, control: number): void
  /** Singles to doubles and back; what is above the result is cleared if `clears`. */
  widen(count: number, to: number, from: number): void
  narrow(count: number, to: number, from: number, clears: boolean): void
  /** Integers of 32 bits to lanes. */
  fromIntegers(width: Width, count: number, to: number, from: number): void
  /** Lanes to integers of 32 bits; two of them clear the upper half. */
  toIntegers(width: Width, count: number, to: number, from: number, truncates: boolean): void
  fromInteger(width: Width, to: number, lo: number, hi: number, isWide: boolean): void
  /** The low word; `high` is the upper one. */
  toInteger(width: Width, from: number, isWide: boolean, truncates: boolean): number
  high(): number
}

const TWO_32 = 2 ** 32
/** MXCSR without exception flags and with DAZ and FZ: all masks set, nearest, denormals kept. */
const CONTROL_BITS = 0xffc0
const AS_KERNELS_RUN = 0x1f80
const INDEFINITE = 0x80000000 | 0

/** Ties go to the even one. */
function nearest(value: number): number {
  const below = Math.floor(value)
  const rest = value - below
  const rounded = rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1
  return rounded === 0 && value < 0 ? -0 : rounded
}
const ROUNDINGS = [nearest, Math.floor, Math.ceil, Math.trunc] as const

const PREDICATES: readonly ((left: number, right: number) => boolean)[] = [
  (left, right) => left === right,
  (left, right) => left < right,
  (left, right) => left <= right,
  (left, right) => Number.isNaN(left) || Number.isNaN(right),
  (left, right) => left !== right,
  (left, right) => !(left < right),
  (left, right) => !(left <= right),
  (left, right) => !Number.isNaN(left) && !Number.isNaN(right),
]

export function createFloatUnit({ words, floats, doubles }: State, system: System): FloatUnit {
  /** Copies of both operands, since the destination may be the source. */
  const copy = new Int32Array(12)
  const copiedFloats = new Float32Array(copy.buffer)
  const copiedDoubles = new Float64Array(copy.buffer)
  const [LEFT, RIGHT, RESULT] = [0, 4, 8] // words of the copies
  let high = 0

  const take = (to: number, from: number): void => {
    for (let i = 0; i < 4; i++) {
      copy[LEFT + i] = words[to + i]!
      copy[RIGHT + i] = words[from + i]!
      copy[RESULT + i] = words[to + i]!
    }
  }
  const put = (to: number): void => words.set(copy.subarray(RESULT, RESULT + 4), to)

  const lane = (width: Width, at: number, index: number): number =>
    width === 4 ? copiedFloats[at + index]! : copiedDoubles[(at >> 1) + index]!
  /** A number, or the default NaN. */
  const setLane = (width: Width, index: number, value: number): void => {
    if (width === 4) {
      if (Number.isNaN(value)) copy[RESULT + index] = 0xffc00000
      else copiedFloats[RESULT + index] = value
      return
    }
    copiedDoubles[(RESULT >> 1) + index] = Number.isNaN(value) ? 0 : value
    if (!Number.isNaN(value)) return
    copy[RESULT + index * 2] = 0
    copy[RESULT + index * 2 + 1] = 0xfff80000
  }
  const copyLane = (width: Width, at: number, index: number, into = index): void => {
    if (width === 4) copy[RESULT + into] = copy[at + index]!
    else {
      copy[RESULT + into * 2] = copy[at + index * 2]!
      copy[RESULT + into * 2 + 1] = copy[at + index * 2 + 1]!
    }
  }
  /** A lane that is a NaN, made quiet. */
  const quietLane = (width: Width, at: number, index: number, into = index): void => {
    copyLane(width, at, index, into)
    if (width === 4) copy[RESULT + into]! |= 0x400000
    else copy[RESULT + into * 2 + 1]! |= 0x80000
  }

  /** One lane from one of each operand, into another. */
  function combine(
    width: Width,
    compute: Compute,
    left: number,
    i: number,
    right: number,
    k: number,
    into: number,
  ): void {
    const a = lane(width, left, i)
    const b = lane(width, right, k)
    if (Number.isNaN(a)) quietLane(width, left, i, into)
    else if (Number.isNaN(b)) quietLane(width, right, k, into)
    else setLane(width, into, compute(a, b))
  }

  const lanewise =
    (compute: Compute) =>
    (width: Width, count: number, to: number, from: number): void => {
      take(to, from)
      for (let i = 0; i < count; i++) combine(width, compute, LEFT, i, RIGHT, i, i)
      put(to)
    }

  /** The source as it is unless the destination is strictly less, or more. */
  const choose =
    (isChosen: (left: number, right: number) => boolean) =>
    (width: Width, count: number, to: number, from: number): void => {
      take(to, from)
      for (let i = 0; i < count; i++) {
        copyLane(width, isChosen(lane(width, LEFT, i), lane(width, RIGHT, i)) ? LEFT : RIGHT, i)
      }
      put(to)
    }

  const pairwise =
    (compute: Compute) =>
    (width: Width, to: number, from: number): void => {
      take(to, from)
      const half = 8 / width
      for (let i = 0; i < half; i++) {
        combine(width, compute, LEFT, i * 2, LEFT, i * 2 + 1, i)
        combine(width, compute, RIGHT, i * 2, RIGHT, i * 2 + 1, half + i)
      }
      put(to)
    }

  const unary = (
    width: Width,
    count: number,
    to: number,
    from: number,
    compute: (value: number) => number,
  ): void => {
    take(to, from)
    for (let i = 0; i < count; i++) {
      const value = lane(width, RIGHT, i)
      if (Number.isNaN(value)) quietLane(width, RIGHT, i)
      else setLane(width, i, compute(value))
    }
    put(to)
  }

  const add: Compute = (left, right) => left + right
  const subtract: Compute = (left, right) => left - right
  const multiply: Compute = (left, right) => left * right
  const divide: Compute = (left, right) => left / right

  function addSubtract(width: Width, to: number, from: number): void {
    take(to, from)
    for (let i = 0; i < 16 / width; i++) {
      combine(width, (i & 1) === 0 ? subtract : add, LEFT, i, RIGHT, i, i)
    }
    put(to)
  }

  /** Products of the lanes that the upper half of the immediate names, their sum to those that the lower one names. */
  function dotProduct(width: Width, to: number, from: number, control: number): void {
    take(to, from)
    const count = 16 / width
    for (let i = 0; i < count; i++) {
      if (((control >> (4 + i)) & 1) === 0) setLane(width, i, 0)
      else combine(width, multiply, LEFT, i, RIGHT, i, i)
    }
    for (let step = 1; step < count; step *= 2) {
      for (let i = 0; i < count; i += 2 * step) combine(width, add, RESULT, i, RESULT, i + step, i)
    }
    copy.copyWithin(LEFT, RESULT, RESULT + 4)
    for (let i = 0; i < count; i++) {
      if (((control >> i) & 1) === 0) setLane(width, i, 0)
      else copyLane(width, LEFT, 0, i)
    }
    put(to)
  }

  function compare(width: Width, count: number, to: number, from: number, predicate: number): void {
    take(to, from)
    const perLane = width / 4
    for (let i = 0; i < count; i++) {
      const holds = PREDICATES[predicate]!(lane(width, LEFT, i), lane(width, RIGHT, i))
      copy.fill(holds ? -1 : 0, RESULT + i * perLane, RESULT + (i + 1) * perLane)
    }
    put(to)
  }

  function order(width: Width, to: number, from: number): void {
    take(to, from)
    const a = lane(width, LEFT, 0)
    const b = lane(width, RIGHT, 0)
    const isUnordered = Number.isNaN(a) || Number.isNaN(b)
    system.setArithmetic(isUnordered ? Flag.z | Flag.p | Flag.c : a === b ? Flag.z : a < b ? Flag.c : 0)
  }

  /** The upper bits of a NaN's fraction go with it. */
  function widen(count: number, to: number, from: number): void {
    take(to, from)
    for (let i = 0; i < count; i++) {
      const value = lane(4, RIGHT, i)
      if (!Number.isNaN(value)) {
        setLane(8, i, value)
        continue
      }
      const bits = copy[RIGHT + i]! | 0x400000
      copy[RESULT + i * 2] = bits << 29
      copy[RESULT + i * 2 + 1] = (bits & 0x80000000) | 0x7ff00000 | ((bits & 0x7fffff) >>> 3)
    }
    put(to)
  }

  function narrow(count: number, to: number, from: number, clears: boolean): void {
    take(to, from)
    for (let i = 0; i < count; i++) {
      const value = lane(8, RIGHT, i)
      if (!Number.isNaN(value)) {
        setLane(4, i, value)
        continue
      }
      const upper = copy[RIGHT + i * 2 + 1]!
      const fraction = ((upper & 0xfffff) << 3) | (copy[RIGHT + i * 2]! >>> 29)
      copy[RESULT + i] = (upper & 0x80000000) | 0x7fc00000 | fraction
    }
    if (clears) copy.fill(0, RESULT + 2, RESULT + 4)
    put(to)
  }

  function fromIntegers(width: Width, count: number, to: number, from: number): void {
    take(to, from)
    for (let i = 0; i < count; i++) setLane(width, i, copy[RIGHT + i]!)
    put(to)
  }

  /** Where no integer of the width is near: the one with only the top bit. */
  const integral = (value: number, truncates: boolean): number => (truncates ? Math.trunc : nearest)(value)
  const int32 = (value: number, truncates: boolean): number => {
    const whole = integral(value, truncates)
    return whole >= -0x80000000 && whole <= 0x7fffffff ? whole | 0 : INDEFINITE
  }

  function toIntegers(width: Width, count: number, to: number, from: number, truncates: boolean): void {
    take(to, from)
    for (let i = 0; i < count; i++) copy[RESULT + i] = int32(lane(width, RIGHT, i), truncates)
    if (count === 2) copy.fill(0, RESULT + 2, RESULT + 4)
    put(to)
  }

  function fromInteger(width: Width, to: number, lo: number, hi: number, isWide: boolean): void {
    if (!isWide) {
      if (width === 4) floats[to] = lo
      else doubles[to >> 1] = lo
      return
    }
    if (width === 8) {
      doubles[to >> 1] = hi * TWO_32 + (lo >>> 0)
      return
    }
    // rounded once: a bit far below what a single looks at stands for all that a double cannot hold
    const isHeld = (hi >= -0x200000 && hi < 0x200000) || (lo & 0x7ff) === 0
    floats[to] = hi * TWO_32 + ((isHeld ? lo : (lo & ~0x7ff) | 0x800) >>> 0)
  }

  function toInteger(width: Width, from: number, isWide: boolean, truncates: boolean): number {
    const value = width === 4 ? floats[from]! : doubles[from >> 1]!
    high = 0
    if (!isWide) return int32(value, truncates)
    const whole = integral(value, truncates)
    if (!(whole >= -(2 ** 63) && whole < 2 ** 63)) {
      high = INDEFINITE
      return 0
    }
    high = Math.floor(whole / TWO_32)
    return (whole - high * TWO_32) | 0
  }

  return {
    check() {
      const mxcsr = words[Word.mxcsr]!
      if ((mxcsr & CONTROL_BITS) === AS_KERNELS_RUN) return
      const form = `floating point with mxcsr 0x${mxcsr.toString(16)}`
      throw new Interruption('notImplemented', { form })
    },
    add: lanewise(add),
    subtract: lanewise(subtract),
    multiply: lanewise(multiply),
    divide: lanewise(divide),
    min: choose((left, right) => left < right),
    max: choose((left, right) => left > right),
    sqrt: (width, count, to, from) => unary(width, count, to, from, Math.sqrt),
    addPairs: pairwise(add),
    subtractPairs: pairwise(subtract),
    addSubtract,
    dotProduct,
    compare,
    order,
    round(width, count, to, from, control) {
      unary(width, count, to, from, (control & 4) === 0 ? ROUNDINGS[(control & 3) as 0 | 1 | 2 | 3] : nearest)
    },
    widen,
    narrow,
    fromIntegers,
    toIntegers,
    fromInteger,
    toInteger,
    high: () => high,
  }
}
