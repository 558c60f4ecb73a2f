// MSZIP ([MS-MCI]): each block is `CK` and a deflate stream that may refer to the 32 KiB before it.
import { SymbolsError } from '../errors.ts'

/** Expands a raw deflate stream into at most `maxByteLength` bytes; throws for anything else. */
export type InflateRaw = (packed: Uint8Array, dictionary: Uint8Array, maxByteLength: number) => Uint8Array

const HISTORY_BYTES = 0x8000

export class MszipDecoder {
  readonly #inflateRaw: InflateRaw
  #history = new Uint8Array(0)

  constructor(inflateRaw: InflateRaw) {
    this.#inflateRaw = inflateRaw
  }

  block(packed: Uint8Array, byteLength: number, place: string): Uint8Array {
    if (packed[0] !== 0x43 || packed[1] !== 0x4b) {
      throw new SymbolsError('SYMBOLS_DAMAGED', `${place} does not start with CK, as MSZIP does`)
    }
    let expanded: Uint8Array
    try {
      expanded = this.#inflateRaw(packed.subarray(2), this.#history, byteLength)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new SymbolsError(
        'SYMBOLS_DAMAGED',
        `${place} is no deflate stream of ${byteLength} bytes: ${reason}`,
        {},
        { cause: error },
      )
    }
    if (expanded.byteLength !== byteLength) {
      throw new SymbolsError(
        'SYMBOLS_DAMAGED',
        `${place} expands to ${expanded.byteLength} bytes, expected ${byteLength}`,
      )
    }
    this.#remember(expanded)
    return expanded
  }

  #remember(expanded: Uint8Array): void {
    const kept = this.#history.subarray(
      Math.max(0, this.#history.byteLength + expanded.byteLength - HISTORY_BYTES),
    )
    const history = new Uint8Array(kept.byteLength + expanded.byteLength)
    history.set(kept)
    history.set(expanded, kept.byteLength)
    this.#history = history
  }
}
