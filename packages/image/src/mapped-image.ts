// A PE32+ image as it lies in memory, of which any part can be absent: each table is read when it is asked for, and
// what is not there is an ImageError that says so. For whole files see pe.ts. Microsoft "PE Format".
import { type FieldKind, hex, type StructType, type StructView } from '@dumpstack/bytes'
import { type CodeView, codeViewOf } from './debug-directory.ts'
import { ImageError } from './errors.ts'
import { type PeExports, readExports } from './exports.ts'
import { type Directory, ImageFile } from './image-file.ts'
import {
  CodeViewRsds,
  DataDirectory,
  DEBUG_TYPE_CODEVIEW,
  DebugDirectory,
  DIRECTORY_ENTRY_DEBUG,
  DIRECTORY_ENTRY_EXCEPTION,
  DIRECTORY_ENTRY_EXPORT,
  DosHeader,
  FileHeader,
  OptionalHeader64,
  RuntimeFunctionEntry,
  SectionHeader,
  UnwindInfoHeader,
} from './layouts.ts'
import { type RuntimeFunction, readUnwindInfo, type UnwindInfo } from './unwind-info.ts'

/** Reads at an RVA; returns the bytes obtained before the first that is absent. */
export type ReadImage = (rva: number, into: Uint8Array) => number

export interface MappedImage {
  readonly machine: number
  readonly timeDateStamp: number
  readonly sizeOfImage: number
  readonly checkSum: number
  /** Whether code can lie at `rva`, by the section table. */
  isExecutable(rva: number): boolean
  /** In the order of the section table. */
  sections(): readonly { readonly rva: number }[]
  /** Which PDB belongs to the image; null where it names none. */
  rsds(): CodeView | null
  exports(): PeExports
  /** The RUNTIME_FUNCTION that covers `rva`; null for a leaf function, which has none. */
  findFunction(rva: number): RuntimeFunction | null
  /** UNWIND_INFO at `rva`, which is the unwindRva of a RUNTIME_FUNCTION. */
  unwindInfo(rva: number): UnwindInfo
}

const DOS_SIGNATURE = 0x5a4d
const NT_SIGNATURE = 0x00004550
const OPTIONAL_HDR64_MAGIC = 0x20b
const MAX_DIRECTORY_BYTES = 0x100_0000
const MAX_DEBUG_ENTRIES = 64
const MAX_PDB_PATH_BYTES = 1024
const MAX_SECTIONS = 96
const IMAGE_SCN_MEM_EXECUTE = 0x2000_0000
/** Header, 255 code slots, and after them a handler or a chained RUNTIME_FUNCTION. */
const MAX_UNWIND_INFO_BYTES = UnwindInfoHeader.size + 256 * 2 + RuntimeFunctionEntry.size

type Fields = Readonly<Record<string, FieldKind<unknown>>>

