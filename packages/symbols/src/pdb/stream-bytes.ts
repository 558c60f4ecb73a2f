// The bytes of one stream of a PDB. Every read is bounded; one that leaves the stream is SYMBOLS_DAMAGED with the
// stream's name and the offset.
import { type FieldKind, hex, type StructType, type StructView } from '@dumpstack/bytes'
import { SymbolsError } from '../errors.ts'

type Fields = Readonly<Record<string, FieldKind<unknown>>>
const utf8 = new TextDecoder()
const NOT_ASCII = /[\x80-\xff]/
const FEW_NAMES = 32
const LATIN1_CHUNK = 0x2000
/** Half of the longest text that V8 makes: the names of larger streams are decoded one by one. */
const MAX_TEXT_BYTES = 0x1000_0000

export class StreamBytes {
  /** `TPI stream`, for messages. */
  readonly name: string
  readonly bytes: Uint8Array
  readonly view: DataView
  #namesRead = 0
  #latin1: string | null = null

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
    const end = this.bytes.indexOf(0, offset)
    if (end < 0 || end >= limit) throw this.damaged(offset, 'a name has no end')
    return end
  }

  /** A name that ends in a NUL before `limit`. */
  nameAt(offset: number, limit: number): string {
    // A caller that reads many names of a stream gets pieces of one text, which is faster than decoding each.
    if (this.byteLength > MAX_TEXT_BYTES || (this.#latin1 === null && ++this.#namesRead <= FEW_NAMES))
      return this.text(offset, this.nameEnd(offset, limit))
    this.#latin1 ??= latin1Text(this.bytes)
    const end = this.#latin1.indexOf('\0', offset)
    if (end < 0 || end >= limit) throw this.damaged(offset, 'a name has no end')
    const name = this.#latin1.slice(offset, end)
    return NOT_ASCII.test(name) ? this.text(offset, end) : name
  }

  text(offset: number, end: number): string {
    return utf8.decode(this.bytes.subarray(offset, end))
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

/** One character for each byte. */
function latin1Text(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.byteLength; at += LATIN1_CHUNK) {
    const chunk: ArrayLike<number> = bytes.subarray(at, at + LATIN1_CHUNK)
    text += String.fromCharCode.apply(null, chunk as number[]) // any array-like does
  }
  return text
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
