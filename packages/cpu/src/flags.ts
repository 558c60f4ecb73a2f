// Arithmetic flags, kept lazily: an instruction leaves how they came about (FlagKind) and the values; they are worked out
// when a flag is read. Values of 8 and 16 bits are kept sign-extended, so that all narrow widths share their rules
// (Intel SDM vol. 1, 3.4.3.1). Undefined flags are left as QEMU's translator leaves them where that costs nothing.
import { type State, Word } from './state.ts'

export const Flag = { c: 1, p: 4, a: 0x10, z: 0x40, s: 0x80, t: 0x100, i: 0x200, d: 0x400, o: 0x800 } as const
export const ARITHMETIC = Flag.c | Flag.p | Flag.a | Flag.z | Flag.s | Flag.o

/** IF and IOPL: ring 3 leaves them as they are. */
export const KERNEL_FLAGS = Flag.i | 0x3000

/** `left + right`, `left - right`, a result that clears carry and overflow, a result with carry, overflow and adjust. */
export const FlagKind = { ready: 0, add: 1, sub: 2, logic: 3, result: 4, wide: 8 } as const

/** 1 where a byte has an even number of ones. */
export const EVEN_PARITY = Uint8Array.from({ length: 256 }, (_, byte) => {
  let ones = 0
  for (let bits = byte; bits !== 0; bits >>>= 1) ones += bits & 1
  return 1 - (ones & 1)
})

export class Flags {
  readonly #words: Int32Array

  constructor({ words }: State) {
    this.#words = words
  }

