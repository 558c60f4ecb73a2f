// Cabinets as symbol stores keep compressed files ([MS-CAB] section 2): header, folders, files, and data blocks of at
// most 32 KiB that are expanded one by one. Sets of several cabinets and Quantum are refused by name.
import { type ByteSource, bytes, defineStruct, hex, u8, u16, u32 } from '@dumpstack/bytes'
import { SymbolsError } from '../errors.ts'
import { LzxDecoder } from './lzx.ts'
import { type InflateRaw, MszipDecoder } from './mszip.ts'

const CfHeader = defineStruct('CFHEADER', 0x24, {
  signature: bytes(0, 4),
  cbCabinet: u32(8),
  coffFiles: u32(0x10),
  versionMajor: u8(0x19),
  cFolders: u16(0x1a),
  cFiles: u16(0x1c),
  flags: u16(0x1e),
})
const cfhdrPREV_CABINET = 1
const cfhdrNEXT_CABINET = 2
const cfhdrRESERVE_PRESENT = 4
const CfReserve = defineStruct('CFHEADER reserve sizes', 4, {
  cbCfHeader: u16(0),
  cbCfFolder: u8(2),
  cbCfData: u8(3),
})
const CfFolder = defineStruct('CFFOLDER', 8, {
  coffCabStart: u32(0),
  cCfData: u16(4),
  typeCompress: u16(6),
})
const CfFile = defineStruct('CFFILE', 0x10, {
  cbFile: u32(0),
  uoffFolderStart: u32(4),
  iFolder: u16(8),
})
const CfData = defineStruct('CFDATA', 8, { csum: u32(0), cbData: u16(4), cbUncomp: u16(6) })

const SIGNATURE = [0x4d, 0x53, 0x43, 0x46] // MSCF
const MAX_NAME_BYTES = 256
/** A block expands to this at most, and takes 6 KiB more when it cannot be compressed. */
const MAX_BLOCK_BYTES = 0x8000
const MAX_PACKED_BYTES = MAX_BLOCK_BYTES + 6144

export interface CabinetFile {
  readonly name: string
  readonly byteLength: number
  readonly folder: number
  /** Where the file starts in its folder, expanded. */
  readonly start: number
}
interface Folder {
  readonly at: number
  readonly blocks: number
  readonly typeCompress: number
}
type Expand = (packed: Uint8Array, byteLength: number, place: string) => Uint8Array

export const isCabinet = (head: Uint8Array): boolean => SIGNATURE.every((byte, i) => head[i] === byte)

export class Cabinet {
  readonly origin: string
  readonly files: readonly CabinetFile[]
  readonly #source: ByteSource
  readonly #inflateRaw: InflateRaw
  readonly #folders: readonly Folder[]
  readonly #blockReserve: number

  constructor(source: ByteSource, origin: string, inflateRaw: InflateRaw) {
    this.#source = source
    this.origin = origin
    this.#inflateRaw = inflateRaw
    const header = CfHeader.of(this.#read(0, CfHeader.size, 'header'))
    if (!isCabinet(header.signature) || header.versionMajor !== 1) {
      throw this.#damaged(0, 'signature or version are not those of a cabinet')
    }
    if (header.cbCabinet > source.byteLength) {
      throw this.#truncated(8, `the cabinet says that it has ${hex(header.cbCabinet)} bytes`)
    }
    if ((header.flags & (cfhdrPREV_CABINET | cfhdrNEXT_CABINET)) !== 0) {
      throw this.#unsupported(0x1e, 'the cabinet is one of a set of several')
    }
    const hasReserve = (header.flags & cfhdrRESERVE_PRESENT) !== 0
    const reserve = hasReserve
      ? CfReserve.of(this.#read(CfHeader.size, CfReserve.size, 'sizes of reserved parts'))
      : { cbCfHeader: 0, cbCfFolder: 0, cbCfData: 0 }
    this.#blockReserve = reserve.cbCfData
    const foldersAt = CfHeader.size + (hasReserve ? CfReserve.size + reserve.cbCfHeader : 0)
    this.#folders = this.#readFolders(foldersAt, header.cFolders, CfFolder.size + reserve.cbCfFolder)
    this.files = this.#readFiles(header.coffFiles, header.cFiles)
  }

  /** The file's bytes, block by block; raises when the cabinet does not hold as many as it says. */
  *expand(file: CabinetFile): Generator<Uint8Array> {
    const end = file.start + file.byteLength
    let at = 0
    for (const block of this.#blocks(this.#folders[file.folder]!, end)) {
      const from = Math.max(file.start - at, 0)
      const to = Math.min(end - at, block.byteLength)
      if (from < to) yield block.subarray(from, to)
      at += block.byteLength
    }
    if (at < end) {
      throw this.#damaged(
        this.#folders[file.folder]!.at,
        `${file.name} ends at ${hex(end)} of its folder, which expands to ${hex(at)} bytes`,
      )
    }
  }

  *#blocks(folder: Folder, end: number): Generator<Uint8Array> {
    const expand = this.#decoder(folder)
    let at = folder.at
    let expanded = 0
    for (let i = 0; i < folder.blocks && expanded < end; i++) {
      const place = `${this.origin}: data block ${i} at offset ${hex(at)}`
      const head = this.#read(at, CfData.size + this.#blockReserve, 'data block')
      const { csum, cbData, cbUncomp } = CfData.of(head)
      if (cbUncomp === 0 || cbUncomp > MAX_BLOCK_BYTES || cbData > MAX_PACKED_BYTES) {
        throw this.#damaged(at, `data block ${i} has ${cbData} bytes for ${cbUncomp}, which no block has`)
      }
      const packed = this.#read(at + head.byteLength, cbData, 'data block')
      if (csum !== 0 && csum !== checksum(head.subarray(4), checksum(packed, 0))) {
        throw this.#damaged(at, `data block ${i} does not have the checksum ${hex(csum)} that it names`)
      }
      yield expand(packed, cbUncomp, place)
      expanded += cbUncomp
      at += head.byteLength + cbData
    }
  }

