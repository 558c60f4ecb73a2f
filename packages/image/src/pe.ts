// A PE32+ image for x64, as the linker wrote it: Microsoft "PE Format". Parsed whole at once, so that a damaged image
// fails here, by name, and not in the middle of a crash.
import { type Gva, gva, hex } from '@dumpstack/bytes'
import { type CodeView, readCodeView } from './debug-directory.ts'
import { ImageError } from './errors.ts'
import { type PeExports, readExports } from './exports.ts'
import { decodeName, ImageFile, type PeSection } from './image-file.ts'
import { type PeImport, readImports } from './imports.ts'
import {
  DataDirectory,
  DIRECTORY_ENTRY_BASERELOC,
  DIRECTORY_ENTRY_DEBUG,
  DIRECTORY_ENTRY_EXCEPTION,
  DIRECTORY_ENTRY_EXPORT,
  DIRECTORY_ENTRY_IMPORT,
  DIRECTORY_ENTRY_LOAD_CONFIG,
  DIRECTORY_ENTRY_RESOURCE,
  DosHeader,
  FileHeader,
  OptionalHeader64,
  SectionHeader,
} from './layouts.ts'
import { readSecurityCookie } from './load-config.ts'
import { readRelocations } from './relocations.ts'
import {
  functionAt,
  type RuntimeFunction,
  readRuntimeFunctions,
  readUnwindInfo,
  type UnwindInfo,
} from './unwind-info.ts'
import { readFileVersion } from './version-resource.ts'

const DOS_SIGNATURE = 0x5a4d // MZ
const NT_SIGNATURE = 0x00004550 // PE\0\0
const IMAGE_FILE_MACHINE_AMD64 = 0x8664
const OPTIONAL_HDR64_MAGIC = 0x20b
const MAX_DIRECTORIES = 16
/** What the Windows loader takes (PE Format, "File Headers"). */
const MAX_SECTIONS = 96
/** No driver or kernel comes near; a lying SizeOfImage must not make us allocate gigabytes. */
const MAX_SIZE_OF_IMAGE = 0x1000_0000

export interface PeImage {
  /** The file as given; not copied. */
  readonly bytes: Uint8Array
  readonly machine: number
  readonly characteristics: number
  readonly timeDateStamp: number
  readonly sizeOfImage: number
  readonly sizeOfHeaders: number
  readonly checkSum: number
  readonly subsystem: number
  /** 0 where the image has none. */
  readonly entryPointRva: number
  readonly preferredBase: Gva
  /** File offset (and RVA: headers are mapped first) of OptionalHeader.ImageBase. */
  readonly imageBaseOffset: number
  readonly sections: readonly PeSection[]
  /** Name to RVA. Exports without a name and forwarders are not here. */
  readonly exports: ReadonlyMap<string, number>
  /** Name to `DLL.Name` of the image that has it. */
  readonly forwarders: ReadonlyMap<string, string>
  readonly imports: readonly PeImport[]
  /** RVAs of the 64-bit addresses that move with the image (IMAGE_REL_BASED_DIR64), as the file lists them. */
  readonly relocations: readonly number[]
  /** RVA of the /GS cookie, which a loader makes random; null where the image has none. */
  readonly securityCookieRva: number | null
  readonly rsds: CodeView | null
  /** `10.0.19041.1`, of its version resource; null where it has none. */
  readonly fileVersion: string | null
  /** Ascending. */
  readonly runtimeFunctions: readonly RuntimeFunction[]
  /** The entry that covers `rva`; null for a leaf function, which has none. */
  findFunction(rva: number): RuntimeFunction | null
  /** UNWIND_INFO at `rva`, which is the unwindRva of a RUNTIME_FUNCTION. */
  unwindInfo(rva: number): UnwindInfo
}

/** IMAGE_FILE_MACHINE_* that Windows has or had drivers for (PE Format, "Machine types"). */
const MACHINES: ReadonlyMap<number, string> = new Map([
  [0x014c, 'x86'],
  [0x01c4, 'ARM (32 bits)'],
  [0x0200, 'Itanium'],
  [0xaa64, 'ARM64'],
])

