// Shifts and rotates by counts that are known only when they run, and bits moved by a mask. Each answers the low half, leaves the upper half for
// `high`, and the flags for `keepFlags`, which comes after the result was stored: a store may stop.
import { Flag, FlagKind, type Flags } from './flags.ts'
import { type State, Word } from './state.ts'

const NONE = 0
const ALL = 1
/** Rotates: carry and overflow only. */
const CARRY_AND_OVERFLOW = 2

const masked = (size: number, count: number): number => count & (size === 8 ? 63 : 31)
const bitsOf = (size: number): number => size * 8
const cut = (value: number, size: number): number => {
  const shift = size >= 4 ? 0 : 32 - size * 8
  return (value << shift) >> shift
}
/** A bit by its number; none below 0. */
const bitAt = (size: number, lo: number, hi: number, bit: number): number =>
  bit < 0 ? 0 : size === 8 && bit >= 32 ? (hi >>> (bit - 32)) & 1 : (lo >>> bit) & 1

export class ShiftUnit {
  readonly #words: Int32Array
  readonly #flags: Flags
  #low = 0
  #high = 0
  #carry = 0
  #overflow = 0
  #changes = NONE
  #isWide = false

  constructor({ words }: State, flags: Flags) {
    this.#words = words
    this.#flags = flags
  }

  #top(size: number): number {
    return (size === 8 ? this.#high : this.#low) >>> 31
  }

