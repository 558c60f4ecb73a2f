// Products and quotients wider than 32 bits, in 32-bit halves.
import type { State } from './state.ts'
import { Exception } from './stop.ts'

const TWO_32 = 2 ** 32
const RDX = 4 // word of rdx

/** In instructions: what 128 steps take of the host. */
const LONG_DIVISION_COST = 40

export class MultiplyUnit {
  readonly #words: Int32Array
  readonly #charge: (instructions: number) => void
  /** A product of up to 128 bits. */
  readonly #product = new Int32Array(4)
  #overflowed = false
  /** Dividend in four words, low first, divided in place by 64 bits; the remainder of 64 bits is left in rest. */
  readonly #dividend = new Int32Array(4)
  readonly #divisor = new Int32Array(2)
  readonly #rest = new Int32Array(2)

  constructor({ words }: State, charge: (instructions: number) => void) {
    this.#words = words
    this.#charge = charge
  }

  /** 32 x 32 to 64 bits, unsigned, by 16-bit parts; the upper word. */
  #upper(a: number, b: number): number {
    const aLow = a & 0xffff
    const aHigh = a >>> 16
    const bLow = b & 0xffff
    const bHigh = b >>> 16
    const middle = aHigh * bLow + Math.floor((aLow * bLow) / 65536)
    const middleLow = aLow * bHigh + (middle % 65536)
    return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(middleLow / 65536)) | 0
  }

  /** The low 64 bits alone. */
  low(aLo: number, aHi: number, bLo: number, bHi: number): number {
    this.#product[1] = this.#upper(aLo, bLo) + Math.imul(aLo, bHi) + Math.imul(aHi, bLo)
    return Math.imul(aLo, bLo)
  }

  #full(aLo: number, aHi: number, bLo: number, bHi: number): void {
    const u = (value: number): number => value >>> 0
    const first = u(this.#upper(aLo, bLo)) + u(Math.imul(aLo, bHi)) + u(Math.imul(aHi, bLo))
    const second =
      u(this.#upper(aLo, bHi)) +
      u(this.#upper(aHi, bLo)) +
      u(Math.imul(aHi, bHi)) +
      Math.floor(first / TWO_32)
    this.#product[0] = Math.imul(aLo, bLo)
    this.#product[1] = first % TWO_32
    this.#product[2] = second % TWO_32
    this.#product[3] = this.#upper(aHi, bHi) + Math.floor(second / TWO_32)
  }

  /** Full products: the low word is the answer, `word(1..3)` the words above it, sign-extended where shorter. */
  unsigned(size: number, aLo: number, aHi: number, bLo: number, bHi: number): number {
    if (size === 8) {
      this.#full(aLo, aHi, bLo, bHi)
      this.#overflowed = (this.#product[2]! | this.#product[3]!) !== 0
      return this.#product[0]!
    }
    const mask = size === 4 ? -1 : 2 ** (size * 8) - 1
    const lo = Math.imul(aLo & mask, bLo & mask)
    this.#product[2] = size === 4 ? this.#upper(aLo, bLo) : lo >>> (size * 8)
    this.#product[3] = 0
    this.#product[1] = 0
    this.#overflowed = this.#product[2] !== 0
    return lo
  }

  signed(size: number, aLo: number, aHi: number, bLo: number, bHi: number): number {
    if (size === 8) {
      this.#full(aLo, aHi, bLo, bHi)
      // the unsigned product, less 2^64 times the other factor for each negative factor
      if (aHi < 0) this.#subtractUpper(bLo, bHi)
      if (bHi < 0) this.#subtractUpper(aLo, aHi)
      const sign = this.#product[1]! >> 31
      this.#overflowed = this.#product[2] !== sign || this.#product[3] !== sign
      return this.#product[0]!
    }
    const lo = Math.imul(aLo, bLo)
    this.#product[1] = 0
    this.#product[3] = 0
    if (size === 4) {
      this.#product[2] = this.#upper(aLo, bLo) - (aLo < 0 ? bLo : 0) - (bLo < 0 ? aLo : 0)
      this.#overflowed = this.#product[2] !== lo >> 31
    } else {
      this.#product[2] = lo >> (size * 8)
      const shift = 32 - size * 8
      this.#overflowed = (lo << shift) >> shift !== lo
    }
    return lo
  }

  #subtractUpper(lo: number, hi: number): void {
    const borrow = this.#product[2]! >>> 0 < lo >>> 0 ? 1 : 0
    this.#product[2]! -= lo
    this.#product[3]! -= hi + borrow
  }

  #longDivision(lo: number, hi: number): void {
    this.#charge(LONG_DIVISION_COST)
    let restLo = 0
    let restHi = 0
    for (let i = 0; i < 128; i++) {
      const out = restHi >>> 31
      restHi = (restHi << 1) | (restLo >>> 31)
      restLo = (restLo << 1) | (this.#dividend[3]! >>> 31)
      this.#dividend[3] = (this.#dividend[3]! << 1) | (this.#dividend[2]! >>> 31)
      this.#dividend[2] = (this.#dividend[2]! << 1) | (this.#dividend[1]! >>> 31)
      this.#dividend[1] = (this.#dividend[1]! << 1) | (this.#dividend[0]! >>> 31)
      this.#dividend[0]! <<= 1
      const isBelow = restHi >>> 0 < hi >>> 0 || (restHi === hi && restLo >>> 0 < lo >>> 0)
      if (out === 0 && isBelow) continue
      const borrow = restLo >>> 0 < lo >>> 0 ? 1 : 0
      restLo = (restLo - lo) | 0
      restHi = (restHi - hi - borrow) | 0
      this.#dividend[0]! |= 1
    }
    this.#rest[0] = restLo
    this.#rest[1] = restHi
  }

  /** Both below 2^53: doubles are exact, but for the last unit of the quotient. */
  #shortDivision(a: number, b: number): void {
    let quotient = Math.floor(a / b)
    let remainder = a - quotient * b
    if (remainder < 0) {
      quotient--
      remainder += b
    } else if (remainder >= b) {
      quotient++
      remainder -= b
    }
    this.#dividend[0] = quotient
    this.#dividend[1] = Math.floor(quotient / TWO_32)
    this.#dividend[2] = 0
    this.#dividend[3] = 0
    this.#rest[0] = remainder
    this.#rest[1] = Math.floor(remainder / TWO_32)
  }

  #negate(value: Int32Array): void {
    let carry = 1
    for (let i = 0; i < value.length; i++) {
      value[i] = ~value[i]! + carry
      if (value[i] !== 0) carry = 0
    }
  }

  #loadDividend(size: number, isSigned: boolean): void {
    const fill = (from: number, value: number): void => {
      for (let i = from; i < 4; i++) this.#dividend[i] = value
    }
    if (size === 8) {
      this.#dividend[0] = this.#words[0]!
      this.#dividend[1] = this.#words[1]!
      this.#dividend[2] = this.#words[RDX]!
      this.#dividend[3] = this.#words[RDX + 1]!
      return
    }
    const value =
      size === 1
        ? (this.#words[0]! << 16) >> 16
        : size === 2
          ? (this.#words[RDX]! << 16) | (this.#words[0]! & 0xffff)
          : this.#words[0]!
    this.#dividend[0] = size === 1 && !isSigned ? value & 0xffff : value
    this.#dividend[1] = size === 4 ? this.#words[RDX]! : isSigned ? value >> 31 : 0
    fill(2, isSigned ? this.#dividend[1]! >> 31 : 0)
  }

  #divideWords(lo: number, hi: number): void {
    const isShort =
      (this.#dividend[2]! | this.#dividend[3]!) === 0 &&
      this.#dividend[1]! >>> 0 < 0x200000 &&
      hi >>> 0 < 0x200000
    if (isShort) {
      this.#shortDivision(
        (this.#dividend[1]! >>> 0) * TWO_32 + (this.#dividend[0]! >>> 0),
        (hi >>> 0) * TWO_32 + (lo >>> 0),
      )
    } else this.#longDivision(lo, hi)
  }

  #store(size: number): void {
    if (size === 8) {
      this.#words[0] = this.#dividend[0]!
      this.#words[1] = this.#dividend[1]!
      this.#words[RDX] = this.#rest[0]!
      this.#words[RDX + 1] = this.#rest[1]!
    } else if (size === 4) {
      this.#words[0] = this.#dividend[0]!
      this.#words[1] = 0
      this.#words[RDX] = this.#rest[0]!
      this.#words[RDX + 1] = 0
    } else if (size === 2) {
      this.#words[0] = (this.#words[0]! & -65536) | (this.#dividend[0]! & 0xffff)
      this.#words[RDX] = (this.#words[RDX]! & -65536) | (this.#rest[0]! & 0xffff)
    } else {
      this.#words[0] =
        (this.#words[0]! & -65536) | (this.#dividend[0]! & 0xff) | ((this.#rest[0]! & 0xff) << 8)
    }
  }

  /** rdx:rax (or ax) by a divisor into quotient and remainder; stops with divideError. */
  divide(size: number, lo: number, hi: number): void {
    const divisorLo = size === 1 ? lo & 0xff : size === 2 ? lo & 0xffff : lo
    const divisorHi = size === 8 ? hi : 0
    if ((divisorLo | divisorHi) === 0) throw new Exception('divideError')
    this.#loadDividend(size, false)
    this.#divideWords(divisorLo, divisorHi)
    const above =
      size === 8
        ? 0
        : size === 4
          ? this.#dividend[1]!
          : this.#dividend[1]! | (this.#dividend[0]! >>> (size * 8))
    if ((above | this.#dividend[2]! | this.#dividend[3]!) !== 0) throw new Exception('divideError')
    this.#store(size)
  }

  divideSigned(size: number, lo: number, hi: number): void {
    const divisor = this.#divisor
    divisor[0] = lo
    divisor[1] = size === 8 ? hi : lo >> 31
    if ((divisor[0]! | divisor[1]!) === 0) throw new Exception('divideError')
    this.#loadDividend(size, true)
    const isNegative = this.#dividend[3]! < 0
    const isDivisorNegative = divisor[1]! < 0
    if (isNegative) this.#negate(this.#dividend)
    if (isDivisorNegative) this.#negate(divisor)
    this.#divideWords(divisor[0]!, divisor[1]!)
    if (isNegative !== isDivisorNegative) this.#negate(this.#dividend)
    if (isNegative) this.#negate(this.#rest)
    // the quotient must be an extension of its own sign
    const sign =
      size === 8
        ? this.#dividend[1]! >> 31
        : size === 4
          ? this.#dividend[0]! >> 31
          : (this.#dividend[0]! << (32 - size * 8)) >> 31
    const shift = size < 4 ? 32 - size * 8 : 0
    const fits =
      this.#dividend[3] === sign &&
      this.#dividend[2] === sign &&
      (size === 8 || this.#dividend[1] === sign) &&
      (this.#dividend[0]! << shift) >> shift === this.#dividend[0]
    if (!fits) throw new Exception('divideError')
    this.#store(size)
  }

  word(index: number): number {
    return this.#product[index]!
  }

  /** Whether the upper half of the last full product is more than an extension of the lower. */
  hasOverflowed(): boolean {
    return this.#overflowed
  }

  /** Whether a signed product of 64 bits each is more than its low half. */
  overflows(aLo: number, aHi: number, bLo: number, bHi: number): boolean {
    this.signed(8, aLo, aHi, bLo, bHi)
    return this.#overflowed
  }
}
