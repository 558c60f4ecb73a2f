// The bit stream of LZX ([MS-PATCH] section 2.2): 16-bit little-endian words, read from the most significant bit, and the
// canonical Huffman codes in it.
import { SymbolsError } from '../errors.ts'

export class LzxBits {
  readonly #bytes: Uint8Array
  readonly #place: string
  #at = 0
  #buffer = 0
  #count = 0

  constructor(bytes: Uint8Array, place: string) {
    this.#bytes = bytes
    this.#place = place
  }

  /** The next bits without taking them, at most 16; zeros after the end. */
  peek(count: number): number {
    while (this.#count < count) {
      const word = (this.#bytes[this.#at] ?? 0) | ((this.#bytes[this.#at + 1] ?? 0) << 8)
      this.#buffer = ((this.#buffer << 16) | word) >>> 0
      this.#at += 2
      this.#count += 16
    }
    return (this.#buffer >>> (this.#count - count)) & ((1 << count) - 1)
  }

  take(count: number): void {
    this.#count -= count
  }

  /** At most 24 bits. */
  read(count: number): number {
    if (count > 16) {
      const high = this.read(count - 16)
      return ((high << 16) | this.read(16)) >>> 0
    }
    const bits = this.peek(count)
    this.#count -= count
    return bits
  }

  /** To the next whole word; a word that was begun at its edge is skipped whole. */
  alignForRaw(): void {
    const left = this.#count & 15
    if (left === 0) this.read(16)
    else this.take(left)
    this.#at -= this.#count >>> 3
    this.#count = 0
    this.check()
  }

  /** Bytes as they are; only after `alignForRaw`, or at the start. */
  raw(byteLength: number): Uint8Array {
    const part = this.#bytes.subarray(this.#at, this.#at + byteLength)
    this.#at += byteLength
    this.check()
    return part
  }

  get hasMore(): boolean {
    return this.#at < this.#bytes.byteLength
  }

  /** More was taken than there is: what was read since is invented. */
  check(): void {
    if (this.#at - this.#count / 8 > this.#bytes.byteLength) {
      throw new SymbolsError(
        'SYMBOLS_DAMAGED',
        `${this.#place}: its LZX stream goes on past its ${this.#bytes.byteLength} bytes`,
      )
    }
  }
}

const MAX_CODE_BITS = 16
/** Symbols are at most 655, lengths at most 16. */
const LENGTH_BITS = 5

/** A code by the lengths of its words; looked up by as many bits as the longest has. */
export class LzxCode {
  readonly #bits: number
  readonly #table: Uint16Array

  constructor(lengths: Uint8Array, what: string, place: string) {
    let longest = 0
    for (const length of lengths) if (length > longest) longest = length
    this.#bits = longest
    this.#table = new Uint16Array(1 << longest)
    let next = 0
    for (let length = 1; length <= Math.min(longest, MAX_CODE_BITS); length++) {
      const span = 1 << (longest - length)
      for (let symbol = 0; symbol < lengths.length; symbol++) {
        if (lengths[symbol] !== length) continue
        this.#table.fill((symbol << LENGTH_BITS) | length, next, next + span)
        next += span
      }
    }
    // Without any word a code is never used; otherwise every pattern of bits is a word.
    if (longest > 0 && next !== this.#table.length) {
      throw new SymbolsError(
        'SYMBOLS_DAMAGED',
        `${place}: the lengths of the ${what} fill ${next} of ${this.#table.length} places`,
      )
    }
    if (longest === 0) this.#table[0] = 0
  }

  /** -1 in a code without words. */
  read(bits: LzxBits): number {
    const entry = this.#table[bits.peek(this.#bits)]!
    if (entry === 0) return -1
    bits.take(entry & ((1 << LENGTH_BITS) - 1))
    return entry >>> LENGTH_BITS
  }
}
