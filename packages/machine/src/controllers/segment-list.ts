// The memory of one transfer as a driver described it: segments in order, neighbours joined, as spans of guest RAM.
import { gpa, PAGE_SIZE } from '@dumpstack/bytes'
import type { DmaRam } from '../ram.ts'

export class SegmentList {
  readonly #ram: DmaRam
  /** `count` of them are of this transfer. */
  readonly #starts: number[] = []
  readonly #lengths: number[] = []
  #count = 0
  #byteLength = 0
  readonly #parts: Uint8Array[] = []

  constructor(ram: DmaRam) {
    this.#ram = ram
  }

  get byteLength(): number {
    return this.#byteLength
  }

  /** Segments. */
  get count(): number {
    return this.#count
  }

  /** Address of the first byte. */
  get first(): number {
    return this.#count === 0 ? 0 : this.#starts[0]!
  }

  clear(): void {
    this.#count = 0
    this.#byteLength = 0
  }

  /** All bytes lie in RAM; the caller has asked. */
  append(start: number, length: number): void {
    this.#byteLength += length
    const last = this.#count - 1
    if (last >= 0 && this.#starts[last]! + this.#lengths[last]! === start) {
      this.#lengths[last]! += length
      return
    }
    this.#starts[this.#count] = start
    this.#lengths[this.#count] = length
    this.#count++
  }

  /** Copies the first bytes out of RAM and lets go of them; false, and nothing done, when there are fewer. */
  takeFront(into: Uint8Array): boolean {
    if (this.#byteLength < into.byteLength) return false
    for (let done = 0; done < into.byteLength; ) {
      const length = Math.min(this.#lengths[0]!, into.byteLength - done)
      const part = length === into.byteLength ? into : into.subarray(done, done + length)
      this.#ram.read(gpa(this.#starts[0]!), part)
      done += length
      this.#dropFront(length)
    }
    return true
  }

  /** Address of the last byte, which it lets go of; there is one. */
  takeLast(): number {
    const last = this.#count - 1
    const length = --this.#lengths[last]!
    this.#byteLength--
    if (length === 0) this.#count--
    return this.#starts[last]! + length
  }

  /** Lets go of all but the first bytes. */
  limit(byteLength: number): void {
    while (this.#byteLength > byteLength) {
      const last = this.#count - 1
      const over = Math.min(this.#lengths[last]!, this.#byteLength - byteLength)
      this.#lengths[last]! -= over
      this.#byteLength -= over
      if (this.#lengths[last] === 0) this.#count--
    }
  }

  /** The fault: the first page's bytes lie in the other page of its pair, or in RAM's first page. */
  misdirect(): void {
    if (this.#count === 0) return
    const start = this.#starts[0]!
    const length = this.#lengths[0]!
    const inPage = start % PAGE_SIZE
    const page = (start - inPage) / PAGE_SIZE
    const pair = (page % 2 === 0 ? page + 1 : page - 1) * PAGE_SIZE
    const other = this.#ram.has(gpa(pair), PAGE_SIZE) ? pair : this.#ram.runs[0]!.basePage * PAGE_SIZE
    const moved = Math.min(length, PAGE_SIZE - inPage)
    this.#starts.splice(0, 1, other + inPage, start + moved)
    this.#lengths.splice(0, 1, moved, length - moved)
    this.#count++
  }

  /** Spans of RAM for the whole transfer; their pages count as written when the device is going to write them. */
  parts(deviceWrites: boolean): readonly Uint8Array[] {
    const parts = this.#parts
    parts.length = 0
    for (let index = 0; index < this.#count; index++) {
      let at = this.#starts[index]!
      let left = this.#lengths[index]!
      while (left > 0) {
        const length = Math.min(left, this.#ram.contiguous(gpa(at)))
        parts.push(deviceWrites ? this.#writable(at, length) : this.#ram.span(gpa(at), length))
        at += length
        left -= length
      }
    }
    return parts
  }

  #dropFront(length: number): void {
    this.#byteLength -= length
    if (length < this.#lengths[0]!) {
      this.#starts[0]! += length
      this.#lengths[0]! -= length
      return
    }
    this.#count--
    this.#starts.copyWithin(0, 1, this.#count + 1)
    this.#lengths.copyWithin(0, 1, this.#count + 1)
  }

  #writable(at: number, length: number): Uint8Array {
    const view = this.#ram.view(gpa(at), length)
    return new Uint8Array(view.buffer, view.byteOffset, length)
  }
}
