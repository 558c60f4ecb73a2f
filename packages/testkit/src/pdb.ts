// Builds PDBs by the documents alone (LLVM "The PDB File Format"): numbers stand where they are written, none comes from
// the reader. Blocks of a stream go from the end of the file to its start, so that no reader finds them by luck.

export interface PdbRecipe {
  /** 32 digits as symbol stores write them. */
  readonly guid?: string
  /** The age in the info stream, and in the debug information, which stores use. */
  readonly age?: number
  readonly dbiAge?: number
  readonly blockSize?: number
  readonly sections?: readonly { readonly rva: number; readonly size: number }[]
  readonly publics?: readonly { readonly name: string; readonly segment: number; readonly offset: number }[]
  /** Each from its leaf on; length and padding are added. The first is type 0x1000. */
  readonly types?: readonly Uint8Array[]
  /** Every so-manieth type has its offset in the hash stream; none has where this is left out. */
  readonly checkpointEvery?: number
  /** Tables of {rva, rvaTo}. */
  /** The version of stream 2; that of Visual C++ 7.1 and later where it is left out. */
  readonly tpiVersion?: number
  /** The version of stream 4, which then has no ids; there is no such stream where it is left out. */
  readonly ipiVersion?: number
  /** Object files, each with a stream of its own. */
  readonly modules?: readonly PdbModuleRecipe[]
  /** The image's section headers are not in the PDB. */
  readonly withoutSectionHeaders?: true
  /** Further records among the publics and globals, in no hash table: each from its kind on. */
  readonly otherSymbols?: readonly Uint8Array[]
  readonly omap?: { readonly fromSource: readonly OmapPair[]; readonly toSource: readonly OmapPair[] }
}
interface PdbModuleRecipe {
  readonly name: string
  readonly procedures?: readonly {
    readonly name: string
    readonly segment: number
    readonly offset: number
    readonly size: number
  }[]
  /** Records after the procedures, each from its kind on. */
  readonly otherSymbols?: readonly Uint8Array[]
  /** After the symbols: kind and bytes. */
  readonly subsections?: readonly (readonly [kind: number, bytes: Uint8Array])[]
  /** Pieces of the image that came from it. */
  readonly contributions?: readonly {
    readonly segment: number
    readonly offset: number
    readonly size: number
  }[]
}
type OmapPair = readonly [rva: number, rvaTo: number]

const NIL = 0xffff

export class ByteWriter {
  readonly #bytes: number[] = []

