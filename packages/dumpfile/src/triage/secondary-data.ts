// Secondary data: blobs that drivers and the system add behind a dump (KbCallbackSecondaryDumpData), each under a GUID.
// There is no count: a chain of headers to the end of the file. docs/formats/crash-dump.md, "secondary data".
import { type ByteSource, hex } from '@dumpstack/bytes'
import { type Dump, DumpType } from '../dump.ts'
import { DumpError } from '../dump-error.ts'
import { DumpBlobFileHeader, DumpBlobHeader, SIGNATURE_BLOB_BLOB, SIGNATURE_BLOB_DUMP } from '../layouts.ts'
import { checkInside, type FilePart, readPart } from './file-part.ts'
import { readTriageHeader } from './triage-modules.ts'

export interface SecondaryBlob extends FilePart {
  /** `270A33FD-3DA6-460D-BA89-3C1BAE21E39B`; the same one can stand there twice. */
  readonly tag: string
}

/** Real dumps have some fifty. */
const MAX_BLOBS = 65536

/** Empty where the file ends with the dump itself; throws DumpError where the chain leaves the file. */
export function readSecondaryData(dump: Dump): SecondaryBlob[] {
  const file = dump.source
  const start = endOfDump(dump)
  if (file.byteLength < start + DumpBlobFileHeader.size) return []
  const headerPart = { offset: start, byteLength: DumpBlobFileHeader.size }
  const header = DumpBlobFileHeader.of(readPart(file, headerPart, 'secondary data'))
  if (header.signature1 !== SIGNATURE_BLOB_DUMP || header.signature2 !== SIGNATURE_BLOB_BLOB) return []
  if (header.headerSize < DumpBlobFileHeader.size) {
    throw damaged('header of secondary data', start, header.headerSize, DumpBlobFileHeader.size)
  }
  const blobs: SecondaryBlob[] = []
  let at = start + header.headerSize
  while (at + DumpBlobHeader.size <= file.byteLength) {
    if (blobs.length === MAX_BLOBS) {
      throw new DumpError('DUMP_DAMAGED', `secondary data at offset ${hex(start)} has no end`, {
        offset: start,
      })
    }
    const blob = readBlob(file, at, blobs.length)
    blobs.push(blob.blob)
    at = blob.next
  }
  return blobs
}

function readBlob(file: ByteSource, at: number, index: number): { blob: SecondaryBlob; next: number } {
  const what = `secondary data ${index}`
  const header = DumpBlobHeader.of(
    readPart(file, { offset: at, byteLength: DumpBlobHeader.size }, `header of ${what}`),
  )
  if (header.headerSize < DumpBlobHeader.size) {
    throw damaged(`header of ${what}`, at, header.headerSize, DumpBlobHeader.size)
  }
  const part = { offset: at + header.headerSize + header.prePad, byteLength: header.dataSize }
  checkInside(file, part, what)
  const digits = (value: number, width: number) => value.toString(16).toUpperCase().padStart(width, '0')
  const last = Array.from(header.tagData4, (byte) => digits(byte, 2)).join('')
  const tag = [
    digits(header.tagData1, 8),
    digits(header.tagData2, 4),
    digits(header.tagData3, 4),
    last.slice(0, 4),
    last.slice(4),
  ].join('-')
  return { blob: { tag, ...part }, next: part.offset + part.byteLength + header.postPad }
}

const damaged = (what: string, offset: number, found: number, expected: number): DumpError =>
  new DumpError(
    'DUMP_DAMAGED',
    `${what} at offset ${hex(offset)} gives its size as ${hex(found)}, expected at least ${hex(expected)}`,
    { offset, found, expected },
  )

function endOfDump(dump: Dump): number {
  if (dump.header.dumpType === DumpType.triage) return readTriageHeader(dump).sizeOfDump
  // unverified: behind the last page in dumps with a physical body; a real full dump with secondary data would settle it.
  return dump.firstPageOffset + (dump.pages?.size ?? 0) * 4096
}
