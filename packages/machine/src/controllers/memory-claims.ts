// The memory that a driver has given its controller for what both look at: lists, tables and rings (AHCI 1.3.1 section 4.2, VIRTIO 1.2
// section 2.7). Each is a place of its own: where two overlap, one was laid out too small, and so was one that data is written into.
import { hex } from '@dumpstack/bytes'

/** Told of two places that overlap, in words. */
export type OnOverlap = (message: string) => void
/** Told that a processor is about to store at a physical address that the device alone writes. */
export type OnStore = (message: string, at: number) => void

export class MemoryClaims {
  readonly #names: readonly string[]
  readonly #starts: Float64Array
  /** After the last byte; 0 where nothing is claimed. */
  readonly #ends: Float64Array
  /** By both places: each pair is told once until all is released. */
  readonly #told: Uint8Array
  readonly #onOverlap: OnOverlap

  /** `names`: of the places, by index. */
  constructor(names: readonly string[], onOverlap: OnOverlap) {
    this.#names = names
    this.#starts = new Float64Array(names.length)
    this.#ends = new Float64Array(names.length)
    this.#told = new Uint8Array(names.length * names.length)
    this.#onOverlap = onOverlap
  }

  /** The controller looks there from now on. False where it overlaps another place. */
  claim(index: number, start: number, byteLength: number): boolean {
    this.#starts[index] = start
    this.#ends[index] = start + byteLength
    const other = this.#find(start, start + byteLength, index)
    if (other >= 0) this.#tell(index, other, this.#names[index]!, start, byteLength)
    return other < 0
  }

  release(index: number): void {
    this.#ends[index] = 0
  }

  releaseAll(): void {
    this.#ends.fill(0)
    this.#told.fill(0)
  }

  /** The driver lets the controller write there. */
  write(start: number, byteLength: number): void {
    const other = this.#find(start, start + byteLength, -1)
    if (other >= 0) this.#tell(other, other, 'memory that the device writes', start, byteLength)
  }

  /** Hot: of each command. */
  #find(start: number, end: number, not: number): number {
    const starts = this.#starts
    const ends = this.#ends
    for (let index = 0; index < ends.length; index++)
      if (start < ends[index]! && starts[index]! < end && index !== not) return index
    return -1
  }

  #tell(one: number, other: number, what: string, start: number, byteLength: number): void {
    const pair = Math.max(one, other) * this.#names.length + Math.min(one, other)
    if (this.#told[pair] === 1) return
    this.#told[pair] = 1
    const from = this.#starts[other]!
    const end = this.#ends[other]!
    const shared = Math.min(end, start + byteLength) - Math.max(from, start)
    const place = (at: number, length: number): string => `${length} bytes at physical address ${hex(at)}`
    this.#onOverlap(
      `${what}, ${place(start, byteLength)}, overlaps ${this.#names[other]}, ${place(from, end - from)}, by ${shared} bytes`,
    )
  }
}
