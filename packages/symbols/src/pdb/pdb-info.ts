// Stream 1 of a PDB: GUID and age, the names of named streams, feature codes (LLVM "The PDB Info Stream"); and the
// string table that it names `/names`.
import { bytes, defineStruct, hex, u32 } from '@dumpstack/bytes'
import { SymbolsError } from '../errors.ts'
import type { StreamBytes } from './stream-bytes.ts'

const PdbInfoHeader = defineStruct('PDB info header', 0x1c, {
  version: u32(0),
  signature: u32(4),
  age: u32(8),
  guid: bytes(0xc, 16),
})
/** From VC 7.0 on the signature is followed by a GUID. */
const PDB_IMPL_VC70 = 20000404
const FEATURE_VC110 = 20091201
/** `MINI`: hash tables of 0x3ffff buckets, for PDBs of /debug:fastlink and very large ones. */
const FEATURE_MINIMAL_DEBUG_INFO = 0x494e494d

export interface PdbInfo {
  readonly version: number
  /** Seconds since 1970 when the PDB was made, or a hash of the content for reproducible builds. */
  readonly signature: number
  readonly age: number
  /** 32 digits, upper case, without dashes: as symbol stores write it. */
  readonly guid: string
  /** Name to stream index. */
  readonly namedStreams: ReadonlyMap<string, number>
  readonly hasMinimalDebugInfo: boolean
}

export function readPdbInfo(stream: StreamBytes): PdbInfo {
  const header = stream.struct(PdbInfoHeader, 0)
  if (header.version < PDB_IMPL_VC70) {
    throw new SymbolsError(
      'SYMBOLS_UNSUPPORTED',
      `${stream.name} at offset 0x0: version is ${header.version}, expected ${PDB_IMPL_VC70} or later, which has a GUID`,
      { version: header.version },
    )
  }
  const named = readNamedStreams(stream)
  return {
    version: header.version,
    signature: header.signature,
    age: header.age,
    guid: formatGuid(header.guid),
    namedStreams: named.streams,
    hasMinimalDebugInfo: hasFeature(stream, named.end, FEATURE_MINIMAL_DEBUG_INFO),
  }
}

/** The first three parts of a GUID are little-endian numbers. */
function formatGuid(raw: Uint8Array): string {
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15]
  return order
    .map((i) => raw[i]!.toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase()
}

/** A closed hash table: bit sets say which of its slots are in use; only those that are have an entry. */
function readNamedStreams(stream: StreamBytes): { streams: Map<string, number>; end: number } {
  let at = PdbInfoHeader.size
  const names = stream.part('names', at + 4, stream.u32(at, 'size of the names'))
  at += 4 + names.byteLength
  const count = stream.u32(at, 'count of named streams')
  at += 8 // count and capacity
  for (const set of ['present', 'deleted']) {
    const words = stream.u32(at, `size of the set of ${set} slots`)
    stream.need(at + 4, words * 4, `set of ${set} slots`)
    at += 4 + words * 4
  }
  stream.need(at, count * 8, `${count} named streams`)
  const streams = new Map<string, number>()
  let nameBytesLeft = names.byteLength
  for (let i = 0; i < count; i++, at += 8) {
    const offset = stream.u32(at, 'name offset')
    const end = names.nameEnd(offset, names.byteLength)
    nameBytesLeft -= end - offset
    if (nameBytesLeft < 0) throw stream.damaged(at, 'names of streams overlap')
    streams.set(names.text(offset, end), stream.u32(at + 4, 'stream index'))
  }
  return { streams, end: at }
}

function hasFeature(stream: StreamBytes, start: number, feature: number): boolean {
  for (let at = start; at + 4 <= stream.byteLength; at += 4) {
    const code = stream.u32(at, 'feature')
    if (code === feature) return true
    if (code === FEATURE_VC110) return false // nothing follows it
  }
  return false
}

const StringTableHeader = defineStruct('string table header', 0xc, {
  signature: u32(0),
  hashVersion: u32(4),
  byteSize: u32(8),
})
const STRING_TABLE_SIGNATURE = 0xeffeeffe

/** `/names`: texts by offset, such as the names of source files. */
export class StringTable {
  readonly #texts: StreamBytes

  constructor(stream: StreamBytes) {
    const header = stream.struct(StringTableHeader, 0)
    if (header.signature !== STRING_TABLE_SIGNATURE) {
      throw stream.damaged(
        0,
        `signature is ${hex(header.signature)}, expected ${hex(STRING_TABLE_SIGNATURE)}`,
      )
    }
    this.#texts = stream.part('strings', StringTableHeader.size, header.byteSize)
  }

  at(offset: number): string {
    return this.#texts.text(offset, this.#texts.nameEnd(offset, this.#texts.byteLength))
  }
}
