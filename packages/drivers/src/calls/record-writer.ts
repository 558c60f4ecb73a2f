// Bytes of the record on their way: numbers as LEB128, strings with their length, into a buffer that grows.
const TWO_TO_32 = 0x100000000
const LOW_MASK = 0x7f
const MORE = 0x80

export class RecordWriter {
  bytes: Uint8Array
  length = 0
  readonly #wide = new BigUint64Array(1)
  readonly #halves = new Uint32Array(this.#wide.buffer)

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity)
  }

  reserve(more: number): void {
    if (this.length + more <= this.bytes.byteLength) return
    const grown = new Uint8Array(Math.max(this.bytes.byteLength * 2, this.length + more))
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
  }

  byte(value: number): void {
    this.bytes[this.length++] = value
  }

  /** A whole number from 0 to 2^53 - 1. */
  number(value: number): void {
    let rest = value
    while (rest >= TWO_TO_32) {
      this.bytes[this.length++] = (rest % MORE) | MORE
      rest = Math.floor(rest / MORE)
    }
    while (rest > LOW_MASK) {
      this.bytes[this.length++] = (rest & LOW_MASK) | MORE
      rest >>>= 7
    }
    this.bytes[this.length++] = rest
  }

  /** Its lower 64 bits. */
  wide(value: bigint): void {
    this.#wide[0] = value
    let low = this.#halves[0]! // both halves are there
    let high = this.#halves[1]!
    while (high !== 0) {
      this.bytes[this.length++] = (low & LOW_MASK) | MORE
      low = ((low >>> 7) | (high << 25)) >>> 0
      high >>>= 7
    }
    while (low > LOW_MASK) {
      this.bytes[this.length++] = (low & LOW_MASK) | MORE
      low >>>= 7
    }
    this.bytes[this.length++] = low
  }

  raw(from: Uint8Array): void {
    this.bytes.set(from, this.length)
    this.length += from.byteLength
  }
}