/** Throws ImageError where the headers are absent or are not those of a PE32+ image. */
export function openMappedImage(read: ReadImage): MappedImage {
  const bytesAt = (rva: number, byteLength: number, what: string): Uint8Array => {
    const bytes = new Uint8Array(byteLength)
    const got = read(rva, bytes)
    if (got < byteLength) {
      throw new ImageError(
        'IMAGE_NOT_IN_MEMORY',
        `${what} at rva ${hex(rva)} is not in memory: ${hex(got)} of ${hex(byteLength)} bytes are`,
        { rva, found: got, expected: byteLength },
      )
    }
    return bytes
  }
  const structAt = <F extends Fields>(type: StructType<F>, rva: number, what: string): StructView<F> =>
    type.of(bytesAt(rva, type.size, what))
  const expect = (what: string, rva: number, found: number, expected: number): void => {
    if (found === expected) return
    throw new ImageError(
      'IMAGE_NOT_PE64',
      `${what} at rva ${hex(rva)} is ${hex(found)}, expected ${hex(expected)}`,
      { rva, found, expected },
    )
  }

  const dos = structAt(DosHeader, 0, 'DOS header')
  expect('DOS signature', 0, dos.eMagic, DOS_SIGNATURE)
  const nt = dos.eLfanew
  const signature = new DataView(bytesAt(nt, 4, 'PE signature').buffer).getUint32(0, true)
  expect('PE signature', nt, signature, NT_SIGNATURE)
  const fileHeader = structAt(FileHeader, nt + 4, 'file header')
  const at = nt + 4 + FileHeader.size
  const optional = structAt(OptionalHeader64, at, 'optional header')
  expect('optional header magic', at, optional.magic, OPTIONAL_HDR64_MAGIC)
  const { sizeOfImage } = optional

  const directory = (index: number, what: string): Directory | null => {
    if (index >= optional.numberOfRvaAndSizes) return null
    const entry = structAt(DataDirectory, at + OptionalHeader64.size + index * DataDirectory.size, what)
    if (entry.virtualAddress === 0) return null
    if (entry.size > MAX_DIRECTORY_BYTES || entry.virtualAddress + entry.size > sizeOfImage) {
      throw new ImageError(
        'IMAGE_BAD_SIZE',
        `${what} covers ${hex(entry.size)} bytes from rva ${hex(entry.virtualAddress)}, the image ends at ${hex(sizeOfImage)}`,
        { rva: entry.virtualAddress, found: entry.size },
      )
    }
    return { rva: entry.virtualAddress, byteLength: entry.size }
  }
  /** The bytes from `rva` on as an ImageFile, so that the readers of files read them. */
  const part = (rva: number, bytes: Uint8Array): ImageFile => {
    const file = new ImageFile(bytes)
    file.addArea(rva, 0, bytes.byteLength)
    return file
  }

  let exception: Directory | null | undefined
  const functionAt = (index: number): RuntimeFunction => {
    const rva = exception!.rva + index * RuntimeFunctionEntry.size // only called where there is a directory
    const entry = structAt(RuntimeFunctionEntry, rva, `RUNTIME_FUNCTION ${index}`)
    return { beginRva: entry.beginAddress, endRva: entry.endAddress, unwindRva: entry.unwindInfoAddress }
  }
  const unwindInfo = (rva: number, isShared: boolean): UnwindInfo => {
    // Bit 0 set: the address of another RUNTIME_FUNCTION, whose unwind information this one shares.
    if ((rva & 1) !== 0) {
      if (isShared) {
        throw new ImageError('IMAGE_BAD_UNWIND_INFO', `UNWIND_INFO at rva ${hex(rva)} is shared twice`, {
          rva,
        })
      }
      const shared = structAt(RuntimeFunctionEntry, rva - 1, 'shared RUNTIME_FUNCTION')
      return unwindInfo(shared.unwindInfoAddress, true)
    }
    const bytes = new Uint8Array(MAX_UNWIND_INFO_BYTES)
    const got = read(rva, bytes)
    if (got < UnwindInfoHeader.size) bytesAt(rva, UnwindInfoHeader.size, 'UNWIND_INFO')
    return readUnwindInfo(part(rva, bytes.subarray(0, got)), rva)
  }

  const sectionCount = Math.min(fileHeader.numberOfSections, MAX_SECTIONS)
  const sectionAt = (index: number): StructView<typeof SectionHeader.fields> =>
    structAt(
      SectionHeader,
      at + fileHeader.sizeOfOptionalHeader + index * SectionHeader.size,
      `section header ${index}`,
    )

  return {
    machine: fileHeader.machine,
    timeDateStamp: fileHeader.timeDateStamp,
    sizeOfImage,
    checkSum: optional.checkSum,
    isExecutable(rva) {
      for (let index = 0; index < sectionCount; index++) {
        const section = sectionAt(index)
        const end = section.virtualAddress + Math.max(section.virtualSize, section.sizeOfRawData)
        if (rva < section.virtualAddress || rva >= end) continue
        return (section.characteristics & IMAGE_SCN_MEM_EXECUTE) !== 0
      }
      return false
    },
    sections: () =>
      Array.from({ length: sectionCount }, (_, index) => ({ rva: sectionAt(index).virtualAddress })),
    rsds() {
      const debug = directory(DIRECTORY_ENTRY_DEBUG, 'debug directory')
      if (debug === null) return null
      const count = Math.min(Math.floor(debug.byteLength / DebugDirectory.size), MAX_DEBUG_ENTRIES)
      for (let index = 0; index < count; index++) {
        const what = `debug directory entry ${index}`
        const entry = structAt(DebugDirectory, debug.rva + index * DebugDirectory.size, what)
        if (entry.type !== DEBUG_TYPE_CODEVIEW || entry.sizeOfData < CodeViewRsds.size) continue
        const byteLength = Math.min(entry.sizeOfData, CodeViewRsds.size + MAX_PDB_PATH_BYTES)
        const record = bytesAt(entry.addressOfRawData, byteLength, `CodeView record of ${what}`)
        const found = codeViewOf(record, `rva ${hex(entry.addressOfRawData)}`)
        if (found !== null) return found
      }
      return null
    },
    exports() {
      const table = directory(DIRECTORY_ENTRY_EXPORT, 'export directory')
      if (table === null) return { byName: new Map(), forwarders: new Map() }
      // Linkers keep names and tables inside the directory's range.
      return readExports(
        part(table.rva, bytesAt(table.rva, table.byteLength, 'export directory')),
        table,
        sizeOfImage,
      )
    },
    findFunction(rva) {
      exception ??= directory(DIRECTORY_ENTRY_EXCEPTION, 'exception directory')
      if (exception === null) return null
      let low = 0
      let high = Math.floor(exception.byteLength / RuntimeFunctionEntry.size)
      while (low < high) {
        const middle = (low + high) >>> 1
        const entry = functionAt(middle)
        // Zeros at the end of the table are no entries: what is sought comes before them.
        if (rva < entry.beginRva || entry.endRva === 0) high = middle
        else if (rva >= entry.endRva) low = middle + 1
        else return entry
      }
      return null
    },
    unwindInfo: (rva) => unwindInfo(rva, false),
  }
}