  get length(): number {
    return this.#bytes.length
  }
  u8(...values: number[]): this {
    this.#bytes.push(...values)
    return this
  }
  u16(...values: number[]): this {
    for (const value of values) this.#bytes.push(value & 0xff, (value >> 8) & 0xff)
    return this
  }
  u32(...values: number[]): this {
    for (const value of values) this.u16(value & 0xffff, value >>> 16)
    return this
  }
  /** With its NUL. */
  text(value: string): this {
    for (const byte of new TextEncoder().encode(value)) this.#bytes.push(byte)
    this.#bytes.push(0)
    return this
  }
  append(bytes: Uint8Array): this {
    for (const byte of bytes) this.#bytes.push(byte)
    return this
  }
  align(to: number): this {
    while (this.#bytes.length % to !== 0) this.#bytes.push(0)
    return this
  }
  done(): Uint8Array {
    return Uint8Array.from(this.#bytes)
  }
}

export function buildMsf(streams: readonly Uint8Array[], blockSize = 512): Uint8Array {
  const count = (byteLength: number): number => Math.ceil(byteLength / blockSize)
  const directoryBytes =
    4 + streams.length * 4 + streams.reduce((sum, stream) => sum + count(stream.length) * 4, 0)
  const directoryBlocks = count(directoryBytes)
  const listBlocks = count(directoryBlocks * 4)
  // 0 superblock, 1 and 2 free block maps, the list of directory blocks, the directory, then streams.
  const firstDirectory = 3 + listBlocks
  const total =
    firstDirectory + directoryBlocks + streams.reduce((sum, stream) => sum + count(stream.length), 0)
  const file = new Uint8Array(total * blockSize)
  const view = new DataView(file.buffer)
  file.set(new TextEncoder().encode('Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0'))
  const head = [blockSize, 1, total, directoryBytes, 0]
  for (const [i, value] of head.entries()) view.setUint32(0x20 + i * 4, value, true)
  for (let i = 0; i < listBlocks; i++) view.setUint32(0x34 + i * 4, 3 + i, true)
  for (let i = 0; i < directoryBlocks; i++) view.setUint32(3 * blockSize + i * 4, firstDirectory + i, true)

  const directory = new ByteWriter().u32(streams.length)
  for (const stream of streams) directory.u32(stream.length)
  let next = total - 1
  for (const stream of streams) {
    for (let at = 0; at < stream.length; at += blockSize, next--) {
      directory.u32(next)
      file.set(stream.subarray(at, at + blockSize), next * blockSize)
    }
  }
  file.set(directory.done(), firstDirectory * blockSize)
  return file
}

export function buildPdb(recipe: PdbRecipe): Uint8Array {
  const { sections = [{ rva: 0x1000, size: 0x1000 }], publics = [], types = [], omap } = recipe
  const records = new ByteWriter()
  const offsets = publics.map(({ name, segment, offset }) => {
    const at = records.length
    const body = new ByteWriter().u16(0x110e).u32(0, offset).u16(segment).text(name).done()
    const padded = Math.ceil((body.length + 2) / 4) * 4 - 2
    records.u16(padded).append(body).align(4)
    return at
  })
  const { modules = [], otherSymbols = [] } = recipe
  for (const body of otherSymbols) appendSymbol(records, body)
  const sectionHeaders = new ByteWriter()
  for (const { rva, size } of sections) {
    sectionHeaders.text('.text').align(4).u32(size, rva, size, 0, 0, 0, 0, 0x60000020)
  }
  const [tpi, tpiHash] = buildTypes(types, recipe.checkpointEvery, recipe.tpiVersion ?? 20040203)
  const moduleStreams = modules.map(buildModule)
  const streams = [
    new Uint8Array(),
    buildInfo(recipe.guid ?? '00112233445566778899AABBCCDDEEFF', recipe.age ?? 1),
    tpi,
    buildDbi(recipe, moduleStreams),
    recipe.ipiVersion === undefined ? new Uint8Array() : buildTypes([], undefined, recipe.ipiVersion)[0],
    buildHash([], []),
    buildPublics(publics, offsets),
    records.done(),
    sectionHeaders.done(),
    tpiHash,
    buildOmap(omap?.toSource ?? []),
    buildOmap(omap?.fromSource ?? []),
    ...moduleStreams.map(({ bytes }) => bytes),
  ]
  return buildMsf(streams, recipe.blockSize)
}

function buildInfo(guid: string, age: number): Uint8Array {
  const digits = guid.match(/../g)!.map((pair) => Number.parseInt(pair, 16))
  const raw = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].map((i) => digits[i]!)
  return (
    new ByteWriter()
      .u32(20000404, 0x5f000000, age)
      .u8(...raw)
      // No named streams: no texts, no entries in one slot, and a word for each of its two sets; then VC140.
      .u32(0, 0, 1, 1, 0, 1, 0, 20140508)
      .done()
  )
}

interface ModuleStream {
  readonly bytes: Uint8Array
  readonly symbolBytes: number
  readonly lineBytes: number
}

function appendSymbol(records: ByteWriter, body: Uint8Array): void {
  const padding = (4 - ((body.length + 2) % 4)) % 4
  records
    .u16(body.length + padding)
    .append(body)
    .align(4)
}

/** CodeView of Visual C++ 7 and later, then subsections. */
function buildModule({
  procedures = [],
  otherSymbols = [],
  subsections = [],
}: PdbModuleRecipe): ModuleStream {
  const stream = new ByteWriter().u32(4)
  for (const { name, segment, offset, size } of procedures) {
    const fields = new ByteWriter().u16(0x1110).u32(0, 0, 0, size, 0, 0, 0, offset).u16(segment).u8(0)
    appendSymbol(stream, fields.text(name).done())
    appendSymbol(stream, new ByteWriter().u16(6).done())
  }
  for (const body of otherSymbols) appendSymbol(stream, body)
  const symbolBytes = stream.length
  for (const [kind, bytes] of subsections) stream.u32(kind, bytes.length).append(bytes).align(4)
  return { bytes: stream.done(), symbolBytes, lineBytes: stream.length - symbolBytes }
}

function buildDbi(recipe: PdbRecipe, moduleStreams: readonly ModuleStream[]): Uint8Array {
  const { modules = [], omap, withoutSectionHeaders } = recipe
  const isMoved = omap !== undefined
  const headers = withoutSectionHeaders === true ? NIL : 8
  const debug = [NIL, NIL, NIL, isMoved ? 10 : NIL, isMoved ? 11 : NIL, headers, NIL, NIL, NIL, NIL, NIL]
  const moduleList = new ByteWriter()
  const contributions = new ByteWriter()
  for (const [i, { name, contributions: pieces = [] }] of modules.entries()) {
    const { symbolBytes, lineBytes } = moduleStreams[i]!
    moduleList
      .u32(0, 0, 0, 0, 0, 0, 0, 0)
      .u16(0, 12 + i)
      .u32(symbolBytes, 0, lineBytes)
      .u16(0, 0)
      .u32(0, 0, 0)
    moduleList.text(name).text(name).align(4)
    for (const { segment, offset, size } of pieces) {
      contributions.u16(segment, 0).u32(offset, size, 0x60000020).u16(i, 0).u32(0, 0)
    }
  }
  const pieces =
    contributions.length === 0 ? contributions : new ByteWriter().u32(0xf12eba2d).append(contributions.done())
  return new ByteWriter()
    .u32(0xffffffff, 19990903, recipe.dbiAge ?? 1)
    .u16(5, 0, 6, 0, 7, 0)
    .u32(moduleList.length, pieces.length, 0, 0, 0, 0, debug.length * 2, 0)
    .u16(0, 0x8664)
    .u32(0)
    .append(moduleList.done())
    .append(pieces.done())
    .u16(...debug)
    .done()
}

const buildOmap = (pairs: readonly OmapPair[]): Uint8Array => new ByteWriter().u32(...pairs.flat()).done()

function buildPublics(
  publics: readonly { name: string; segment: number; offset: number }[],
  offsets: number[],
) {
  const hash = buildHash(
    publics.map(({ name }) => name),
    offsets,
  )
  const order = publics
    .map((symbol, i) => ({ ...symbol, at: offsets[i]! }))
    .sort((a, b) => a.segment - b.segment || a.offset - b.offset)
  return new ByteWriter()
    .u32(hash.length, order.length * 4, 0, 0)
    .u16(0, 0)
    .u32(0, 0)
    .append(hash)
    .u32(...order.map(({ at }) => at))
    .done()
}

/** Records in order of bucket; a bit for each bucket in use; for each of those 12 times its first record. */
function buildHash(names: readonly string[], offsets: readonly number[]): Uint8Array {
  const entries = names
    .map((name, i) => ({ bucket: bucketOf(name), offset: offsets[i]! }))
    .sort((a, b) => a.bucket - b.bucket)
  const used = [...new Set(entries.map(({ bucket }) => bucket))]
  const bitmap = new Uint32Array(129)
  for (const bucket of used) bitmap[bucket >> 5]! |= 1 << (bucket & 31)
  return new ByteWriter()
    .u32(0xffffffff, 0xf12f091a, entries.length * 8, bitmap.length * 4 + used.length * 4)
    .u32(...entries.flatMap(({ offset }) => [offset + 1, 1]))
    .u32(...bitmap)
    .u32(...used.map((bucket) => entries.findIndex((entry) => entry.bucket === bucket) * 12))
    .done()
}

function bucketOf(name: string): number {
  const bytes = [...new TextEncoder().encode(name)]
  const byte = (i: number): bigint => BigInt(bytes[i]!)
  let hash = 0n
  let i = 0
  for (; i + 4 <= bytes.length; i += 4) {
    hash ^= byte(i) | (byte(i + 1) << 8n) | (byte(i + 2) << 16n) | (byte(i + 3) << 24n)
  }
  if (bytes.length - i >= 2) {
    hash ^= byte(i) | (byte(i + 1) << 8n)
    i += 2
  }
  if (i < bytes.length) hash ^= byte(i)
  hash |= 0x20202020n
  hash ^= hash >> 11n
  return Number((hash ^ (hash >> 16n)) % 4096n)
}

function buildTypes(
  types: readonly Uint8Array[],
  checkpointEvery: number | undefined,
  version: number,
): [Uint8Array, Uint8Array] {
  const records = new ByteWriter()
  const checkpoints = new ByteWriter()
  for (const [i, body] of types.entries()) {
    if (checkpointEvery !== undefined && i % checkpointEvery === 0)
      checkpoints.u32(0x1000 + i, records.length)
    const padding = (4 - ((body.length + 2) % 4)) % 4
    records.u16(body.length + padding).append(body)
    for (let left = padding; left > 0; left--) records.u8(0xf0 + left)
  }
  const hash = checkpoints.done()
  const header = new ByteWriter()
    .u32(version, 56, 0x1000, 0x1000 + types.length, records.length)
    .u16(hash.length > 0 ? 9 : NIL, NIL)
    .u32(4, 0x3ffff, 0, 0, 0, hash.length, hash.length, 0)
  return [header.append(records.done()).done(), hash]
}
