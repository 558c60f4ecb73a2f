// The bytes of an image file seen through its section table. Every read is bounded by the file: an address whose
// bytes the file does not hold is an ImageError that names what was looked for.
import { type FieldKind, hex, type StructType, type StructView } from '@dumpstack/bytes'
import { ImageError } from './errors.ts'

export interface PeSection {
  readonly name: string
  readonly rva: number
  readonly virtualSize: number
  readonly fileOffset: number
  /** Bytes of the section that the file holds; the rest up to virtualSize is zero. */
  readonly fileSize: number
  readonly characteristics: number
}

/** Where a data directory lies. */
export interface Directory {
  readonly rva: number
  readonly byteLength: number
}

type Fields = Readonly<Record<string, FieldKind<unknown>>>

const MAX_NAME_BYTES = 4096

export class ImageFile {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly #areas: { rva: number; fileOffset: number; byteLength: number }[] = []
  #lastArea = 0
  /** Names in an image do not overlap, so all of them together are never longer than the file. */
  #nameBytesLeft: number

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#nameBytesLeft = bytes.byteLength
  }

  /** Says that the file holds `byteLength` bytes of `rva` at `fileOffset`. */
  addArea(rva: number, fileOffset: number, byteLength: number): void {
    this.#areas.push({ rva, fileOffset, byteLength })
  }

  struct<F extends Fields>(type: StructType<F>, fileOffset: number, what: string): StructView<F> {
    if (fileOffset + type.size > this.bytes.byteLength) {
      throw new ImageError(
        'IMAGE_TRUNCATED',
        `${what} needs ${hex(type.size)} bytes at file offset ${hex(fileOffset)}, the file has ${hex(this.bytes.byteLength)}`,
        { fileOffset, byteLength: this.bytes.byteLength },
      )
    }
    return type.at(this.view, fileOffset)
  }

  structAt<F extends Fields>(type: StructType<F>, rva: number, what: string): StructView<F> {
    return type.at(this.view, this.offsetOf(rva, type.size, what))
  }

  /** File offset of `byteLength` bytes at `rva`. */
  offsetOf(rva: number, byteLength: number, what: string): number {
    return this.#areaOf(rva, byteLength, what).fileOffset + rva - this.#areas[this.#lastArea]!.rva
  }

  /** The NUL-terminated name at `rva`. */
  nameAt(rva: number, what: string): string {
    const area = this.#areaOf(rva, 1, what)
    const start = area.fileOffset + rva - area.rva
    const limit = Math.min(
      area.fileOffset + area.byteLength,
      start + Math.min(MAX_NAME_BYTES, this.#nameBytesLeft),
    )
    const end = this.bytes.subarray(start, limit).indexOf(0)
    if (end < 0) {
      throw new ImageError(
        'IMAGE_NAME_UNTERMINATED',
        `${what} at rva ${hex(rva)} has no end within ${hex(limit - start)} bytes`,
        { rva },
      )
    }
    this.#nameBytesLeft -= end
    return decodeName(this.bytes.subarray(start, start + end))
  }

  #areaOf(
    rva: number,
    byteLength: number,
    what: string,
  ): { rva: number; fileOffset: number; byteLength: number } {
    const holds = (area: { rva: number; byteLength: number } | undefined): boolean =>
      area !== undefined && rva >= area.rva && rva + byteLength <= area.rva + area.byteLength
    if (!holds(this.#areas[this.#lastArea])) {
      const found = this.#areas.findIndex(holds)
      if (found < 0) {
        throw new ImageError(
          'IMAGE_RVA_NOT_IN_FILE',
          `${what} needs ${hex(byteLength)} bytes at rva ${hex(rva)}, which no section of the file holds`,
          { rva, byteLength },
        )
      }
      this.#lastArea = found
    }
    return this.#areas[this.#lastArea]!
  }
}

const utf8 = new TextDecoder()
export const decodeName = (bytes: Uint8Array): string => utf8.decode(bytes)
