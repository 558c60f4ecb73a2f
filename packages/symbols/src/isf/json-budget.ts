// What a table may take to read, counted over its JSON as it is unpacked, before any of it becomes objects: a file of 18 KB
// can unpack to forty million of them. The kernel's table of build 19041 has 6.2 MB, 79000 objects, 181000 values and 11 levels.
import { SymbolsError } from '../errors.ts'

/** Ten times the kernel's table: no PDB of Windows has more types and symbols. */
export const MAX_ISF_BYTES = 0x400_0000
/** Six and eight times what the kernel has; at some 500 bytes of memory for a symbol that is 250 MB. */
const MAX_CONTAINERS = 500_000
const MAX_MEMBERS = 1_500_000
const MAX_NESTING = 64

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPEN_BRACE = 0x7b
const OPEN_BRACKET = 0x5b
const CLOSE_BRACE = 0x7d
const CLOSE_BRACKET = 0x5d

export class JsonBudget {
  readonly #origin: string
  #bytes = 0
  #containers = 0
  #members = 0
  #depth = 0
  #isInText = false
  #isEscaped = false

  constructor(origin: string) {
    this.#origin = origin
  }

  /** The next part of the JSON; throws as soon as it is more than a table has. */
  take(part: Uint8Array): void {
    this.#bytes += part.byteLength
    if (this.#bytes > MAX_ISF_BYTES) throw this.#tooLarge(`${MAX_ISF_BYTES} bytes of JSON`)
    for (let i = 0; i < part.length; i++) {
      const byte = part[i]!
      if (this.#isInText) {
        if (this.#isEscaped) this.#isEscaped = false
        else if (byte === BACKSLASH) this.#isEscaped = true
        else if (byte === QUOTE) this.#isInText = false
        continue
      }
      switch (byte) {
        case QUOTE:
          this.#isInText = true
          break
        case COMMA:
          this.#members++
          break
        case OPEN_BRACE:
        case OPEN_BRACKET:
          this.#containers++
          if (++this.#depth > MAX_NESTING) throw this.#tooLarge(`${MAX_NESTING} levels of nesting`)
          break
        case CLOSE_BRACE:
        case CLOSE_BRACKET:
          this.#depth--
          break
      }
    }
    if (this.#containers > MAX_CONTAINERS) throw this.#tooLarge(`${MAX_CONTAINERS} objects`)
    if (this.#members > MAX_MEMBERS) throw this.#tooLarge(`${MAX_MEMBERS} members of objects`)
  }

  #tooLarge(what: string): SymbolsError {
    return new SymbolsError(
      'SYMBOLS_TOO_LARGE',
      `${this.#origin} has more than ${what}: no table of Windows symbols has`,
      {
        origin: this.#origin,
      },
    )
  }
}
