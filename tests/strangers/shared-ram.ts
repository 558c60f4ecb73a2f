// RAM of a QEMU computer, as our controllers reach it: the file that QEMU maps is read and written by position, so that no module has to
// map it here. What is read is a copy; what a view holds goes into the file at the next write, as DmaRam promises.
import fs from 'node:fs'
import { type Gpa, type PageRun, pfn } from '@dumpstack/bytes'
import type { DmaRam } from '@dumpstack/machine'

const PAGE = 4096

export class SharedRam implements DmaRam {
  readonly runs: readonly PageRun[]
  readonly #byteLength: number
  readonly #fd: number
  /** Views that a controller fills. */
  readonly #views: { readonly at: number; readonly bytes: Uint8Array }[] = []
  readonly #word = new DataView(new ArrayBuffer(4))

  /** Makes the file. */
  constructor(file: string, byteLength: number) {
    this.#byteLength = byteLength
    this.runs = [{ basePage: pfn(0), pageCount: byteLength / PAGE }]
    this.#fd = fs.openSync(file, 'wx+')
    fs.ftruncateSync(this.#fd, byteLength)
  }

  close(): void {
    fs.closeSync(this.#fd)
  }

  has(gpa: Gpa, length: number): boolean {
    return gpa >= 0 && gpa + length <= this.#byteLength
  }

  contiguous(gpa: Gpa): number {
    return Math.max(0, this.#byteLength - gpa)
  }

  read(gpa: Gpa, into: Uint8Array): number {
    this.settle()
    return fs.readSync(this.#fd, into, 0, into.byteLength, gpa)
  }

  u32(gpa: Gpa): number {
    this.read(gpa, new Uint8Array(this.#word.buffer))
    return this.#word.getUint32(0, true)
  }

  write(gpa: Gpa, from: Uint8Array): void {
    this.settle()
    this.#put(gpa, from)
  }

  setU32(gpa: Gpa, value: number): void {
    this.#word.setUint32(0, value, true)
    this.write(gpa, new Uint8Array(this.#word.buffer))
  }

  span(gpa: Gpa, length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    this.read(gpa, bytes)
    return bytes
  }

  view(gpa: Gpa, length: number): DataView {
    const bytes = new Uint8Array(length)
    // not by read(): the views before this one are of the same transfer
    fs.readSync(this.#fd, bytes, 0, length, gpa)
    this.#views.push({ at: gpa, bytes })
    return new DataView(bytes.buffer)
  }

  /** Puts what views hold into the file. */
  settle(): void {
    for (const { at, bytes } of this.#views) this.#put(at, bytes)
    this.#views.length = 0
  }

  /** QEMU's processors store without a word to us. */
  guard(): void {}
  unguard(): void {}

  #put(at: number, bytes: Uint8Array): void {
    const written = fs.writeSync(this.#fd, bytes, 0, bytes.byteLength, at)
    if (written < bytes.byteLength)
      throw new Error(`${written} of ${bytes.byteLength} bytes of RAM were written`)
  }
}