export function parsePe(bytes: Uint8Array): PeImage {
  const file = new ImageFile(bytes)
  const dos = file.struct(DosHeader, 0, 'DOS header')
  if (dos.eMagic !== DOS_SIGNATURE) throw unexpected('DOS signature', 0, dos.eMagic, DOS_SIGNATURE)
  const nt = dos.eLfanew
  const fileHeader = file.struct(FileHeader, nt + 4, 'file header')
  const signature = file.view.getUint32(nt, true)
  if (signature !== NT_SIGNATURE) throw unexpected('PE signature', nt, signature, NT_SIGNATURE)
  const { machine } = fileHeader
  if (machine !== IMAGE_FILE_MACHINE_AMD64) {
    const found = MACHINES.get(machine) ?? hex(machine)
    throw new ImageError('IMAGE_OTHER_MACHINE', `image is for ${found}, expected one for x64`, { machine })
  }

  const at = nt + 4 + FileHeader.size
  const optional = file.struct(OptionalHeader64, at, 'optional header')
  if (optional.magic !== OPTIONAL_HDR64_MAGIC) {
    throw unexpected('optional header magic', at, optional.magic, OPTIONAL_HDR64_MAGIC)
  }
  const { sizeOfImage, sizeOfHeaders } = optional
  // A multiple of SectionAlignment, which can be below a page: genuine lists of drivers have 0x1600 (swenum.sys) and 0x7f00.
  if (sizeOfImage === 0 || sizeOfImage > MAX_SIZE_OF_IMAGE) {
    throw new ImageError(
      'IMAGE_BAD_SIZE',
      `SizeOfImage is ${hex(sizeOfImage)}, expected 0x1 to ${hex(MAX_SIZE_OF_IMAGE)}`,
      { sizeOfImage },
    )
  }
  if (sizeOfHeaders > bytes.byteLength || sizeOfHeaders > sizeOfImage) {
    throw new ImageError(
      'IMAGE_BAD_SIZE',
      `SizeOfHeaders is ${hex(sizeOfHeaders)}, the file has ${hex(bytes.byteLength)} bytes and the image ${hex(sizeOfImage)}`,
      { sizeOfHeaders },
    )
  }
  file.addArea(0, 0, sizeOfHeaders)
  const sections = readSections(
    file,
    at + fileHeader.sizeOfOptionalHeader,
    fileHeader.numberOfSections,
    sizeOfImage,
  )
  for (const section of sections) file.addArea(section.rva, section.fileOffset, section.fileSize)

  const directory = (index: number): { rva: number; byteLength: number } | null => {
    if (index >= Math.min(optional.numberOfRvaAndSizes, MAX_DIRECTORIES)) return null
    const entry = file.struct(
      DataDirectory,
      at + OptionalHeader64.size + index * DataDirectory.size,
      'data directory',
    )
    return entry.virtualAddress === 0 ? null : { rva: entry.virtualAddress, byteLength: entry.size }
  }
  const exported: PeExports = readExports(file, directory(DIRECTORY_ENTRY_EXPORT), sizeOfImage)
  const runtimeFunctions = readRuntimeFunctions(file, directory(DIRECTORY_ENTRY_EXCEPTION), sizeOfImage)
  return {
    bytes,
    machine,
    characteristics: fileHeader.characteristics,
    timeDateStamp: fileHeader.timeDateStamp,
    sizeOfImage,
    sizeOfHeaders,
    checkSum: optional.checkSum,
    subsystem: optional.subsystem,
    entryPointRva: optional.addressOfEntryPoint,
    preferredBase: gva(optional.imageBase),
    imageBaseOffset: at + OptionalHeader64.fields.imageBase.offset,
    sections,
    exports: exported.byName,
    forwarders: exported.forwarders,
    imports: readImports(file, directory(DIRECTORY_ENTRY_IMPORT), sizeOfImage),
    relocations: readRelocations(file, directory(DIRECTORY_ENTRY_BASERELOC), sizeOfImage),
    securityCookieRva: readSecurityCookie(
      file,
      directory(DIRECTORY_ENTRY_LOAD_CONFIG),
      optional.imageBase,
      sizeOfImage,
    ),
    rsds: readCodeView(file, directory(DIRECTORY_ENTRY_DEBUG)),
    fileVersion: readFileVersion(file, directory(DIRECTORY_ENTRY_RESOURCE)),
    runtimeFunctions,
    findFunction: (rva) => functionAt(runtimeFunctions, rva),
    unwindInfo: (rva) => readUnwindInfo(file, rva),
  }
}

function readSections(file: ImageFile, at: number, count: number, sizeOfImage: number): PeSection[] {
  if (count > MAX_SECTIONS) {
    throw new ImageError(
      'IMAGE_BAD_SECTION',
      `image has ${count} sections, expected at most ${MAX_SECTIONS}`,
      {
        count,
      },
    )
  }
  const sections: PeSection[] = []
  let end = 0
  for (let index = 0; index < count; index++) {
    const what = `section header ${index}`
    const header = file.struct(SectionHeader, at + index * SectionHeader.size, what)
    const { virtualAddress: rva, pointerToRawData: fileOffset } = header
    const virtualSize = header.virtualSize === 0 ? header.sizeOfRawData : header.virtualSize
    if (rva < end || rva + virtualSize > sizeOfImage) {
      throw new ImageError(
        'IMAGE_BAD_SECTION',
        `${what} covers rva ${hex(rva)}..${hex(rva + virtualSize)}, expected a place between ${hex(end)} and ${hex(sizeOfImage)}`,
        { index, rva, virtualSize },
      )
    }
    const fileSize = Math.min(header.sizeOfRawData, virtualSize)
    if (fileSize > 0 && fileOffset + fileSize > file.bytes.byteLength) {
      throw new ImageError(
        'IMAGE_TRUNCATED',
        `${what} has bytes up to file offset ${hex(fileOffset + fileSize)}, the file has ${hex(file.bytes.byteLength)}`,
        { index, fileOffset, fileSize },
      )
    }
    const nul = header.name.indexOf(0)
    const name = decodeName(nul < 0 ? header.name : header.name.subarray(0, nul))
    sections.push({ name, rva, virtualSize, fileOffset, fileSize, characteristics: header.characteristics })
    end = rva + virtualSize
  }
  return sections
}

const unexpected = (what: string, fileOffset: number, found: number, expected: number): ImageError =>
  new ImageError(
    'IMAGE_NOT_PE64',
    `${what} at file offset ${hex(fileOffset)} is ${hex(found)}, expected ${hex(expected)}`,
    { fileOffset, found, expected },
  )
