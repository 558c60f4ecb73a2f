// The bytes of one stream of a PDB. Every read is bounded; one that leaves the stream is SYMBOLS_DAMAGED with the
// stream's name and the offset.
import { type FieldKind, hex, type StructType, type StructView } from '@dumpstack/bytes'
import { SymbolsError } from '../errors.ts'

type Fields = Readonly<Record<string, FieldKind<unknown>>>
const utf8 = new TextDecoder()
const SHORT_TEXT = 128

export class StreamBytes {
  /** `TPI stream`, for messages. */
  readonly name: string
  readonly bytes: Uint8Array
  readonly view: DataView

  constructor(name: string, bytes: Uint8Array) {
    this.name = name
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get byteLength(): number {
    return this.bytes.byteLength
  }

  /** Part of this stream, under a name of its own; offsets in messages are from its start. */
  part(name: string, offset: number, byteLength: number): StreamBytes {
    this.need(offset, byteLength, name)
    return new StreamBytes(`${name} of the ${this.name}`, this.bytes.subarray(offset, offset + byteLength))
  }

  struct<F extends Fields>(type: StructType<F>, offset: number): StructView<F> {
    this.need(offset, type.size, type.structName)
    return type.at(this.view, offset)
  }

  u16(offset: number, what: string): number {
    this.need(offset, 2, what)
    return this.view.getUint16(offset, true)
  }

  u32(offset: number, what: string): number {
    this.need(offset, 4, what)
    return this.view.getUint32(offset, true)
  }

  need(offset: number, byteLength: number, what: string): void {
    if (offset < 0 || byteLength < 0 || offset + byteLength > this.bytes.byteLength) {
      throw this.damaged(
        offset,
        `${what} needs ${hex(Math.max(0, byteLength))} bytes, the stream has ${hex(this.bytes.byteLength)}`,
      )
    }
  }

  /** Offset of the NUL that ends the name at `offset`. */
  nameEnd(offset: number, limit: number): number {
    const { bytes } = this
    const last = Math.min(limit, bytes.byteLength)
    for (let at = offset; at < last; at++) if (bytes[at] === 0) return at
    throw this.damaged(offset, 'a name has no end')
  }

  text(offset: number, end: number): string {
    const { bytes } = this
    let all = 0
    for (let at = offset; at < end; at++) all |= bytes[at]!
    const text = bytes.subarray(offset, end)
    // A decoder takes longer to call than a short name to copy: a PDB has tens of thousands of these.
    return all < 0x80 && text.byteLength <= SHORT_TEXT
      ? String.fromCharCode.apply(null, text as unknown as number[]) // any array-like does
      : utf8.decode(text)
  }

  damaged(offset: number, finding: string): SymbolsError {
    return new SymbolsError(
      'SYMBOLS_DAMAGED',
      `${this.name} at offset ${hex(Math.max(0, offset))}: ${finding}`,
      {
        stream: this.name,
        offset,
      },
    )
  }
}

/** Records of a list do not overlap, so that all of them together are never longer than the stream they lie in. */
export class RecordBudget {
  readonly #stream: StreamBytes
  #bytesLeft: number

  constructor(stream: StreamBytes) {
    this.#stream = stream
    this.#bytesLeft = stream.byteLength
  }

  spend(offset: number, byteLength: number): void {
    this.#bytesLeft -= byteLength
    if (this.#bytesLeft < 0) throw this.#stream.damaged(offset, 'records overlap')
  }
}
