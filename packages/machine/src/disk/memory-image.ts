// A disk image in memory, sparse: chunks come with the first write to them.
import type { DiskImage } from './disk.ts'
import { checkRange } from './range.ts'

const CHUNK_BYTES = 2 ** 20

export class MemoryDiskImage implements DiskImage {
  readonly byteLength: number
  readonly #chunks = new Map<number, Uint8Array>()

  constructor(byteLength: number) {
    this.byteLength = byteLength
  }

  read(offset: number, into: Uint8Array): void {
    checkRange(this, offset, into.byteLength)
    for (let done = 0; done < into.byteLength; ) {
      const { index, start, length } = place(offset + done, into.byteLength - done)
      const chunk = this.#chunks.get(index)
      if (chunk === undefined) into.fill(0, done, done + length)
      else into.set(chunk.subarray(start, start + length), done)
      done += length
    }
  }

  write(offset: number, parts: readonly Uint8Array[]): void {
    checkRange(
      this,
      offset,
      parts.reduce((sum, part) => sum + part.byteLength, 0),
    )
    let at = offset
    for (const part of parts) {
      for (let done = 0; done < part.byteLength; ) {
        const { index, start, length } = place(at + done, part.byteLength - done)
        this.#chunkFor(index).set(part.subarray(done, done + length), start)
        done += length
      }
      at += part.byteLength
    }
  }

  sync(): void {}

  close(): void {
    this.#chunks.clear()
  }

  #chunkFor(index: number): Uint8Array {
    let chunk = this.#chunks.get(index)
    if (chunk === undefined) {
      chunk = new Uint8Array(CHUNK_BYTES)
      this.#chunks.set(index, chunk)
    }
    return chunk
  }
}

function place(offset: number, wanted: number): { index: number; start: number; length: number } {
  const index = Math.floor(offset / CHUNK_BYTES)
  const start = offset - index * CHUNK_BYTES
  return { index, start, length: Math.min(wanted, CHUNK_BYTES - start) }
}
