// PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM: two strings of up to sixteen bytes or eight words compared in one of four ways
// (Intel SDM vol. 2, 4.1). Operands are given by the first of their four words in the state.
import { Flag } from './flags.ts'
import { type State, Word } from './state.ts'
import type { System } from './system.ts'

const Control = { words: 1, signed: 2, negative: 0x10, masked: 0x20, mostSignificant: 0x40 } as const
const Aggregation = { equalAny: 0, ranges: 1, equalEach: 2, equalOrdered: 3 } as const
const [RAX, RCX, RDX] = [0, 2, 4] // words

export class StringCompareUnit {
  readonly #words: Int32Array
  readonly #system: System
  readonly #left = new Int32Array(16)
  readonly #right = new Int32Array(16)
  #count = 16
  #leftLength = 0
  #rightLength = 0

  constructor({ words }: State, system: System) {
    this.#words = words
    this.#system = system
  }

  #take(to: number, from: number, control: number): void {
    this.#count = (control & Control.words) === 0 ? 16 : 8
    const bits = 128 / this.#count
    const perWord = 32 / bits
    for (let i = 0; i < this.#count; i++) {
      this.#left[i] = this.#element(
        this.#words[to + Math.floor(i / perWord)]!,
        (i % perWord) * bits,
        bits,
        control,
      )
      this.#right[i] = this.#element(
        this.#words[from + Math.floor(i / perWord)]!,
        (i % perWord) * bits,
        bits,
        control,
      )
    }
  }

  #element(word: number, at: number, bits: number, control: number): number {
    const top = 32 - bits
    const raised = word << (top - at)
    return (control & Control.signed) === 0 ? raised >>> top : raised >> top
  }

  #implicitLength(elements: Int32Array): number {
    for (let i = 0; i < this.#count; i++) if (elements[i] === 0) return i
    return this.#count
  }

  #explicitLength(word: number, isWide: boolean): number {
    const lo = this.#words[word]!
    const hi = isWide ? this.#words[word + 1]! : lo >> 31
    const value = hi === 0 ? lo >>> 0 : hi === -1 ? 2 ** 32 - (lo >>> 0) : this.#count
    return Math.min(value, this.#count)
  }

  /** Whether the element of the right string is one that the left one asks for. */
  #isHit(at: number, how: number): boolean {
    if (how === Aggregation.equalEach) {
      if (at >= this.#leftLength || at >= this.#rightLength)
        return at >= this.#leftLength && at >= this.#rightLength
      return this.#left[at] === this.#right[at]
    }
    if (how === Aggregation.equalOrdered) {
      for (let i = 0; i < this.#leftLength && at + i < this.#count; i++) {
        if (at + i >= this.#rightLength || this.#left[i] !== this.#right[at + i]) return false
      }
      return true
    }
    if (at >= this.#rightLength) return false
    const value = this.#right[at]!
    if (how === Aggregation.equalAny) {
      for (let i = 0; i < this.#leftLength; i++) if (this.#left[i] === value) return true
      return false
    }
    for (let i = 0; i + 1 < this.#leftLength; i += 2)
      if (this.#left[i]! <= value && value <= this.#left[i + 1]!) return true
    return false
  }

  #compare(control: number): number {
    let bits = 0
    for (let i = 0; i < this.#count; i++) if (this.#isHit(i, (control >> 2) & 3)) bits |= 1 << i
    if ((control & Control.negative) !== 0) {
      const inverted = (control & Control.masked) === 0 ? this.#count : this.#rightLength
      bits ^= (1 << inverted) - 1
    }
    this.#system.setArithmetic(
      (bits === 0 ? 0 : Flag.c) |
        (this.#rightLength < this.#count ? Flag.z : 0) |
        (this.#leftLength < this.#count ? Flag.s : 0) |
        ((bits & 1) === 0 ? 0 : Flag.o),
    )
    return bits
  }

  #keepIndex(bits: number, control: number): void {
    const isHighest = (control & Control.mostSignificant) !== 0
    this.#words[RCX] =
      bits === 0 ? this.#count : isHighest ? 31 - Math.clz32(bits) : 31 - Math.clz32(bits & -bits)
    this.#words[RCX + 1] = 0
  }

  #keepMask(bits: number, control: number): void {
    for (let i = 0; i < 4; i++) this.#words[Word.xmm + i] = i === 0 ? bits : 0
    if ((control & Control.mostSignificant) === 0) return
    const [perWord, ones] = this.#count === 16 ? [4, 0xff] : [2, 0xffff]
    for (let i = 0; i < 4; i++) {
      let word = 0
      for (let k = 0; k < perWord; k++) {
        if (((bits >> (i * perWord + k)) & 1) !== 0) word |= ones << (k * (32 / perWord))
      }
      this.#words[Word.xmm + i] = word
    }
  }

  #implicit(to: number, from: number, control: number): number {
    this.#take(to, from, control)
    this.#leftLength = this.#implicitLength(this.#left)
    this.#rightLength = this.#implicitLength(this.#right)
    return this.#compare(control)
  }

  #explicit(to: number, from: number, control: number, isWide: boolean): number {
    this.#take(to, from, control)
    this.#leftLength = this.#explicitLength(RAX, isWide)
    this.#rightLength = this.#explicitLength(RDX, isWide)
    return this.#compare(control)
  }

  /** Lengths from zero elements, or given (any sign); index into ecx or mask into xmm0, and all arithmetic flags. */
  implicitIndex(to: number, from: number, control: number): void {
    this.#keepIndex(this.#implicit(to, from, control), control)
  }

  implicitMask(to: number, from: number, control: number): void {
    this.#keepMask(this.#implicit(to, from, control), control)
  }

  explicitIndex(to: number, from: number, control: number, isWide: boolean): void {
    this.#keepIndex(this.#explicit(to, from, control, isWide), control)
  }

  explicitMask(to: number, from: number, control: number, isWide: boolean): void {
    this.#keepMask(this.#explicit(to, from, control, isWide), control)
  }
}
