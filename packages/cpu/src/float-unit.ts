// Floating point of SSE to SSE4.1 (Intel SDM vol. 1, 4.8 and 11.5; vol. 2): rounded to nearest, no exception unmasked, as
// MXCSR has it where kernels run; any other MXCSR stops by name. Its exception flags stay as they are. NaNs are moved as
// bits: the first operand's, else the second's, made quiet; where there was none the processor's default. Operands are given
// by the first of their four words in the state.
import { Flag } from './flags.ts'
import { type State, Word } from './state.ts'
import { Exception } from './stop.ts'
import type { System } from './system.ts'

type Width = 4 | 8
type Compute = (left: number, right: number) => number

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

const sum: Compute = (left, right) => left + right
const difference: Compute = (left, right) => left - right
const product: Compute = (left, right) => left * right
const quotient: Compute = (left, right) => left / right

/** Where no integer of the width is near: the one with only the top bit. */
const integral = (value: number, truncates: boolean): number => (truncates ? Math.trunc : nearest)(value)
const int32 = (value: number, truncates: boolean): number => {
  const whole = integral(value, truncates)
  return whole >= -0x80000000 && whole <= 0x7fffffff ? whole | 0 : INDEFINITE
}

const isLess = (left: number, right: number): boolean => left < right
const isMore = (left: number, right: number): boolean => left > right

/** Words of the copies. */
const [LEFT, RIGHT, RESULT] = [0, 4, 8]

export class FloatUnit {
  readonly #words: Int32Array
  readonly #floats: Float32Array
  readonly #doubles: Float64Array
  readonly #system: System
  /** Copies of both operands, since the destination may be the source. */
  readonly #copy = new Int32Array(12)
  readonly #copiedFloats = new Float32Array(this.#copy.buffer)
  readonly #copiedDoubles = new Float64Array(this.#copy.buffer)
  #high = 0

  constructor({ words, floats, doubles }: State, system: System) {
    this.#words = words
    this.#floats = floats
    this.#doubles = doubles
    this.#system = system
  }

