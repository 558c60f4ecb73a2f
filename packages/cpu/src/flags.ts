// Arithmetic flags, kept lazily: an instruction leaves how they came about (FlagKind) and the values; they are worked out
// when somebody asks. Values of 8 and 16 bits are kept sign-extended, so that all narrow widths share their rules
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

export interface Flags {
  carry(): boolean
  /** Whether a condition holds, by its encoding: o, no, b, ae, e, ne, be, a, s, ns, p, np, l, ge, le, g. */
  condition(code: number): boolean
  /** Works them out and keeps them ready; answers the arithmetic bits. */
  settle(): number
  read(): number
  write(rflags: number): void
}

export function createFlags({ words }: State): Flags {
  const wideBelow = (lo: number, hi: number, otherLo: number, otherHi: number): boolean =>
    hi >>> 0 < otherHi >>> 0 || (hi === otherHi && lo >>> 0 < otherLo >>> 0)

  function carry(): boolean {
    switch (words[Word.flagKind]) {
      case FlagKind.ready:
        return (words[Word.arithmetic]! & Flag.c) !== 0
      case FlagKind.add:
        return words[Word.result]! >>> 0 < words[Word.left]! >>> 0
      case FlagKind.sub:
        return words[Word.left]! >>> 0 < words[Word.right]! >>> 0
      case FlagKind.add | FlagKind.wide:
        return wideBelow(
          words[Word.result]!,
          words[Word.resultHigh]!,
          words[Word.left]!,
          words[Word.leftHigh]!,
        )
      case FlagKind.sub | FlagKind.wide:
        // left - right = result: it borrowed when the result is above the left
        return wideBelow(
          words[Word.left]!,
          words[Word.leftHigh]!,
          words[Word.result]!,
          words[Word.resultHigh]!,
        )
      case FlagKind.result:
      case FlagKind.result | FlagKind.wide:
        return words[Word.carry] !== 0
      default:
        return false
    }
  }

  function zero(): boolean {
    const kind = words[Word.flagKind]!
    if (kind === FlagKind.ready) return (words[Word.arithmetic]! & Flag.z) !== 0
    if (kind < FlagKind.wide) return words[Word.result] === 0
    return (words[Word.result]! | words[Word.resultHigh]!) === 0
  }

  function sign(): boolean {
    const kind = words[Word.flagKind]!
    if (kind === FlagKind.ready) return (words[Word.arithmetic]! & Flag.s) !== 0
    return (kind < FlagKind.wide ? words[Word.result]! : words[Word.resultHigh]!) < 0
  }

  function overflow(): boolean {
    switch (words[Word.flagKind]) {
      case FlagKind.ready:
        return (words[Word.arithmetic]! & Flag.o) !== 0
      case FlagKind.add:
        return ((words[Word.left]! ^ words[Word.result]!) & (words[Word.right]! ^ words[Word.result]!)) < 0
      case FlagKind.sub:
        return ((words[Word.left]! ^ words[Word.right]!) & (words[Word.left]! ^ words[Word.result]!)) < 0
      case FlagKind.add | FlagKind.wide: {
        const left = words[Word.leftHigh]!
        const result = words[Word.resultHigh]!
        const borrow = words[Word.result]! >>> 0 < words[Word.left]! >>> 0 ? 1 : 0
        return ((left ^ result) & ((result - left - borrow) ^ result)) < 0
      }
      case FlagKind.sub | FlagKind.wide: {
        const left = words[Word.leftHigh]!
        const result = words[Word.resultHigh]!
        const borrow = words[Word.left]! >>> 0 < words[Word.result]! >>> 0 ? 1 : 0
        return ((left ^ (left - result - borrow)) & (left ^ result)) < 0
      }
      case FlagKind.result:
      case FlagKind.result | FlagKind.wide:
        return words[Word.overflow] !== 0
      default:
        return false
    }
  }

  function adjust(): boolean {
    const left = words[Word.left]!
    const result = words[Word.result]!
    switch (words[Word.flagKind]) {
      case FlagKind.ready:
        return (words[Word.arithmetic]! & Flag.a) !== 0
      case FlagKind.add:
      case FlagKind.add | FlagKind.wide:
        return (result & 0xf) < (left & 0xf)
      case FlagKind.sub:
      case FlagKind.sub | FlagKind.wide:
        return (left & 0xf) < (result & 0xf)
      case FlagKind.result:
      case FlagKind.result | FlagKind.wide:
        return words[Word.adjust] !== 0
      default:
        return false
    }
  }

  function parity(): boolean {
    if (words[Word.flagKind] === FlagKind.ready) return (words[Word.arithmetic]! & Flag.p) !== 0
    return EVEN_PARITY[words[Word.result]! & 0xff] !== 0
  }

  function condition(code: number): boolean {
    const isNegated = (code & 1) !== 0
    switch (code >>> 1) {
      case 0:
        return overflow() !== isNegated
      case 1:
        return carry() !== isNegated
      case 2:
        return zero() !== isNegated
      case 3:
        return (carry() || zero()) !== isNegated
      case 4:
        return sign() !== isNegated
      case 5:
        return parity() !== isNegated
      case 6:
        return (sign() !== overflow()) !== isNegated
      default:
        return (zero() || sign() !== overflow()) !== isNegated
    }
  }

  function settle(): number {
    if (words[Word.flagKind] === FlagKind.ready) return words[Word.arithmetic]!
    const bits =
      (carry() ? Flag.c : 0) |
      (parity() ? Flag.p : 0) |
      (adjust() ? Flag.a : 0) |
      (zero() ? Flag.z : 0) |
      (sign() ? Flag.s : 0) |
      (overflow() ? Flag.o : 0)
    words[Word.arithmetic] = bits
    words[Word.flagKind] = FlagKind.ready
    return bits
  }

  function write(rflags: number): void {
    words[Word.flagKind] = FlagKind.ready
    words[Word.arithmetic] = rflags & ARITHMETIC
    words[Word.system] = (rflags & ~ARITHMETIC) | 2
  }

  return { carry, condition, settle, read: () => settle() | words[Word.system]!, write }
}