  #wideBelow(lo: number, hi: number, otherLo: number, otherHi: number): boolean {
    return hi >>> 0 < otherHi >>> 0 || (hi === otherHi && lo >>> 0 < otherLo >>> 0)
  }

  carry(): boolean {
    switch (this.#words[Word.flagKind]) {
      case FlagKind.ready:
        return (this.#words[Word.arithmetic]! & Flag.c) !== 0
      case FlagKind.add:
        return this.#words[Word.result]! >>> 0 < this.#words[Word.left]! >>> 0
      case FlagKind.sub:
        return this.#words[Word.left]! >>> 0 < this.#words[Word.right]! >>> 0
      case FlagKind.add | FlagKind.wide:
        return this.#wideBelow(
          this.#words[Word.result]!,
          this.#words[Word.resultHigh]!,
          this.#words[Word.left]!,
          this.#words[Word.leftHigh]!,
        )
      case FlagKind.sub | FlagKind.wide:
        // left - right = result: it borrowed when the result is above the left
        return this.#wideBelow(
          this.#words[Word.left]!,
          this.#words[Word.leftHigh]!,
          this.#words[Word.result]!,
          this.#words[Word.resultHigh]!,
        )
      case FlagKind.result:
      case FlagKind.result | FlagKind.wide:
        return this.#words[Word.carry] !== 0
      default:
        return false
    }
  }

  #zero(): boolean {
    const kind = this.#words[Word.flagKind]!
    if (kind === FlagKind.ready) return (this.#words[Word.arithmetic]! & Flag.z) !== 0
    if (kind < FlagKind.wide) return this.#words[Word.result] === 0
    return (this.#words[Word.result]! | this.#words[Word.resultHigh]!) === 0
  }

  #sign(): boolean {
    const kind = this.#words[Word.flagKind]!
    if (kind === FlagKind.ready) return (this.#words[Word.arithmetic]! & Flag.s) !== 0
    return (kind < FlagKind.wide ? this.#words[Word.result]! : this.#words[Word.resultHigh]!) < 0
  }

  #overflow(): boolean {
    switch (this.#words[Word.flagKind]) {
      case FlagKind.ready:
        return (this.#words[Word.arithmetic]! & Flag.o) !== 0
      case FlagKind.add:
        return (
          ((this.#words[Word.left]! ^ this.#words[Word.result]!) &
            (this.#words[Word.right]! ^ this.#words[Word.result]!)) <
          0
        )
      case FlagKind.sub:
        return (
          ((this.#words[Word.left]! ^ this.#words[Word.right]!) &
            (this.#words[Word.left]! ^ this.#words[Word.result]!)) <
          0
        )
      case FlagKind.add | FlagKind.wide: {
        const left = this.#words[Word.leftHigh]!
        const result = this.#words[Word.resultHigh]!
        const borrow = this.#words[Word.result]! >>> 0 < this.#words[Word.left]! >>> 0 ? 1 : 0
        return ((left ^ result) & ((result - left - borrow) ^ result)) < 0
      }
      case FlagKind.sub | FlagKind.wide: {
        const left = this.#words[Word.leftHigh]!
        const result = this.#words[Word.resultHigh]!
        const borrow = this.#words[Word.left]! >>> 0 < this.#words[Word.result]! >>> 0 ? 1 : 0
        return ((left ^ (left - result - borrow)) & (left ^ result)) < 0
      }
      case FlagKind.result:
      case FlagKind.result | FlagKind.wide:
        return this.#words[Word.overflow] !== 0
      default:
        return false
    }
  }

  #adjust(): boolean {
    const left = this.#words[Word.left]!
    const result = this.#words[Word.result]!
    switch (this.#words[Word.flagKind]) {
      case FlagKind.ready:
        return (this.#words[Word.arithmetic]! & Flag.a) !== 0
      case FlagKind.add:
      case FlagKind.add | FlagKind.wide:
        return (result & 0xf) < (left & 0xf)
      case FlagKind.sub:
      case FlagKind.sub | FlagKind.wide:
        return (left & 0xf) < (result & 0xf)
      case FlagKind.result:
      case FlagKind.result | FlagKind.wide:
        return this.#words[Word.adjust] !== 0
      default:
        return false
    }
  }

  #parity(): boolean {
    if (this.#words[Word.flagKind] === FlagKind.ready) return (this.#words[Word.arithmetic]! & Flag.p) !== 0
    return EVEN_PARITY[this.#words[Word.result]! & 0xff] !== 0
  }

  /** Whether a condition holds, by its encoding: o, no, b, ae, e, ne, be, a, s, ns, p, np, l, ge, le, g. */
  condition(code: number): boolean {
    const isNegated = (code & 1) !== 0
    switch (code >>> 1) {
      case 0:
        return this.#overflow() !== isNegated
      case 1:
        return this.carry() !== isNegated
      case 2:
        return this.#zero() !== isNegated
      case 3:
        return (this.carry() || this.#zero()) !== isNegated
      case 4:
        return this.#sign() !== isNegated
      case 5:
        return this.#parity() !== isNegated
      case 6:
        return (this.#sign() !== this.#overflow()) !== isNegated
      default:
        return (this.#zero() || this.#sign() !== this.#overflow()) !== isNegated
    }
  }

  /** Works them out and keeps them ready; answers the arithmetic bits. */
  settle(): number {
    if (this.#words[Word.flagKind] === FlagKind.ready) return this.#words[Word.arithmetic]!
    const bits =
      (this.carry() ? Flag.c : 0) |
      (this.#parity() ? Flag.p : 0) |
      (this.#adjust() ? Flag.a : 0) |
      (this.#zero() ? Flag.z : 0) |
      (this.#sign() ? Flag.s : 0) |
      (this.#overflow() ? Flag.o : 0)
    this.#words[Word.arithmetic] = bits
    this.#words[Word.flagKind] = FlagKind.ready
    return bits
  }

  write(rflags: number): void {
    this.#words[Word.flagKind] = FlagKind.ready
    this.#words[Word.arithmetic] = rflags & ARITHMETIC
    this.#words[Word.system] = (rflags & ~ARITHMETIC) | 2
  }

  read(): number {
    return this.settle() | this.#words[Word.system]!
  }
}
