// Stream 2 (types) or 4 (ids) of a PDB: records by index, from 0x1000 on, without reading those before (LLVM "The PDB
// TPI and IPI Streams"). The hash stream has the offset of every so-manieth record; the rest is walked from there.
import { countBefore, defineStruct, hex, i32, u16, u32 } from '@dumpstack/bytes'
import { SymbolsError } from '../errors.ts'
import { NO_STREAM } from './dbi.ts'
import type { Msf } from './msf.ts'
import type { StreamBytes } from './stream-bytes.ts'

const TpiHeader = defineStruct('TPI header', 0x38, {
  version: u32(0),
  headerSize: u32(4),
  typeIndexBegin: u32(8),
  typeIndexEnd: u32(0xc),
  typeRecordBytes: u32(0x10),
  hashStreamIndex: u16(0x14),
  indexOffsetOffset: i32(0x28),
  indexOffsetLength: u32(0x2c),
})
/** Below are primitives. */
export const FIRST_TYPE_INDEX = 0x1000
/** Of Visual C++ 7.0 (Windows XP) and of everything since: header and records are laid out alike, the older names differently. */
const TPI_V70 = 19990903
const TPI_V80 = 20040203
const CHECKPOINT_BYTES = 8
/** Length and leaf. */
const RECORD_HEAD_BYTES = 4
const UNKNOWN = 0xffffffff

export interface TypeRecord {
  readonly index: number
  readonly leaf: number
  /** The offset of its length in the records. */
  readonly offset: number
  /** The offset of the next record. */
  readonly end: number
}

/** Where a walk can start: the first index of a piece of the records, and its offset. */
interface Checkpoint {
  readonly index: number
  readonly offset: number
}

export class TypeRecords {
  readonly stream: StreamBytes
  readonly begin: number
  readonly end: number
  readonly #name: string
  readonly #msf: Msf
  readonly #header: { hashStream: number; offset: number; byteLength: number }
  readonly #offsets: Uint32Array
  #checkpoints: readonly Checkpoint[] | null = null

  constructor(msf: Msf, streamIndex: number, name: string) {
    const whole = msf.stream(streamIndex, name)
    const header = whole.struct(TpiHeader, 0)
    if (header.version !== TPI_V80 && header.version !== TPI_V70) {
      throw new SymbolsError(
        'SYMBOLS_UNSUPPORTED',
        `${name} at offset 0x0: version is ${header.version}, expected ${TPI_V80} or ${TPI_V70}`,
        { version: header.version },
      )
    }
    this.#msf = msf
    this.#name = name
    this.stream = whole.part('records', header.headerSize, header.typeRecordBytes)
    this.begin = header.typeIndexBegin
    this.end = header.typeIndexEnd
    const count = this.end - this.begin
    if (this.begin < FIRST_TYPE_INDEX || count < 0 || count * RECORD_HEAD_BYTES > this.stream.byteLength) {
      throw whole.damaged(
        8,
        `indices ${hex(this.begin)} to ${hex(this.end)} in ${hex(this.stream.byteLength)} bytes of records`,
      )
    }
    this.#header = {
      hashStream: header.hashStreamIndex,
      offset: header.indexOffsetOffset,
      byteLength: header.indexOffsetLength,
    }
    this.#offsets = new Uint32Array(count).fill(UNKNOWN)
  }

  get length(): number {
    return this.#offsets.length
  }

  at(index: number): TypeRecord {
    if (!(index >= this.begin && index < this.end)) {
      throw new SymbolsError(
        'SYMBOLS_DAMAGED',
        `${this.#name}: index ${hex(index)} is named, there are ${hex(this.begin)} to ${hex(this.end)}`,
        { index },
      )
    }
    if (this.#offsets[index - this.begin] === UNKNOWN) this.#walk(index)
    return this.#recordAt(index, this.#offsets[index - this.begin]!)
  }

  *[Symbol.iterator](): Generator<TypeRecord> {
    for (let index = this.begin; index < this.end; index++) yield this.at(index)
  }

  #recordAt(index: number, offset: number): TypeRecord {
    const byteLength = this.stream.u16(offset, `record ${hex(index)}`)
    const end = offset + 2 + byteLength
    if (byteLength < 2 || end > this.stream.byteLength) {
      throw this.stream.damaged(
        offset,
        `record ${hex(index)} has ${hex(byteLength)} bytes, which the stream has not`,
      )
    }
    return { index, leaf: this.stream.view.getUint16(offset + 2, true), offset, end }
  }

  /** Finds all offsets of the piece that `index` is in, so that each piece is walked once. */
  #walk(index: number): void {
    this.#checkpoints ??= this.#readCheckpoints()
    const pieces = this.#checkpoints
    const count = countBefore(pieces.length, (i) => pieces[i]!.index <= index)
    const start = pieces[count - 1]!
    const end = pieces[count]?.index ?? this.end
    let offset = start.offset
    for (let at = start.index; at < end; at++) {
      this.#offsets[at - this.begin] = offset
      if (at < end - 1 || at === index) offset = this.#recordAt(at, offset).end
    }
  }

  #readCheckpoints(): Checkpoint[] {
    const checkpoints: Checkpoint[] = [{ index: this.begin, offset: 0 }]
    const { hashStream, offset, byteLength } = this.#header
    if (hashStream === NO_STREAM || byteLength === 0) return checkpoints
    const pairs = this.#msf
      .stream(hashStream, `hash stream of the ${this.#name}`)
      .part('index offsets', offset, byteLength)
    for (let at = 0; at + CHECKPOINT_BYTES <= pairs.byteLength; at += CHECKPOINT_BYTES) {
      const checkpoint = { index: pairs.u32(at, 'type index'), offset: pairs.u32(at + 4, 'record offset') }
      const last = checkpoints.at(-1)!
      if (checkpoint.index === last.index && checkpoint.offset === last.offset) continue
      if (
        checkpoint.index <= last.index ||
        checkpoint.offset <= last.offset ||
        checkpoint.index >= this.end
      ) {
        throw pairs.damaged(
          at,
          `type ${hex(checkpoint.index)} at ${hex(checkpoint.offset)} follows type ${hex(last.index)} at ${hex(last.offset)}`,
        )
      }
      checkpoints.push(checkpoint)
    }
    return checkpoints
  }
}
