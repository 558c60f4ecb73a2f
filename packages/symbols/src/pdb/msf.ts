// MSF 7, the container of a PDB: fixed-size blocks, a directory of streams, each a list of blocks (LLVM "The MSF File
// Format"). Opening reads superblock and directory; a stream is read when it is asked for.
import { type ByteSource, bytes, defineStruct, hex, u32 } from '@dumpstack/bytes'
import { SymbolsError } from '../errors.ts'
import { StreamBytes } from './stream-bytes.ts'

const SuperBlock = defineStruct('MSF superblock', 0x34, {
  fileMagic: bytes(0, 0x20),
  blockSize: u32(0x20),
  freeBlockMapBlock: u32(0x24),
  numBlocks: u32(0x28),
  numDirectoryBytes: u32(0x2c),
})
/** Block numbers of the list of directory blocks follow the superblock. */
const BLOCK_MAP_OFFSET = SuperBlock.size
export const SUPER_BLOCK_BYTES = SuperBlock.size
const MAGIC = 'Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0'
const NIL_STREAM_BYTES = 0xffffffff
const MIN_BLOCK_SIZE = 0x200
/** /pdbpagesize goes up to 32768; twice that for what is to come. */
const MAX_BLOCK_SIZE = 0x10000
/** 1 GiB: whole PDBs of browsers, of which types are the largest stream, are little larger. */
const MAX_STREAM_BYTES = 0x4000_0000

/** What else carries the name .pdb, or is kept where a PDB is looked for. */
const OTHER_KINDS: readonly (readonly [start: string, kind: string])[] = [
  ['BSJB', 'a portable PDB (.NET metadata)'],
  ['Microsoft C/C++ program database 2.00\r\n\x1aJG', 'a PDB 2.00 (before Visual C++ 7)'],
  ['MSCF', 'a cabinet: a compressed symbol file that has to be expanded first'],
  ['MZ', 'an image (EXE, DLL or SYS)'],
  ['PAGE', 'a crash dump'],
  ['PK\x03\x04', 'a zip file'],
  ['<', 'a text that begins like HTML or XML'],
  ['{', 'a text that begins like JSON'],
]

interface StreamEntry {
  readonly byteLength: number
  /** Index of its first block number among the directory's numbers. */
  readonly firstBlock: number
}

export class Msf {
  readonly origin: string
  readonly blockSize: number
  readonly numBlocks: number
  readonly #source: ByteSource
  readonly #directory: StreamBytes
  readonly #entries: readonly StreamEntry[]

  constructor(source: ByteSource, origin: string) {
    this.#source = source
    this.origin = origin
    const head = new Uint8Array(SuperBlock.size)
    const obtained = source.read(0, head)
    const { blockSize, numBlocks, numDirectoryBytes } = readSuperBlock(
      head.subarray(0, obtained),
      source.byteLength,
      origin,
    )
    this.blockSize = blockSize
    this.numBlocks = numBlocks
    this.#directory = this.#readDirectory(numDirectoryBytes)
    this.#entries = this.#readEntries()
  }

  get streamCount(): number {
    return this.#entries.length
  }

  /** Bytes of a stream; 0 for one that is empty or not there. */
  streamByteLength(index: number): number {
    return this.#entries[index]?.byteLength ?? 0
  }

  /** A whole stream. Its size is bounded by the file's: the directory was counted when it was read. */
  stream(index: number, name: string): StreamBytes {
    const entry = this.#entries[index]
    if (entry === undefined) {
      throw this.#damaged(0, `${name} is stream ${index}, the directory has ${this.#entries.length} streams`)
    }
    return new StreamBytes(name, this.#gather(this.#directory, entry.firstBlock * 4, entry.byteLength, name))
  }

  #readDirectory(byteLength: number): StreamBytes {
    const blocks = this.#blocksOf(byteLength)
    if (byteLength > this.#source.byteLength) {
      throw this.#damaged(0x2c, `the directory has ${hex(byteLength)} bytes, more than the file`)
    }
    // The list of directory blocks may itself need several blocks; their numbers stand one after another.
    const listBlocks = this.#blocksOf(blocks * 4)
    const map = new StreamBytes('MSF superblock', new Uint8Array(BLOCK_MAP_OFFSET + listBlocks * 4))
    this.#readAt(0, map.bytes, 'MSF superblock')
    const list = new StreamBytes(
      'list of directory blocks',
      this.#gather(map, BLOCK_MAP_OFFSET, blocks * 4, 'list of directory blocks'),
    )
    return new StreamBytes('stream directory', this.#gather(list, 0, byteLength, 'stream directory'))
  }

  #readEntries(): StreamEntry[] {
    const directory = this.#directory
    const count = directory.u32(0, 'NumStreams')
    directory.need(4, count * 4, `sizes of ${count} streams`)
    const entries: StreamEntry[] = []
    let firstBlock = 1 + count
    let blocks = 0
    for (let i = 0; i < count; i++) {
      const size = directory.u32(4 + i * 4, 'stream size')
      const byteLength = size === NIL_STREAM_BYTES ? 0 : size
      entries.push({ byteLength, firstBlock })
      firstBlock += this.#blocksOf(byteLength)
      // Stream 0 is the directory of before, whose blocks may have gone to others; no other block has two owners.
      if (i > 0) blocks += this.#blocksOf(byteLength)
      if (byteLength > this.#source.byteLength || blocks > this.numBlocks) {
        throw directory.damaged(
          4 + i * 4,
          `stream ${i} of ${hex(byteLength)} bytes brings the streams to ${blocks} blocks, the file has ${this.numBlocks}`,
        )
      }
    }
    directory.need(0, firstBlock * 4, 'block numbers of all streams')
    return entries
  }

