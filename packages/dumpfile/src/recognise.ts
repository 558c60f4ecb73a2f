// What kind of file this is, from its first bytes: a 64-bit kernel crash dump, or a clear word on what it is instead.
import { type ByteSource, hex } from '@dumpstack/bytes'
import { bugcheckName, dumpTypeName, machineName } from '@dumpstack/nt'
import { DumpError } from './dump-error.ts'
import {
  DumpHeader32,
  DumpHeader64,
  HEADER32_SIZE,
  HEADER64_SIZE,
  SIGNATURE_PAGE,
  VALID_DUMP_DU64,
  VALID_DUMP_DUMP,
} from './layouts.ts'

/** First bytes of files that meet dump tools by mistake, and what to say of them. */
const STRANGERS: ReadonlyArray<readonly [start: string, code: string, what: string]> = [
  ['MDMP', 'DUMP_USER_MODE', 'a user-mode minidump'],
  ['USERDUMP', 'DUMP_USER_MODE', 'an old user-mode dump'],
  ['USERDU64', 'DUMP_USER_MODE', 'an old user-mode dump'],
  ['MSCF', 'DUMP_NOT_A_DUMP', 'a cabinet; expand the dump out of it first'],
  ['PK\x03\x04', 'DUMP_NOT_A_DUMP', 'a zip archive; extract the dump out of it first'],
  ['\x1f\x8b', 'DUMP_NOT_A_DUMP', 'a gzip file; expand the dump out of it first'],
  ['\xfd7zXZ\x00', 'DUMP_NOT_A_DUMP', 'an xz file; expand the dump out of it first'],
  ['\x28\xb5\x2f\xfd', 'DUMP_NOT_A_DUMP', 'a Zstandard file; expand the dump out of it first'],
  ['7z\xbc\xaf\x27\x1c', 'DUMP_NOT_A_DUMP', 'a 7z archive; extract the dump out of it first'],
  ['hibr', 'DUMP_NOT_A_DUMP', 'a hibernation file'],
  ['HIBR', 'DUMP_NOT_A_DUMP', 'a hibernation file'],
  ['wake', 'DUMP_NOT_A_DUMP', 'a hibernation file after resume'],
  ['WAKE', 'DUMP_NOT_A_DUMP', 'a hibernation file after resume'],
  ['RSTR', 'DUMP_NOT_A_DUMP', 'a hibernation file while it is restored'],
  ['HORM', 'DUMP_NOT_A_DUMP', 'a hibernation file'],
  ['\x7fELF', 'DUMP_NOT_A_DUMP', 'an ELF file, such as a core of a virtual machine'],
  ['Raw_Dmp!', 'DUMP_NOT_A_DUMP', 'a raw offline dump of the firmware, not converted yet'],
  ['MZ', 'DUMP_NOT_A_DUMP', 'an executable image'],
  ['QFI\xfb', 'DUMP_NOT_A_DUMP', 'a qcow2 disk image'],
  ['vhdxfile', 'DUMP_NOT_A_DUMP', 'a VHDX disk image'],
  ['Microsoft C/C++ MSF 7.00', 'DUMP_NOT_A_DUMP', 'a PDB file'],
]

/** The 0x2000 bytes of a DUMP_HEADER64; throws DumpError for everything else. */
export function readHeader64(source: ByteSource): Uint8Array {
  if (source.byteLength === 0) {
    throw new DumpError('DUMP_EMPTY', 'the file is empty, expected PAGEDU64 at offset 0x0')
  }
  const bytes = new Uint8Array(HEADER64_SIZE)
  const length = source.read(0, bytes)
  const view = new DataView(bytes.buffer)
  const signature = view.getUint32(0, true)
  const validDump = view.getUint32(4, true)
  if (signature !== SIGNATURE_PAGE || (validDump !== VALID_DUMP_DU64 && validDump !== VALID_DUMP_DUMP)) {
    throw strangerError(bytes.subarray(0, length))
  }
  const headerSize = validDump === VALID_DUMP_DU64 ? HEADER64_SIZE : HEADER32_SIZE
  if (length < headerSize) {
    throw new DumpError(
      'DUMP_TRUNCATED',
      `the header ends at offset ${hex(length)}, expected ${hex(headerSize)} bytes of header`,
      { offset: length, expected: headerSize },
    )
  }
  if (validDump === VALID_DUMP_DUMP) throw header32Error(bytes)
  return bytes
}

/** DUMP_HEADER64.DumpType, of a dump that may be unreadable otherwise; throws as readHeader64 does. */
export const readDumpType = (source: ByteSource): number => DumpHeader64.of(readHeader64(source)).dumpType

/** Says what a dump of a type that is not read is. */
export function unsupportedTypeError(dumpType: number): DumpError {
  return new DumpError(
    'DUMP_UNSUPPORTED_TYPE',
    `dump type at offset 0xf98 is ${hex(dumpType)} (${dumpTypeName(dumpType)}), expected 0x1, 0x2, 0x4 to 0x6 or 0x8 to 0xa`,
    { dumpType },
  )
}

/** Says that a dump of a type whose layout has one source only is laid out otherwise. */
export function unknownLayoutError(dumpType: number): DumpError {
  return new DumpError(
    'DUMP_UNSUPPORTED_TYPE',
    `dump type at offset 0xf98 is ${hex(dumpType)} (${dumpTypeName(dumpType)}), the bytes at offset ${hex(HEADER64_SIZE)} are not of the layout that is known of it`,
    { dumpType, offset: HEADER64_SIZE },
  )
}

function header32Error(bytes: Uint8Array): DumpError {
  const header = DumpHeader32.of(bytes)
  const machine = machineName(header.machineImageType) ?? `machine ${hex(header.machineImageType)}`
  const name = bugcheckName(header.bugCheckCode) ?? 'without a public name'
  return new DumpError(
    'DUMP_UNSUPPORTED_TYPE',
    `PAGEDUMP at offset 0x0 is a 32-bit crash dump (${dumpTypeName(header.dumpType)}, ${machine}, build ${header.minorVersion}, bugcheck ${hex(header.bugCheckCode)} ${name}), expected PAGEDU64`,
    { dumpType: header.dumpType, machine: header.machineImageType },
  )
}

function strangerError(start: Uint8Array): DumpError {
  if (start.every((byte) => byte === 0)) {
    return new DumpError(
      'DUMP_ZERO_FILLED',
      `the first ${hex(start.byteLength)} bytes are zero, expected PAGEDU64 at offset 0x0`,
      { offset: 0 },
    )
  }
  const stranger = STRANGERS.find(([text]) => startsWith(start, text))
  if (stranger !== undefined) {
    const [, code, what] = stranger
    return new DumpError(code, `the file is ${what}, expected PAGEDU64 at offset 0x0`, { offset: 0 })
  }
  const found = [...start.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
  return new DumpError(
    'DUMP_NOT_A_DUMP',
    `the file starts with ${found} at offset 0x0, expected PAGEDU64 (50 41 47 45 44 55 36 34)`,
    { offset: 0, found },
  )
}

/** What a file of another kind is, by its first bytes. */
export const strangerOf = (start: Uint8Array): string | null =>
  STRANGERS.find(([text]) => startsWith(start, text))?.[2] ?? null

export function startsWith(bytes: Uint8Array, text: string): boolean {
  if (bytes.byteLength < text.length) return false
  for (let i = 0; i < text.length; i++) if (bytes[i] !== text.charCodeAt(i)) return false
  return true
}
