// The hash table of a globals (GSI) or publics (PSI) stream: which symbol records belong to it, and those of a name
// without reading the others (LLVM "The PDB Global and Public Symbol Streams").
import { defineStruct, hex, u16, u32 } from '@dumpstack/bytes'
import { SymbolsError } from '../errors.ts'
import type { StreamBytes } from './stream-bytes.ts'

const GsiHeader = defineStruct('GSI hash header', 0x10, {
  versionSignature: u32(0),
  versionHeader: u32(4),
  hashRecordBytes: u32(8),
  bucketBytes: u32(0xc),
})
/** What stands before the hash table of publics. */
export const PublicsHeader = defineStruct('publics header', 0x1c, {
  symHashBytes: u32(0),
  addrMapBytes: u32(4),
  numThunks: u32(8),
  sizeOfThunk: u32(0xc),
  thunkTableSection: u16(0x10),
  thunkTableOffset: u32(0x14),
  numSections: u32(0x18),
})
const GSI_SIGNATURE = 0xffffffff
const GSI_VERSION = 0xf12f091a
/** Offset of the symbol record plus 1, and a reference count. */
const HASH_RECORD_BYTES = 8
/** A bucket names its first record by the offset that it had in the linker's memory, where a record took 12 bytes. */
const RECORD_BYTES_IN_MEMORY = 12
const BUCKETS = 4096
const BUCKETS_OF_MINIMAL_DEBUG_INFO = 0x3ffff

const encoder = new TextEncoder()

/** The hash of names in microsoft-pdb: letters count alike in either case. */
function hashName(name: string): number {
  const text = encoder.encode(name)
  return hashBytes(new DataView(text.buffer, text.byteOffset, text.byteLength), 0, text.byteLength)
}

export function hashBytes(view: DataView, start: number, end: number): number {
  let hash = 0
  let at = start
  for (; at + 4 <= end; at += 4) hash ^= view.getUint32(at, true)
  if (at + 2 <= end) {
    hash ^= view.getUint16(at, true)
    at += 2
  }
  if (at < end) hash ^= view.getUint8(at)
  hash |= 0x20202020
  hash ^= hash >>> 11
  hash ^= hash >>> 16
  return hash >>> 0
}

export class SymbolHash {
  readonly length: number
  readonly #stream: StreamBytes
  readonly #bucketCount: number
  readonly #buckets: StreamBytes
  /** First record of each bucket, and one more that ends the last; read with the first name. */
  #starts: Uint32Array | null = null

  constructor(stream: StreamBytes, hasMinimalDebugInfo: boolean) {
    this.#stream = stream
    this.#bucketCount = hasMinimalDebugInfo ? BUCKETS_OF_MINIMAL_DEBUG_INFO : BUCKETS
    const header = stream.struct(GsiHeader, 0)
    if (header.versionSignature !== GSI_SIGNATURE || header.versionHeader !== GSI_VERSION) {
      throw new SymbolsError(
        'SYMBOLS_UNSUPPORTED',
        `${stream.name} at offset 0x0: hash version is ${hex(header.versionHeader)}, expected ${hex(GSI_VERSION)}`,
        { version: header.versionHeader },
      )
    }
    stream.need(GsiHeader.size, header.hashRecordBytes, 'hash records')
    this.length = Math.floor(header.hashRecordBytes / HASH_RECORD_BYTES)
    this.#buckets = stream.part('hash buckets', GsiHeader.size + header.hashRecordBytes, header.bucketBytes)
  }

  /** Offset of the i-th record's symbol in the stream of symbol records. */
  symbolOffset(i: number): number {
    return this.#stream.view.getUint32(GsiHeader.size + i * HASH_RECORD_BYTES, true) - 1
  }

  /** Offsets of the symbols that share the name's bucket. */
  *candidates(name: string): Generator<number> {
    if (this.length === 0) return
    this.#starts ??= this.#readStarts()
    const bucket = this.bucketOf(name)
    const end = this.#starts[bucket + 1]!
    for (let i = this.#starts[bucket]!; i < end; i++) yield this.symbolOffset(i)
  }

  /** Offsets of symbols that are not in the bucket of their name, by the bucket that they should be in. */
  strays(hashOfSymbol: (symbolOffset: number) => number): Map<number, number[]> {
    this.#starts ??= this.#readStarts()
    const strays = new Map<number, number[]>()
    for (let bucket = 0; bucket < this.#bucketCount; bucket++) {
      for (let i = this.#starts[bucket]!; i < this.#starts[bucket + 1]!; i++) {
        const right = hashOfSymbol(this.symbolOffset(i)) % this.#bucketCount
        if (right === bucket) continue
        const kept = strays.get(right)
        if (kept === undefined) strays.set(right, [this.symbolOffset(i)])
        else kept.push(this.symbolOffset(i))
      }
    }
    return strays
  }

  bucketOf(name: string): number {
    return hashName(name) % this.#bucketCount
  }

  #readStarts(): Uint32Array {
    const starts = new Uint32Array(this.#bucketCount + 1)
    // One bit more than there are buckets, in whole words.
    const bitmapBytes = Math.ceil((this.#bucketCount + 1) / 32) * 4
    this.#buckets.need(0, bitmapBytes, 'bitmap of buckets')
    const { view } = this.#buckets
    let next = bitmapBytes
    // Only buckets in use have an offset; an empty one starts where the next begins.
    let pending = 0
    for (let bucket = 0; bucket < this.#bucketCount; bucket++) {
      if (((view.getUint32((bucket >>> 5) * 4, true) >>> (bucket & 31)) & 1) === 0) continue
      const start = Math.floor(this.#buckets.u32(next, 'offset of a bucket') / RECORD_BYTES_IN_MEMORY)
      const least = pending === 0 ? 0 : starts[pending - 1]!
      if (start < least || start >= this.length) {
        throw this.#buckets.damaged(next, `bucket ${bucket} starts at record ${start} of ${this.length}`)
      }
      starts.fill(start, pending, bucket + 1)
      pending = bucket + 1
      next += 4
    }
    starts.fill(this.length, pending)
    return starts
  }
}