  /** The blocks whose numbers stand at `offset` of `numbers`, one after another. */
  #gather(numbers: StreamBytes, offset: number, byteLength: number, name: string): Uint8Array {
    const gathered = this.#allocate(byteLength, name)
    for (let at = 0; at < byteLength; ) {
      const place = offset + (at / this.blockSize) * 4
      const first = numbers.u32(place, `a block number of the ${name}`)
      // Neighbouring blocks are read at once.
      let end = Math.min(at + this.blockSize, byteLength)
      for (let next = first + 1; end < byteLength; next++) {
        if (numbers.u32(offset + (end / this.blockSize) * 4, `a block number of the ${name}`) !== next) break
        end = Math.min(end + this.blockSize, byteLength)
      }
      const run = Math.ceil((end - at) / this.blockSize)
      if (first === 0 || first + run > this.numBlocks) {
        throw numbers.damaged(place, `the ${name} has block ${first}, the file has ${this.numBlocks} blocks`)
      }
      this.#readAt(first * this.blockSize, gathered.subarray(at, end), name)
      at = end
    }
    return gathered
  }

  /** A stream is no longer than the file; but a file of holes takes no place on a disk. */
  #allocate(byteLength: number, name: string): Uint8Array<ArrayBuffer> {
    if (byteLength <= MAX_STREAM_BYTES) return new Uint8Array(byteLength)
    throw new SymbolsError(
      'SYMBOLS_TOO_LARGE',
      `${this.origin}: the ${name} has ${hex(byteLength)} bytes, at most ${hex(MAX_STREAM_BYTES)} are read into memory`,
      { origin: this.origin, byteLength },
    )
  }

  #readAt(offset: number, into: Uint8Array, what: string): void {
    if (this.#source.read(offset, into) < into.byteLength) {
      throw this.#damaged(offset, `the ${what} ends before ${hex(into.byteLength)} bytes`)
    }
  }

  #blocksOf(byteLength: number): number {
    return Math.ceil(byteLength / this.blockSize)
  }

  #damaged(offset: number, finding: string): SymbolsError {
    return damaged(this.origin, offset, finding)
  }
}

const damaged = (origin: string, offset: number, finding: string): SymbolsError =>
  new SymbolsError('SYMBOLS_DAMAGED', `${origin} at offset ${hex(offset)}: ${finding}`, { origin, offset })

/** From the first bytes of a file, fewer where it has no more; throws for a file that is no PDB, and for a PDB that is cut. */
export function readSuperBlock(
  head: Uint8Array,
  byteLength: number,
  origin: string,
): { blockSize: number; numBlocks: number; numDirectoryBytes: number } {
  refuseOtherKinds(head, origin)
  const { blockSize, numBlocks, numDirectoryBytes } = SuperBlock.of(head)
  if (blockSize < MIN_BLOCK_SIZE || blockSize > MAX_BLOCK_SIZE || (blockSize & (blockSize - 1)) !== 0) {
    throw damaged(origin, 0x20, `block size is ${hex(blockSize)}, expected a power of two from 0x200`)
  }
  if (numBlocks * blockSize > byteLength) {
    throw new SymbolsError(
      'SYMBOLS_TRUNCATED',
      `${origin} has ${hex(byteLength)} bytes, its superblock at offset 0x28 names ${numBlocks} blocks of ${hex(blockSize)} bytes`,
      { origin, byteLength, numBlocks, blockSize },
    )
  }
  return { blockSize, numBlocks, numDirectoryBytes }
}

function refuseOtherKinds(head: Uint8Array, origin: string): void {
  const startsWith = (start: string): boolean =>
    head.byteLength >= start.length && [...start].every((char, i) => char.charCodeAt(0) === head[i])
  if (head.byteLength === SuperBlock.size && startsWith(MAGIC)) return
  const kind =
    OTHER_KINDS.find(([start]) => startsWith(start))?.[1] ??
    (startsWith(MAGIC.slice(0, head.byteLength)) && head.byteLength > 0
      ? 'the first bytes of a PDB'
      : 'bytes of no known kind')
  throw new SymbolsError(
    'SYMBOLS_NOT_A_PDB',
    `${origin} starts with ${head.byteLength === 0 ? 'nothing: it is empty' : kind}, expected a PDB (MSF 7.00)`,
    { origin, found: kind },
  )
}
