// Numbers and names of a record, from chunks of a file: never more than a chunk and a record in memory.
import { DriversError } from '../errors.ts'
import { RECORD_BYTES } from './format.ts'

const MORE = 0x80
const LAST_SHIFT = 63n

/** The record ends inside an event: its writer was killed. */
export class CutOff extends Error {}

export class RecordReader {
  readonly #chunks: Iterator<Uint8Array>
  readonly #place: string
  #bytes = new Uint8Array(0)
  #at = 0
  /** Of #bytes[0], in the file. */
  #base = 0
  #isAtEnd = false

  constructor(chunks: Iterable<Uint8Array>, place: string) {
    this.#chunks = chunks[Symbol.iterator]()
    this.#place = place
  }

  get offset(): number {
    return this.#base + this.#at
  }

  /** Makes the next record wholly present; false at the end of the file. */
  next(): boolean {
    while (!this.#isAtEnd && this.#bytes.byteLength - this.#at < RECORD_BYTES) {
      const { done, value } = this.#chunks.next()
      if (done === true) this.#isAtEnd = true
      else this.#append(value)
    }
    return this.#at < this.#bytes.byteLength
  }

  #append(chunk: Uint8Array): void {
    const rest = this.#bytes.subarray(this.#at)
    const joined = new Uint8Array(rest.byteLength + chunk.byteLength)
    joined.set(rest)
    joined.set(chunk, rest.byteLength)
    this.#base += this.#at
    this.#bytes = joined
    this.#at = 0
  }

  damaged(what: string): DriversError {
    return new DriversError('CALLS_DAMAGED', `${this.#place} offset 0x${this.offset.toString(16)}: ${what}`, {
      offset: this.offset,
    })
  }

  byte(): number {
    const value = this.#bytes[this.#at]
    if (value === undefined) throw new CutOff()
    this.#at++
    return value
  }

  /** A byte below `limit`. */
  below(limit: number, what: string): number {
    const value = this.byte()
    if (value >= limit) throw this.damaged(`${what} is ${value}, expected less than ${limit}`)
    return value
  }

  number(): number {
    let value = 0
    let unit = 1
    for (;;) {
      const byte = this.byte()
      value += (byte & ~MORE) * unit
      if (value > Number.MAX_SAFE_INTEGER || unit > Number.MAX_SAFE_INTEGER)
        throw this.damaged('a number is above 2^53 - 1')
      if (byte < MORE) return value
      unit *= MORE
    }
  }

  wide(): bigint {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte()
      if (shift === LAST_SHIFT && byte > 1) throw this.damaged('a number has more than 64 bits')
      value |= BigInt(byte & ~MORE) << shift
      if (byte < MORE) return value
    }
  }

  raw(byteLength: number): Uint8Array {
    const end = this.#at + byteLength
    if (end > this.#bytes.byteLength) throw new CutOff()
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }
}