  #decoder(folder: Folder): Expand {
    switch (folder.typeCompress & 0xf) {
      case 0:
        return (packed, byteLength, place) => {
          if (packed.byteLength !== byteLength) {
            throw new SymbolsError(
              'SYMBOLS_DAMAGED',
              `${place} has ${packed.byteLength} bytes that are not compressed, expected ${byteLength}`,
            )
          }
          return packed
        }
      case 1: {
        const mszip = new MszipDecoder(this.#inflateRaw)
        return (packed, byteLength, place) => mszip.block(packed, byteLength, place)
      }
      case 3: {
        const lzx = new LzxDecoder((folder.typeCompress >>> 8) & 0x1f, this.origin)
        return (packed, byteLength, place) => lzx.frame(packed, byteLength, place)
      }
      default:
        throw this.#unsupported(folder.at, `compression is ${hex(folder.typeCompress)}, not MSZIP or LZX`)
    }
  }

  #readFolders(at: number, count: number, size: number): Folder[] {
    const raw = this.#read(at, count * size, `${count} folders`)
    return Array.from({ length: count }, (_, i) => {
      const folder = CfFolder.of(raw, i * size)
      return { at: folder.coffCabStart, blocks: folder.cCfData, typeCompress: folder.typeCompress }
    })
  }

  #readFiles(start: number, count: number): CabinetFile[] {
    const files: CabinetFile[] = []
    let at = start
    for (let i = 0; i < count; i++) {
      const file = CfFile.of(this.#read(at, CfFile.size, `file ${i}`))
      if (file.iFolder >= this.#folders.length) {
        throw this.#damaged(at, `file ${i} is in folder ${file.iFolder} of ${this.#folders.length}`)
      }
      const name = this.#name(at + CfFile.size)
      files.push({
        name: new TextDecoder().decode(name),
        byteLength: file.cbFile,
        folder: file.iFolder,
        start: file.uoffFolderStart,
      })
      at += CfFile.size + name.byteLength + 1
    }
    return files
  }

  #name(at: number): Uint8Array {
    const raw = new Uint8Array(MAX_NAME_BYTES + 1)
    const end = raw.subarray(0, this.#source.read(at, raw)).indexOf(0)
    if (end < 0) throw this.#damaged(at, `a file name has no end within ${MAX_NAME_BYTES} bytes`)
    return raw.subarray(0, end)
  }

  #read(at: number, byteLength: number, what: string): Uint8Array {
    if (at + byteLength > this.#source.byteLength) {
      throw this.#truncated(at, `${what} needs ${hex(byteLength)} bytes`)
    }
    const into = new Uint8Array(byteLength)
    this.#source.read(at, into)
    return into
  }

  #damaged(offset: number, text: string): SymbolsError {
    return new SymbolsError('SYMBOLS_DAMAGED', `${this.origin} at offset ${hex(offset)}: ${text}`, { offset })
  }

  #truncated(offset: number, text: string): SymbolsError {
    const { byteLength } = this.#source
    return new SymbolsError(
      'SYMBOLS_TRUNCATED',
      `${this.origin} at offset ${hex(offset)}: ${text}, the file has ${hex(byteLength)}`,
      { offset, byteLength },
    )
  }

  #unsupported(offset: number, text: string): SymbolsError {
    return new SymbolsError('SYMBOLS_UNSUPPORTED', `${this.origin} at offset ${hex(offset)}: ${text}`, {
      offset,
    })
  }
}

/** Exclusive or of 32-bit words; the one to three bytes that are left count from the other end. */
function checksum(data: Uint8Array, seed: number): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const whole = data.byteLength & ~3
  let sum = seed
  for (let at = 0; at < whole; at += 4) sum ^= view.getUint32(at, true)
  let rest = 0
  for (let at = whole; at < data.byteLength; at++) rest = (rest << 8) | data[at]!
  return (sum ^ rest) >>> 0
}
