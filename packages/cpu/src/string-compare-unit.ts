// PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM: two strings of up to sixteen bytes or eight words compared in one of four ways
// (Intel SDM vol. 2, 4.1). Operands are given by the first of their four words in the state.
import { Flag } from './flags.ts'
import { type State, Word } from './state.ts'
import type { System } from './system.ts'

export interface StringCompareUnit {
  /** Lengths from zero elements, or given (any sign); index into ecx or mask into xmm0, and all arithmetic flags. */
  implicitIndex(to: number, from: number, control: number): void
  implicitMask(to: number, from: number, control: number): void
  explicitIndex(to: number, from: number, control: number, isWide: boolean): void
  explicitMask(to: number, from: number, control: number, isWide: boolean): void
}

const Control = { words: 1, signed: 2, negative: 0x10, masked: 0x20, mostSignificant: 0x40 } as const
const Aggregation = { equalAny: 0, ranges: 1, equalEach: 2, equalOrdered: 3 } as const
const [RAX, RCX, RDX] = [0, 2, 4] // words

export function createStringCompareUnit({ words }: State, system: System): StringCompareUnit {
  const left = new Int32Array(16)
  const right = new Int32Array(16)
  let count = 16
  let leftLength = 0
  let rightLength = 0

  function take(to: number, from: number, control: number): void {
    count = (control & Control.words) === 0 ? 16 : 8
    const bits = 128 / count
    const perWord = 32 / bits
    for (let i = 0; i < count; i++) {
      left[i] = element(words[to + Math.floor(i / perWord)]!, (i % perWord) * bits, bits, control)
      right[i] = element(words[from + Math.floor(i / perWord)]!, (i % perWord) * bits, bits, control)
    }
  }

  function element(word: number, at: number, bits: number, control: number): number {
    const top = 32 - bits
    const raised = word << (top - at)
    return (control & Control.signed) === 0 ? raised >>> top : raised >> top
  }

  function implicitLength(elements: Int32Array): number {
    for (let i = 0; i < count; i++) if (elements[i] === 0) return i
    return count
  }

  function explicitLength(word: number, isWide: boolean): number {
    const lo = words[word]!
    const hi = isWide ? words[word + 1]! : lo >> 31
    const value = hi === 0 ? lo >>> 0 : hi === -1 ? 2 ** 32 - (lo >>> 0) : count
    return Math.min(value, count)
  }

  /** Whether the element of the right string is one that the left one asks for. */
  function isHit(at: number, how: number): boolean {
    if (how === Aggregation.equalEach) {
      if (at >= leftLength || at >= rightLength) return at >= leftLength && at >= rightLength
      return left[at] === right[at]
    }
    if (how === Aggregation.equalOrdered) {
      for (let i = 0; i < leftLength && at + i < count; i++) {
        if (at + i >= rightLength || left[i] !== right[at + i]) return false
      }
      return true
    }
    if (at >= rightLength) return false
    const value = right[at]!
    if (how === Aggregation.equalAny) {
      for (let i = 0; i < leftLength; i++) if (left[i] === value) return true
      return false
    }
    for (let i = 0; i + 1 < leftLength; i += 2) if (left[i]! <= value && value <= left[i + 1]!) return true
    return false
  }

  function compare(control: number): number {
    let bits = 0
    for (let i = 0; i < count; i++) if (isHit(i, (control >> 2) & 3)) bits |= 1 << i
    if ((control & Control.negative) !== 0) {
      const inverted = (control & Control.masked) === 0 ? count : rightLength
      bits ^= (1 << inverted) - 1
    }
    system.setArithmetic(
      (bits === 0 ? 0 : Flag.c) |
        (rightLength < count ? Flag.z : 0) |
        (leftLength < count ? Flag.s : 0) |
        ((bits & 1) === 0 ? 0 : Flag.o),
    )
    return bits
  }

  function keepIndex(bits: number, control: number): void {
    const isHighest = (control & Control.mostSignificant) !== 0
    words[RCX] = bits === 0 ? count : isHighest ? 31 - Math.clz32(bits) : 31 - Math.clz32(bits & -bits)
    words[RCX + 1] = 0
  }

  function keepMask(bits: number, control: number): void {
    for (let i = 0; i < 4; i++) words[Word.xmm + i] = i === 0 ? bits : 0
    if ((control & Control.mostSignificant) === 0) return
    const [perWord, ones] = count === 16 ? [4, 0xff] : [2, 0xffff]
    for (let i = 0; i < 4; i++) {
      let word = 0
      for (let k = 0; k < perWord; k++) {
        if (((bits >> (i * perWord + k)) & 1) !== 0) word |= ones << (k * (32 / perWord))
      }
      words[Word.xmm + i] = word
    }
  }

  function implicit(to: number, from: number, control: number): number {
    take(to, from, control)
    leftLength = implicitLength(left)
    rightLength = implicitLength(right)
    return compare(control)
  }

  function explicit(to: number, from: number, control: number, isWide: boolean): number {
    take(to, from, control)
    leftLength = explicitLength(RAX, isWide)
    rightLength = explicitLength(RDX, isWide)
    return compare(control)
  }

  return {
    implicitIndex: (to, from, control) => keepIndex(implicit(to, from, control), control),
    implicitMask: (to, from, control) => keepMask(implicit(to, from, control), control),
    explicitIndex: (to, from, control, isWide) => keepIndex(explicit(to, from, control, isWide), control),
    explicitMask: (to, from, control, isWide) => keepMask(explicit(to, from, control, isWide), control),
  }
}