  /** Value in low and high becomes itself shifted by 1. */
  #left(size: number, into: number): void {
    this.#carry = this.#top(size)
    if (size === 8) this.#high = (this.#high << 1) | (this.#low >>> 31)
    this.#low = size === 8 ? (this.#low << 1) | into : cut((this.#low << 1) | into, size)
  }

  #right(size: number, into: number): void {
    this.#carry = this.#low & 1
    if (size === 8) {
      this.#low = (this.#low >>> 1) | (this.#high << 31)
      this.#high = (this.#high >>> 1) | (into << 31)
    } else {
      const bits = bitsOf(size)
      this.#low = cut(
        ((this.#low >>> 1) & (size === 4 ? 0x7fffffff : (1 << (bits - 1)) - 1)) | (into << (bits - 1)),
        size,
      )
    }
  }

  #begin(size: number, lo: number, hi: number, which: number): void {
    this.#low = lo
    this.#high = hi
    this.#isWide = size === 8
    this.#changes = which
  }

  shl(size: number, lo: number, hi: number, by: number): number {
    const count = masked(size, by)
    this.#begin(size, lo, hi, count === 0 ? NONE : ALL)
    if (count === 0) return this.#low
    this.#carry = bitAt(size, lo, hi, bitsOf(size) - count)
    if (size < 8) this.#low = cut(lo << count, size)
    else if (count >= 32) {
      this.#high = lo << (count - 32)
      this.#low = 0
    } else {
      this.#high = (hi << count) | (lo >>> (32 - count))
      this.#low = lo << count
    }
    this.#overflow = this.#top(size) ^ this.#carry
    return this.#low
  }

  /** What comes in from above is `fill` in all bits. */
  #shiftRight(size: number, lo: number, hi: number, count: number, fill: number): void {
    this.#carry = count > 32 ? (hi >>> (count - 33)) & 1 : (lo >>> (count - 1)) & 1
    if (size < 8) {
      const value = size === 4 || fill !== 0 ? lo : lo & (2 ** bitsOf(size) - 1)
      this.#low = cut(fill === 0 ? value >>> count : value >> count, size)
      if (fill === 0) this.#carry = (value >>> (count - 1)) & 1
    } else if (count >= 32) {
      this.#low = fill === 0 ? hi >>> (count - 32) : hi >> (count - 32)
      this.#high = fill
    } else {
      this.#low = (lo >>> count) | (hi << (32 - count))
      this.#high = fill === 0 ? hi >>> count : hi >> count
    }
  }

  shr(size: number, lo: number, hi: number, by: number): number {
    const count = masked(size, by)
    this.#begin(size, lo, hi, count === 0 ? NONE : ALL)
    if (count === 0) return this.#low
    this.#overflow = count === 1 ? this.#top(size) : 0
    this.#shiftRight(size, lo, hi, count, 0)
    return this.#low
  }

  sar(size: number, lo: number, hi: number, by: number): number {
    const count = masked(size, by)
    this.#begin(size, lo, hi, count === 0 ? NONE : ALL)
    if (count === 0) return this.#low
    this.#overflow = 0
    this.#shiftRight(size, lo, hi, count, -this.#top(size))
    return this.#low
  }

  /** Value in low and high becomes itself rotated to the left. */
  #rotate(size: number, count: number): void {
    if (count === 0) return
    if (size < 8) {
      const bits = bitsOf(size)
      const value = size === 4 ? this.#low : this.#low & (2 ** bits - 1)
      this.#low = cut((value << count) | (value >>> (bits - count)), size)
      return
    }
    const [lo, hi] = count < 32 ? [this.#low, this.#high] : [this.#high, this.#low]
    const rest = count & 31
    this.#low = rest === 0 ? lo : (lo << rest) | (hi >>> (32 - rest))
    this.#high = rest === 0 ? hi : (hi << rest) | (lo >>> (32 - rest))
  }

  rol(size: number, lo: number, hi: number, by: number): number {
    const count = masked(size, by)
    this.#begin(size, lo, hi, count === 0 ? NONE : CARRY_AND_OVERFLOW)
    this.#rotate(size, count & (bitsOf(size) - 1))
    this.#carry = this.#low & 1
    this.#overflow = this.#carry ^ this.#top(size)
    return this.#low
  }

  ror(size: number, lo: number, hi: number, by: number): number {
    const count = masked(size, by)
    this.#begin(size, lo, hi, count === 0 ? NONE : CARRY_AND_OVERFLOW)
    this.#rotate(size, -count & (bitsOf(size) - 1))
    this.#carry = this.#top(size)
    this.#overflow =
      this.#carry ^ (((size === 8 ? this.#high : this.#low) >>> (size >= 4 ? 30 : bitsOf(size) - 2)) & 1)
    return this.#low
  }

  #throughCarry(size: number, lo: number, hi: number, by: number, isLeft: boolean): number {
    const count = size < 4 ? masked(size, by) % (bitsOf(size) + 1) : masked(size, by)
    this.#begin(size, lo, hi, count === 0 ? NONE : CARRY_AND_OVERFLOW)
    const before = this.#top(size)
    this.#carry = this.#flags.carry() ? 1 : 0
    for (let i = 0; i < count; i++) {
      if (isLeft) this.#left(size, this.#carry)
      else this.#right(size, this.#carry)
    }
    this.#overflow = before ^ this.#top(size)
    return this.#low
  }

  /** Bits come in from another value; more than 16 of them with 16-bit operands is undefined (vol. 2, SHLD). */
  #double(
    size: number,
    lo: number,
    hi: number,
    from: number,
    fromHigh: number,
    by: number,
    isLeft: boolean,
  ): number {
    const count = masked(size, by)
    this.#begin(size, lo, hi, count === 0 ? NONE : ALL)
    let before = this.#top(size)
    for (let i = 0; i < count; i++) {
      before = this.#top(size)
      const bit = isLeft ? bitsOf(size) - 1 - (i % bitsOf(size)) : i % bitsOf(size)
      const into = ((bit < 32 ? from >>> bit : fromHigh >>> (bit - 32)) & 1) | 0
      if (isLeft) this.#left(size, into)
      else this.#right(size, into)
    }
    this.#overflow = before ^ this.#top(size)
    return this.#low
  }

  /** One bit of the mask after the other. */
  #scattered(lo: number, hi: number, maskLo: number, maskHi: number, isDeposit: boolean): number {
    const value = [lo, hi]
    const found = [0, 0]
    let at = 0
    for (let bit = 0; bit < 64; bit++) {
      if ((((bit < 32 ? maskLo : maskHi) >>> (bit & 31)) & 1) === 0) continue
      const [from, to] = isDeposit ? [at, bit] : [bit, at]
      found[to >> 5]! |= ((value[from >> 5]! >>> (from & 31)) & 1) << (to & 31)
      at++
    }
    this.#high = found[1]!
    return found[0]!
  }

  rcl(size: number, lo: number, hi: number, by: number): number {
    return this.#throughCarry(size, lo, hi, by, true)
  }

  rcr(size: number, lo: number, hi: number, by: number): number {
    return this.#throughCarry(size, lo, hi, by, false)
  }

  shld(size: number, lo: number, hi: number, fromLo: number, fromHi: number, by: number): number {
    return this.#double(size, lo, hi, fromLo, fromHi, by, true)
  }

  shrd(size: number, lo: number, hi: number, fromLo: number, fromHi: number, by: number): number {
    return this.#double(size, lo, hi, fromLo, fromHi, by, false)
  }

  /** pdep: the low bits to where the mask has ones; pext: from there to the low bits. */
  deposit(lo: number, hi: number, maskLo: number, maskHi: number): number {
    return this.#scattered(lo, hi, maskLo, maskHi, true)
  }

  extract(lo: number, hi: number, maskLo: number, maskHi: number): number {
    return this.#scattered(lo, hi, maskLo, maskHi, false)
  }

  high(): number {
    return this.#high
  }

  keepFlags(): void {
    if (this.#changes === ALL) {
      this.#words[Word.flagKind] = FlagKind.result | (this.#isWide ? FlagKind.wide : 0)
      this.#words[Word.result] = this.#low
      this.#words[Word.resultHigh] = this.#high
      this.#words[Word.carry] = this.#carry
      this.#words[Word.overflow] = this.#overflow
      this.#words[Word.adjust] = 0
    } else if (this.#changes === CARRY_AND_OVERFLOW) {
      const kept = this.#flags.settle() & ~(Flag.c | Flag.o)
      this.#words[Word.arithmetic] =
        kept | (this.#carry === 0 ? 0 : Flag.c) | (this.#overflow === 0 ? 0 : Flag.o)
    }
  }
}
