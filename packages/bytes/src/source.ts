// Where bytes come from. The core never does I/O of its own: it takes one of these.

export interface ByteSource {
  readonly byteLength: number
  /** Reads at `offset` into `into`; returns the bytes obtained, short at the end. Throws only for I/O faults. */
  read(offset: number, into: Uint8Array): number
  close?(): void
}

/** A source over bytes in memory. */
export class MemorySource implements ByteSource {
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get byteLength(): number {
    return this.#bytes.byteLength
  }

  read(offset: number, into: Uint8Array): number {
    if (offset >= this.#bytes.byteLength) return 0
    const part = this.#bytes.subarray(offset, offset + into.byteLength)
    into.set(part)
    return part.byteLength
  }
}