  #take(to: number, from: number): void {
    for (let i = 0; i < 4; i++) {
      this.#copy[LEFT + i] = this.#words[to + i]!
      this.#copy[RIGHT + i] = this.#words[from + i]!
      this.#copy[RESULT + i] = this.#words[to + i]!
    }
  }

  #put(to: number): void {
    for (let i = 0; i < 4; i++) this.#words[to + i] = this.#copy[RESULT + i]!
  }

  #lane(width: Width, at: number, index: number): number {
    return width === 4 ? this.#copiedFloats[at + index]! : this.#copiedDoubles[(at >> 1) + index]!
  }

  /** A number, or the default NaN. */
  #setLane(width: Width, index: number, value: number): void {
    if (width === 4) {
      if (Number.isNaN(value)) this.#copy[RESULT + index] = 0xffc00000
      else this.#copiedFloats[RESULT + index] = value
      return
    }
    this.#copiedDoubles[(RESULT >> 1) + index] = Number.isNaN(value) ? 0 : value
    if (!Number.isNaN(value)) return
    this.#copy[RESULT + index * 2] = 0
    this.#copy[RESULT + index * 2 + 1] = 0xfff80000
  }

  #copyLane(width: Width, at: number, index: number, into = index): void {
    if (width === 4) this.#copy[RESULT + into] = this.#copy[at + index]!
    else {
      this.#copy[RESULT + into * 2] = this.#copy[at + index * 2]!
      this.#copy[RESULT + into * 2 + 1] = this.#copy[at + index * 2 + 1]!
    }
  }

  /** A lane that is a NaN, made quiet. */
  #quietLane(width: Width, at: number, index: number, into = index): void {
    this.#copyLane(width, at, index, into)
    if (width === 4) this.#copy[RESULT + into]! |= 0x400000
    else this.#copy[RESULT + into * 2 + 1]! |= 0x80000
  }

  /** One lane from one of each operand, into another. */
  #combine(
    width: Width,
    compute: Compute,
    left: number,
    i: number,
    right: number,
    k: number,
    into: number,
  ): void {
    const a = this.#lane(width, left, i)
    const b = this.#lane(width, right, k)
    if (Number.isNaN(a)) this.#quietLane(width, left, i, into)
    else if (Number.isNaN(b)) this.#quietLane(width, right, k, into)
    else this.#setLane(width, into, compute(a, b))
  }

  #lanewise(compute: Compute, width: Width, count: number, to: number, from: number): void {
    this.#take(to, from)
    for (let i = 0; i < count; i++) this.#combine(width, compute, LEFT, i, RIGHT, i, i)
    this.#put(to)
  }

  /** The source as it is unless the destination is strictly less, or more. */
  #choose(
    isChosen: (left: number, right: number) => boolean,
    width: Width,
    count: number,
    to: number,
    from: number,
  ): void {
    this.#take(to, from)
    for (let i = 0; i < count; i++) {
      this.#copyLane(
        width,
        isChosen(this.#lane(width, LEFT, i), this.#lane(width, RIGHT, i)) ? LEFT : RIGHT,
        i,
      )
    }
    this.#put(to)
  }

  #pairwise(compute: Compute, width: Width, to: number, from: number): void {
    this.#take(to, from)
    const half = 8 / width
    for (let i = 0; i < half; i++) {
      this.#combine(width, compute, LEFT, i * 2, LEFT, i * 2 + 1, i)
      this.#combine(width, compute, RIGHT, i * 2, RIGHT, i * 2 + 1, half + i)
    }
    this.#put(to)
  }

  #unary(width: Width, count: number, to: number, from: number, compute: (value: number) => number): void {
    this.#take(to, from)
    for (let i = 0; i < count; i++) {
      const value = this.#lane(width, RIGHT, i)
      if (Number.isNaN(value)) this.#quietLane(width, RIGHT, i)
      else this.#setLane(width, i, compute(value))
    }
    this.#put(to)
  }

  addSubtract(width: Width, to: number, from: number): void {
    this.#take(to, from)
    for (let i = 0; i < 16 / width; i++) {
      this.#combine(width, (i & 1) === 0 ? difference : sum, LEFT, i, RIGHT, i, i)
    }
    this.#put(to)
  }

  /** Products of the lanes that the upper half of the immediate names, their sum to those that the lower one names. */
  dotProduct(width: Width, to: number, from: number, control: number): void {
    this.#take(to, from)
    const count = 16 / width
    for (let i = 0; i < count; i++) {
      if (((control >> (4 + i)) & 1) === 0) this.#setLane(width, i, 0)
      else this.#combine(width, product, LEFT, i, RIGHT, i, i)
    }
    for (let step = 1; step < count; step *= 2) {
      for (let i = 0; i < count; i += 2 * step) this.#combine(width, sum, RESULT, i, RESULT, i + step, i)
    }
    this.#copy.copyWithin(LEFT, RESULT, RESULT + 4)
    for (let i = 0; i < count; i++) {
      if (((control >> i) & 1) === 0) this.#setLane(width, i, 0)
      else this.#copyLane(width, LEFT, 0, i)
    }
    this.#put(to)
  }

  /** All ones where the predicate (0 to 7) holds. */
  compare(width: Width, count: number, to: number, from: number, predicate: number): void {
    this.#take(to, from)
    const perLane = width / 4
    for (let i = 0; i < count; i++) {
      const holds = PREDICATES[predicate]!(this.#lane(width, LEFT, i), this.#lane(width, RIGHT, i))
      this.#copy.fill(holds ? -1 : 0, RESULT + i * perLane, RESULT + (i + 1) * perLane)
    }
    this.#put(to)
  }

  /** ZF, PF and CF; the other arithmetic flags are cleared. */
  order(width: Width, to: number, from: number): void {
    this.#take(to, from)
    const a = this.#lane(width, LEFT, 0)
    const b = this.#lane(width, RIGHT, 0)
    const isUnordered = Number.isNaN(a) || Number.isNaN(b)
    this.#system.setArithmetic(isUnordered ? Flag.z | Flag.p | Flag.c : a === b ? Flag.z : a < b ? Flag.c : 0)
  }

  /** Singles to doubles and back; what is above the result is cleared if `clears`. */
  widen(count: number, to: number, from: number): void {
    this.#take(to, from)
    for (let i = 0; i < count; i++) {
      const value = this.#lane(4, RIGHT, i)
      if (!Number.isNaN(value)) {
        this.#setLane(8, i, value)
        continue
      }
      const bits = this.#copy[RIGHT + i]! | 0x400000
      this.#copy[RESULT + i * 2] = bits << 29
      this.#copy[RESULT + i * 2 + 1] = (bits & 0x80000000) | 0x7ff00000 | ((bits & 0x7fffff) >>> 3)
    }
    this.#put(to)
  }

  narrow(count: number, to: number, from: number, clears: boolean): void {
    this.#take(to, from)
    for (let i = 0; i < count; i++) {
      const value = this.#lane(8, RIGHT, i)
      if (!Number.isNaN(value)) {
        this.#setLane(4, i, value)
        continue
      }
      const upper = this.#copy[RIGHT + i * 2 + 1]!
      const fraction = ((upper & 0xfffff) << 3) | (this.#copy[RIGHT + i * 2]! >>> 29)
      this.#copy[RESULT + i] = (upper & 0x80000000) | 0x7fc00000 | fraction
    }
    if (clears) this.#copy.fill(0, RESULT + 2, RESULT + 4)
    this.#put(to)
  }

  /** Integers of 32 bits to lanes. */
  fromIntegers(width: Width, count: number, to: number, from: number): void {
    this.#take(to, from)
    for (let i = 0; i < count; i++) this.#setLane(width, i, this.#copy[RIGHT + i]!)
    this.#put(to)
  }

  /** Lanes to integers of 32 bits; two of them clear the upper half. */
  toIntegers(width: Width, count: number, to: number, from: number, truncates: boolean): void {
    this.#take(to, from)
    for (let i = 0; i < count; i++) this.#copy[RESULT + i] = int32(this.#lane(width, RIGHT, i), truncates)
    if (count === 2) this.#copy.fill(0, RESULT + 2, RESULT + 4)
    this.#put(to)
  }

  fromInteger(width: Width, to: number, lo: number, hi: number, isWide: boolean): void {
    if (!isWide) {
      if (width === 4) this.#floats[to] = lo
      else this.#doubles[to >> 1] = lo
      return
    }
    if (width === 8) {
      this.#doubles[to >> 1] = hi * TWO_32 + (lo >>> 0)
      return
    }
    // rounded once: a bit far below what a single looks at stands for all that a double cannot hold
    const isHeld = (hi >= -0x200000 && hi < 0x200000) || (lo & 0x7ff) === 0
    this.#floats[to] = hi * TWO_32 + ((isHeld ? lo : (lo & ~0x7ff) | 0x800) >>> 0)
  }

  /** The low word; `high` is the upper one. */
  toInteger(width: Width, from: number, isWide: boolean, truncates: boolean): number {
    const value = width === 4 ? this.#floats[from]! : this.#doubles[from >> 1]!
    this.#high = 0
    if (!isWide) return int32(value, truncates)
    const whole = integral(value, truncates)
    if (!(whole >= -(2 ** 63) && whole < 2 ** 63)) {
      this.#high = INDEFINITE
      return 0
    }
    this.#high = Math.floor(whole / TWO_32)
    return (whole - this.#high * TWO_32) | 0
  }

  /** Stops unless MXCSR rounds to nearest and masks all exceptions. */
  check(): void {
    const mxcsr = this.#words[Word.mxcsr]!
    if ((mxcsr & CONTROL_BITS) === AS_KERNELS_RUN) return
    const form = `floating point with mxcsr 0x${mxcsr.toString(16)}`
    throw new Exception('notImplemented', { form })
  }

  /** `count` lanes of the destination with those of the source. */
  add(width: Width, count: number, to: number, from: number): void {
    this.#lanewise(sum, width, count, to, from)
  }

  subtract(width: Width, count: number, to: number, from: number): void {
    this.#lanewise(difference, width, count, to, from)
  }

  multiply(width: Width, count: number, to: number, from: number): void {
    this.#lanewise(product, width, count, to, from)
  }

  divide(width: Width, count: number, to: number, from: number): void {
    this.#lanewise(quotient, width, count, to, from)
  }

  min(width: Width, count: number, to: number, from: number): void {
    this.#choose(isLess, width, count, to, from)
  }

  max(width: Width, count: number, to: number, from: number): void {
    this.#choose(isMore, width, count, to, from)
  }

  sqrt(width: Width, count: number, to: number, from: number): void {
    this.#unary(width, count, to, from, Math.sqrt)
  }

  /** Neighbours: those of the destination become the lower half. */
  addPairs(width: Width, to: number, from: number): void {
    this.#pairwise(sum, width, to, from)
  }

  subtractPairs(width: Width, to: number, from: number): void {
    this.#pairwise(difference, width, to, from)
  }

  /** To an integral value, by the immediate of ROUNDSD. */
  round(width: Width, count: number, to: number, from: number, control: number): void {
    this.#unary(
      width,
      count,
      to,
      from,
      (control & 4) === 0 ? ROUNDINGS[(control & 3) as 0 | 1 | 2 | 3] : nearest,
    )
  }

  high(): number {
    return this.#high
  }
}
