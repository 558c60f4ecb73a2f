// Shifts and rotates by counts that are known only when they run, and bits moved by a mask. Each answers the low half, leaves the upper half for
// `high`, and the flags for `keepFlags`, which comes after the result was stored: a store may stop.
import { Flag, FlagKind, type Flags } from './flags.ts'
import { type State, Word } from './state.ts'

type ShiftBy = (size: number, lo: number, hi: number, count: number) => number
type DoubleShift = (
  size: number,
  lo: number,
  hi: number,
  fromLo: number,
  fromHi: number,
  count: number,
) => number

export interface ShiftUnit {
  readonly shl: ShiftBy
  readonly shr: ShiftBy
  readonly sar: ShiftBy
  readonly rol: ShiftBy
  readonly ror: ShiftBy
  readonly rcl: ShiftBy
  readonly rcr: ShiftBy
  readonly shld: DoubleShift
  readonly shrd: DoubleShift
  /** pdep: the low bits to where the mask has ones; pext: from there to the low bits. */
  deposit(lo: number, hi: number, maskLo: number, maskHi: number): number
  extract(lo: number, hi: number, maskLo: number, maskHi: number): number
  high(): number
  keepFlags(): void
}

const NONE = 0
const ALL = 1
/** Rotates: carry and overflow only. */
const CARRY_AND_OVERFLOW = 2

