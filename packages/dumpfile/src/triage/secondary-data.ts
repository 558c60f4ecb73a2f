// Secondary data: blobs that drivers and the system add after a dump (KbCallbackSecondaryDumpData), each under a GUID.
// There is no count: a chain of headers to the end of the file, or to a header of zeros after which the room is unused.
// docs/formats/crash-dump.md, "secondary data".
import { type ByteSource, hex, PAGE_SIZE } from '@dumpstack/bytes'
import { HeaderDumpType } from '@dumpstack/nt'
import type { Dump } from '../dump.ts'
import { DumpError } from '../dump-error.ts'
import { DumpBlobFileHeader, DumpBlobHeader, SIGNATURE_BLOB_BLOB, SIGNATURE_BLOB_DUMP } from '../layouts.ts'
import { checkCount, checkInside, type FilePart, readPart } from './file-part.ts'
import { readTriageHeader } from './triage-modules.ts'

export interface SecondaryBlob extends FilePart {
  /** `270A33FD-3DA6-460D-BA89-3C1BAE21E39B`; the same one can come twice. */
  readonly tag: string
}

/** Real dumps have some fifty. */
const MAX_BLOBS = 65536

/** Where a chain of blobs ended. */
export interface SecondaryEnd {
  /** File offset after the last blob. */
  readonly offset: number
  readonly blobCount: number
  /** Null for a chain without a blob. */
  readonly last: SecondaryBlob | null
  /** A header of zeros came before the end of the file. */
  readonly isZeroEnded: boolean
}

/** Empty where the file ends with the dump itself; throws DumpError where the chain leaves the file. */
export function readSecondaryData(dump: Dump): SecondaryBlob[] {
  const blobs: SecondaryBlob[] = []
  const start = endOfDump(dump)
  walkSecondaryData(dump.source, start, (blob) => {
    checkCount(blobs.push(blob), MAX_BLOBS, start, 'blobs of secondary data')
  })
  return blobs
}

/** Null where no secondary data is at `start`; throws DumpError where a blob leaves the file. */
export function walkSecondaryData(
  file: ByteSource,
  start: number,
  visit: (blob: SecondaryBlob) => void,
): SecondaryEnd | null {
  if (file.byteLength < start + DumpBlobFileHeader.size) return null
  const headerPart = { offset: start, byteLength: DumpBlobFileHeader.size }
  const header = DumpBlobFileHeader.of(readPart(file, headerPart, 'secondary data'))
  if (header.signature1 !== SIGNATURE_BLOB_DUMP || header.signature2 !== SIGNATURE_BLOB_BLOB) return null
  if (header.headerSize < DumpBlobFileHeader.size) {
    throw damaged('header of secondary data', start, header.headerSize, DumpBlobFileHeader.size)
  }
  let at = start + header.headerSize
  let last: SecondaryBlob | null = null
  let blobCount = 0
  while (at + DumpBlobHeader.size <= file.byteLength) {
    const place = { offset: at, byteLength: DumpBlobHeader.size }
    const bytes = readPart(file, place, `header of secondary data ${blobCount}`)
    if (bytes.every((byte) => byte === 0)) return { offset: at, blobCount, last, isZeroEnded: true }
    const { blob, next } = blobAt(file, bytes, at, blobCount)
    visit(blob)
    last = blob
    at = next
    blobCount++
  }
  return { offset: at, blobCount, last, isZeroEnded: false }
}

function blobAt(
  file: ByteSource,
  headerBytes: Uint8Array,
  at: number,
  index: number,
): { blob: SecondaryBlob; next: number } {
  const what = `secondary data ${index}`
  const header = DumpBlobHeader.of(headerBytes)
  if (header.headerSize < DumpBlobHeader.size) {
    throw damaged(`header of ${what}`, at, header.headerSize, DumpBlobHeader.size)
  }
  const part = { offset: at + header.headerSize + header.prePad, byteLength: header.dataSize }
  const whole = { offset: at, byteLength: part.offset - at + header.dataSize + header.postPad }
  checkInside(file, whole, what)
  const digits = (value: number, width: number) => value.toString(16).toUpperCase().padStart(width, '0')
  const last = Array.from(header.tagData4, (byte) => digits(byte, 2)).join('')
  const tag = [
    digits(header.tagData1, 8),
    digits(header.tagData2, 4),
    digits(header.tagData3, 4),
    last.slice(0, 4),
    last.slice(4),
  ].join('-')
  return { blob: { tag, ...part }, next: at + whole.byteLength }
}

const damaged = (what: string, offset: number, found: number, expected: number): DumpError =>
  new DumpError(
    'DUMP_DAMAGED',
    `${what} at offset ${hex(offset)} gives its size as ${hex(found)}, expected at least ${hex(expected)}`,
    { offset, found, expected },
  )

function endOfDump(dump: Dump): number {
  if (dump.header.dumpType === HeaderDumpType.triage) return readTriageHeader(dump).sizeOfDump
  // unverified: after the last page in dumps with a physical body; a real full dump with secondary data would settle it.
  return dump.firstPageOffset + (dump.pages?.size ?? 0) * PAGE_SIZE
}
