// Products and quotients wider than 32 bits, in 32-bit halves.
import type { State } from './state.ts'
import { Interruption } from './stop.ts'

const TWO_32 = 2 ** 32
const RDX = 4 // word of rdx

export interface MultiplyUnit {
  /** Full products: the low word is the answer, `word(1..3)` the words above it, sign-extended where shorter. */
  unsigned(size: number, aLo: number, aHi: number, bLo: number, bHi: number): number
  signed(size: number, aLo: number, aHi: number, bLo: number, bHi: number): number
  /** The low 64 bits alone. */
  low(aLo: number, aHi: number, bLo: number, bHi: number): number
  word(index: number): number
  /** Whether the upper half of the last full product is more than an extension of the lower. */
  hasOverflowed(): boolean
  /** Whether a signed product of 64 bits each is more than its low half. */
  overflows(aLo: number, aHi: number, bLo: number, bHi: number): boolean
  /** rdx:rax (or ax) by a divisor into quotient and remainder; stops with divideError. */
  divide(size: number, lo: number, hi: number): void
  divideSigned(size: number, lo: number, hi: number): void
}

/** In instructions: what 128 steps take of the host. */
const LONG_DIVISION_COST = 40

export function createMultiplyUnit({ words }: State, charge: (instructions: number) => void): MultiplyUnit {
  /** A product of up to 128 bits. */
  const product = new Int32Array(4)
  let overflowed = false

  /** 32 x 32 to 64 bits, unsigned, by 16-bit parts; the upper word. */
  function upper(a: number, b: number): number {
    const aLow = a & 0xffff
    const aHigh = a >>> 16
    const bLow = b & 0xffff
    const bHigh = b >>> 16
    const middle = aHigh * bLow + Math.floor((aLow * bLow) / 65536)
    const middleLow = aLow * bHigh + (middle % 65536)
    return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(middleLow / 65536)) | 0
  }

  function low(aLo: number, aHi: number, bLo: number, bHi: number): number {
    product[1] = upper(aLo, bLo) + Math.imul(aLo, bHi) + Math.imul(aHi, bLo)
    return Math.imul(aLo, bLo)
  }

  function full(aLo: number, aHi: number, bLo: number, bHi: number): void {
    const u = (value: number): number => value >>> 0
    const first = u(upper(aLo, bLo)) + u(Math.imul(aLo, bHi)) + u(Math.imul(aHi, bLo))
    const second =
      u(upper(aLo, bHi)) + u(upper(aHi, bLo)) + u(Math.imul(aHi, bHi)) + Math.floor(first / TWO_32)
    product[0] = Math.imul(aLo, bLo)
    product[1] = first % TWO_32
    product[2] = second % TWO_32
    product[3] = upper(aHi, bHi) + Math.floor(second / TWO_32)
  }

  function unsigned(size: number, aLo: number, aHi: number, bLo: number, bHi: number): number {
    if (size === 8) {
      full(aLo, aHi, bLo, bHi)
      overflowed = (product[2]! | product[3]!) !== 0
      return product[0]!
    }
    const mask = size === 4 ? -1 : 2 ** (size * 8) - 1
    const lo = Math.imul(aLo & mask, bLo & mask)
    product[2] = size === 4 ? upper(aLo, bLo) : lo >>> (size * 8)
    product[3] = 0
    product[1] = 0
    overflowed = product[2] !== 0
    return lo
  }

  function signed(size: number, aLo: number, aHi: number, bLo: number, bHi: number): number {
    if (size === 8) {
      full(aLo, aHi, bLo, bHi)
      // the unsigned product less 2^64 times the other factor for each negative one
      if (aHi < 0) subtractUpper(bLo, bHi)
      if (bHi < 0) subtractUpper(aLo, aHi)
      const sign = product[1]! >> 31
      overflowed = product[2] !== sign || product[3] !== sign
      return product[0]!
    }
    const lo = Math.imul(aLo, bLo)
    product[1] = 0
    product[3] = 0
    if (size === 4) {
      product[2] = upper(aLo, bLo) - (aLo < 0 ? bLo : 0) - (bLo < 0 ? aLo : 0)
      overflowed = product[2] !== lo >> 31
    } else {
      product[2] = lo >> (size * 8)
      const shift = 32 - size * 8
      overflowed = (lo << shift) >> shift !== lo
    }
    return lo
  }

  function subtractUpper(lo: number, hi: number): void {
    const borrow = product[2]! >>> 0 < lo >>> 0 ? 1 : 0
    product[2]! -= lo
    product[3]! -= hi + borrow
  }

  /** Dividend in four words, low first, divided in place by 64 bits; the remainder of 64 bits is left in rest. */
  const dividend = new Int32Array(4)
  const rest = new Int32Array(2)
  function longDivision(lo: number, hi: number): void {
    charge(LONG_DIVISION_COST)
    let restLo = 0
    let restHi = 0
    for (let i = 0; i < 128; i++) {
      const out = restHi >>> 31
      restHi = (restHi << 1) | (restLo >>> 31)
      restLo = (restLo << 1) | (dividend[3]! >>> 31)
      dividend[3] = (dividend[3]! << 1) | (dividend[2]! >>> 31)
      dividend[2] = (dividend[2]! << 1) | (dividend[1]! >>> 31)
      dividend[1] = (dividend[1]! << 1) | (dividend[0]! >>> 31)
      dividend[0]! <<= 1
      const isBelow = restHi >>> 0 < hi >>> 0 || (restHi === hi && restLo >>> 0 < lo >>> 0)
      if (out === 0 && isBelow) continue
      const borrow = restLo >>> 0 < lo >>> 0 ? 1 : 0
      restLo = (restLo - lo) | 0
      restHi = (restHi - hi - borrow) | 0
      dividend[0]! |= 1
    }
    rest[0] = restLo
    rest[1] = restHi
  }

  /** Both below 2^53: doubles are exact, but for the last unit of the quotient. */
  function shortDivision(a: number, b: number): void {
    let quotient = Math.floor(a / b)
    let remainder = a - quotient * b
    if (remainder < 0) {
      quotient--
      remainder += b
    } else if (remainder >= b) {
      quotient++
      remainder -= b
    }
    dividend[0] = quotient
    dividend[1] = Math.floor(quotient / TWO_32)
    dividend[2] = 0
    dividend[3] = 0
    rest[0] = remainder
    rest[1] = Math.floor(remainder / TWO_32)
  }

  function negate(value: Int32Array): void {
    let carry = 1
    for (let i = 0; i < value.length; i++) {
      value[i] = ~value[i]! + carry
      if (value[i] !== 0) carry = 0
    }
  }

  function loadDividend(size: number, isSigned: boolean): void {
    const fill = (from: number, value: number): void => {
      for (let i = from; i < 4; i++) dividend[i] = value
    }
    if (size === 8) {
      dividend[0] = words[0]!
      dividend[1] = words[1]!
      dividend[2] = words[RDX]!
      dividend[3] = words[RDX + 1]!
      return
    }
    const value =
      size === 1
        ? (words[0]! << 16) >> 16
        : size === 2
          ? (words[RDX]! << 16) | (words[0]! & 0xffff)
          : words[0]!
    dividend[0] = size === 1 && !isSigned ? value & 0xffff : value
    dividend[1] = size === 4 ? words[RDX]! : isSigned ? value >> 31 : 0
    fill(2, isSigned ? dividend[1]! >> 31 : 0)
  }

  function divideWords(lo: number, hi: number): void {
    const isShort =
      (dividend[2]! | dividend[3]!) === 0 && dividend[1]! >>> 0 < 0x200000 && hi >>> 0 < 0x200000
    if (isShort) {
      shortDivision((dividend[1]! >>> 0) * TWO_32 + (dividend[0]! >>> 0), (hi >>> 0) * TWO_32 + (lo >>> 0))
    } else longDivision(lo, hi)
  }

  function store(size: number): void {
    if (size === 8) {
      words[0] = dividend[0]!
      words[1] = dividend[1]!
      words[RDX] = rest[0]!
      words[RDX + 1] = rest[1]!
    } else if (size === 4) {
      words[0] = dividend[0]!
      words[1] = 0
      words[RDX] = rest[0]!
      words[RDX + 1] = 0
    } else if (size === 2) {
      words[0] = (words[0]! & -65536) | (dividend[0]! & 0xffff)
      words[RDX] = (words[RDX]! & -65536) | (rest[0]! & 0xffff)
    } else {
      words[0] = (words[0]! & -65536) | (dividend[0]! & 0xff) | ((rest[0]! & 0xff) << 8)
    }
  }

  function divide(size: number, lo: number, hi: number): void {
    const divisorLo = size === 1 ? lo & 0xff : size === 2 ? lo & 0xffff : lo
    const divisorHi = size === 8 ? hi : 0
    if ((divisorLo | divisorHi) === 0) throw new Interruption('divideError')
    loadDividend(size, false)
    divideWords(divisorLo, divisorHi)
    const above = size === 8 ? 0 : size === 4 ? dividend[1]! : dividend[1]! | (dividend[0]! >>> (size * 8))
    if ((above | dividend[2]! | dividend[3]!) !== 0) throw new Interruption('divideError')
    store(size)
  }

  function divideSigned(size: number, lo: number, hi: number): void {
    const divisor = new Int32Array([lo, size === 8 ? hi : lo >> 31])
    if ((divisor[0]! | divisor[1]!) === 0) throw new Interruption('divideError')
    loadDividend(size, true)
    const isNegative = dividend[3]! < 0
    const isDivisorNegative = divisor[1]! < 0
    if (isNegative) negate(dividend)
    if (isDivisorNegative) negate(divisor)
    divideWords(divisor[0]!, divisor[1]!)
    if (isNegative !== isDivisorNegative) negate(dividend)
    if (isNegative) negate(rest)
    // the quotient must be an extension of its own sign
    const sign =
      size === 8
        ? dividend[1]! >> 31
        : size === 4
          ? dividend[0]! >> 31
          : (dividend[0]! << (32 - size * 8)) >> 31
    const shift = size < 4 ? 32 - size * 8 : 0
    const fits =
      dividend[3] === sign &&
      dividend[2] === sign &&
      (size === 8 || dividend[1] === sign) &&
      (dividend[0]! << shift) >> shift === dividend[0]
    if (!fits) throw new Interruption('divideError')
    store(size)
  }

  return {
    unsigned,
    signed,
    low,
    word: (index) => product[index]!,
    hasOverflowed: () => overflowed,
    overflows(aLo, aHi, bLo, bHi) {
      signed(8, aLo, aHi, bLo, bHi)
      return overflowed
    },
    divide,
    divideSigned,
  }
}