export function createShiftUnit({ words }: State, flags: Flags): ShiftUnit {
  let low = 0
  let high = 0
  let carry = 0
  let overflow = 0
  let changes = NONE
  let isWide = false

  const masked = (size: number, count: number): number => count & (size === 8 ? 63 : 31)
  const bitsOf = (size: number): number => size * 8
  const cut = (value: number, size: number): number => {
    const shift = size >= 4 ? 0 : 32 - size * 8
    return (value << shift) >> shift
  }
  /** A bit by its number; none below 0. */
  const bitAt = (size: number, lo: number, hi: number, bit: number): number =>
    bit < 0 ? 0 : size === 8 && bit >= 32 ? (hi >>> (bit - 32)) & 1 : (lo >>> bit) & 1
  const top = (size: number): number => (size === 8 ? high : low) >>> 31

  /** Value in low and high becomes itself shifted by 1. */
  function left(size: number, into: number): void {
    carry = top(size)
    if (size === 8) high = (high << 1) | (low >>> 31)
    low = size === 8 ? (low << 1) | into : cut((low << 1) | into, size)
  }

  function right(size: number, into: number): void {
    carry = low & 1
    if (size === 8) {
      low = (low >>> 1) | (high << 31)
      high = (high >>> 1) | (into << 31)
    } else {
      const bits = bitsOf(size)
      low = cut(
        ((low >>> 1) & (size === 4 ? 0x7fffffff : (1 << (bits - 1)) - 1)) | (into << (bits - 1)),
        size,
      )
    }
  }

  function begin(size: number, lo: number, hi: number, which: number): void {
    low = lo
    high = hi
    isWide = size === 8
    changes = which
  }

  const shl: ShiftBy = (size, lo, hi, by) => {
    const count = masked(size, by)
    begin(size, lo, hi, count === 0 ? NONE : ALL)
    if (count === 0) return low
    carry = bitAt(size, lo, hi, bitsOf(size) - count)
    if (size < 8) low = cut(lo << count, size)
    else if (count >= 32) {
      high = lo << (count - 32)
      low = 0
    } else {
      high = (hi << count) | (lo >>> (32 - count))
      low = lo << count
    }
    overflow = top(size) ^ carry
    return low
  }

  /** What comes in from above is `fill` in all bits. */
  const shiftRight = (size: number, lo: number, hi: number, count: number, fill: number): void => {
    carry = count > 32 ? (hi >>> (count - 33)) & 1 : (lo >>> (count - 1)) & 1
    if (size < 8) {
      const value = size === 4 || fill !== 0 ? lo : lo & (2 ** bitsOf(size) - 1)
      low = cut(fill === 0 ? value >>> count : value >> count, size)
      if (fill === 0) carry = (value >>> (count - 1)) & 1
    } else if (count >= 32) {
      low = fill === 0 ? hi >>> (count - 32) : hi >> (count - 32)
      high = fill
    } else {
      low = (lo >>> count) | (hi << (32 - count))
      high = fill === 0 ? hi >>> count : hi >> count
    }
  }

  const shr: ShiftBy = (size, lo, hi, by) => {
    const count = masked(size, by)
    begin(size, lo, hi, count === 0 ? NONE : ALL)
    if (count === 0) return low
    overflow = count === 1 ? top(size) : 0
    shiftRight(size, lo, hi, count, 0)
    return low
  }

  const sar: ShiftBy = (size, lo, hi, by) => {
    const count = masked(size, by)
    begin(size, lo, hi, count === 0 ? NONE : ALL)
    if (count === 0) return low
    overflow = 0
    shiftRight(size, lo, hi, count, -top(size))
    return low
  }

  /** Value in low and high becomes itself rotated to the left. */
  function rotate(size: number, count: number): void {
    if (count === 0) return
    if (size < 8) {
      const bits = bitsOf(size)
      const value = size === 4 ? low : low & (2 ** bits - 1)
      low = cut((value << count) | (value >>> (bits - count)), size)
      return
    }
    const [lo, hi] = count < 32 ? [low, high] : [high, low]
    const rest = count & 31
    low = rest === 0 ? lo : (lo << rest) | (hi >>> (32 - rest))
    high = rest === 0 ? hi : (hi << rest) | (lo >>> (32 - rest))
  }

  const rol: ShiftBy = (size, lo, hi, by) => {
    const count = masked(size, by)
    begin(size, lo, hi, count === 0 ? NONE : CARRY_AND_OVERFLOW)
    rotate(size, count & (bitsOf(size) - 1))
    carry = low & 1
    overflow = carry ^ top(size)
    return low
  }

  const ror: ShiftBy = (size, lo, hi, by) => {
    const count = masked(size, by)
    begin(size, lo, hi, count === 0 ? NONE : CARRY_AND_OVERFLOW)
    rotate(size, -count & (bitsOf(size) - 1))
    carry = top(size)
    overflow = carry ^ (((size === 8 ? high : low) >>> (size >= 4 ? 30 : bitsOf(size) - 2)) & 1)
    return low
  }

  const throughCarry = (size: number, lo: number, hi: number, by: number, isLeft: boolean): number => {
    const count = size < 4 ? masked(size, by) % (bitsOf(size) + 1) : masked(size, by)
    begin(size, lo, hi, count === 0 ? NONE : CARRY_AND_OVERFLOW)
    const before = top(size)
    carry = flags.carry() ? 1 : 0
    for (let i = 0; i < count; i++) {
      if (isLeft) left(size, carry)
      else right(size, carry)
    }
    overflow = before ^ top(size)
    return low
  }

  /** Bits come in from another value; more than 16 of them with 16-bit operands is undefined (vol. 2, SHLD). */
  const double = (
    size: number,
    lo: number,
    hi: number,
    from: number,
    fromHigh: number,
    by: number,
    isLeft: boolean,
  ): number => {
    const count = masked(size, by)
    begin(size, lo, hi, count === 0 ? NONE : ALL)
    let before = top(size)
    for (let i = 0; i < count; i++) {
      before = top(size)
      const bit = isLeft ? bitsOf(size) - 1 - (i % bitsOf(size)) : i % bitsOf(size)
      const into = ((bit < 32 ? from >>> bit : fromHigh >>> (bit - 32)) & 1) | 0
      if (isLeft) left(size, into)
      else right(size, into)
    }
    overflow = before ^ top(size)
    return low
  }

  /** One bit of the mask after the other. */
  const scattered = (lo: number, hi: number, maskLo: number, maskHi: number, isDeposit: boolean): number => {
    const value = [lo, hi]
    const found = [0, 0]
    let at = 0
    for (let bit = 0; bit < 64; bit++) {
      if ((((bit < 32 ? maskLo : maskHi) >>> (bit & 31)) & 1) === 0) continue
      const [from, to] = isDeposit ? [at, bit] : [bit, at]
      found[to >> 5]! |= ((value[from >> 5]! >>> (from & 31)) & 1) << (to & 31)
      at++
    }
    high = found[1]!
    return found[0]!
  }

  return {
    shl,
    shr,
    sar,
    rol,
    ror,
    rcl: (size, lo, hi, by) => throughCarry(size, lo, hi, by, true),
    rcr: (size, lo, hi, by) => throughCarry(size, lo, hi, by, false),
    shld: (size, lo, hi, fromLo, fromHi, by) => double(size, lo, hi, fromLo, fromHi, by, true),
    shrd: (size, lo, hi, fromLo, fromHi, by) => double(size, lo, hi, fromLo, fromHi, by, false),
    deposit: (lo, hi, maskLo, maskHi) => scattered(lo, hi, maskLo, maskHi, true),
    extract: (lo, hi, maskLo, maskHi) => scattered(lo, hi, maskLo, maskHi, false),
    high: () => high,
    keepFlags() {
      if (changes === ALL) {
        words[Word.flagKind] = FlagKind.result | (isWide ? FlagKind.wide : 0)
        words[Word.result] = low
        words[Word.resultHigh] = high
        words[Word.carry] = carry
        words[Word.overflow] = overflow
        words[Word.adjust] = 0
      } else if (changes === CARRY_AND_OVERFLOW) {
        const kept = flags.settle() & ~(Flag.c | Flag.o)
        words[Word.arithmetic] = kept | (carry === 0 ? 0 : Flag.c) | (overflow === 0 ? 0 : Flag.o)
      }
    },
  }
}
