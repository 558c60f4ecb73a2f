// Writes the chain that secondary-data.ts reads: a file header, then per blob a header with its GUID, the bytes, padding.

import { planFailure } from '../compose-header.ts'
import { DumpBlobFileHeader, DumpBlobHeader, SIGNATURE_BLOB_BLOB, SIGNATURE_BLOB_DUMP } from '../layouts.ts'

export interface SecondaryData {
  /** `270A33FD-3DA6-460D-BA89-3C1BAE21E39B` */
  readonly tag: string
  readonly bytes: Uint8Array
}

/** BuildNumber holds the free build's mark above the number. */
const FREE_BUILD = 0xf000_0000
const BLOB_ALIGNMENT = 8
const GUID = /^([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})$/i

/** Empty where there are no blobs. Throws DumpError DUMP_PLAN for a tag that is no GUID. */
export function composeSecondaryData(blobs: readonly SecondaryData[], build: number): Uint8Array {
  if (blobs.length === 0) return new Uint8Array(0)
  const padded = (length: number): number => Math.ceil(length / BLOB_ALIGNMENT) * BLOB_ALIGNMENT
  const byteLength = blobs.reduce(
    (sum, blob) => sum + DumpBlobHeader.size + padded(blob.bytes.byteLength),
    DumpBlobFileHeader.size,
  )
  const bytes = new Uint8Array(byteLength)
  const file = DumpBlobFileHeader.of(bytes)
  file.signature1 = SIGNATURE_BLOB_DUMP
  file.signature2 = SIGNATURE_BLOB_BLOB
  file.headerSize = DumpBlobFileHeader.size
  file.buildNumber = (FREE_BUILD | build) >>> 0
  let at = DumpBlobFileHeader.size
  for (const blob of blobs) {
    const [, data1, data2, data3, data4, data5] =
      GUID.exec(blob.tag) ?? planFailure(`tag ${blob.tag} is no GUID`)
    const last = `${data4}${data5}`
    const header = DumpBlobHeader.of(bytes, at)
    header.headerSize = DumpBlobHeader.size
    header.tagData1 = Number.parseInt(data1!, 16)
    header.tagData2 = Number.parseInt(data2!, 16)
    header.tagData3 = Number.parseInt(data3!, 16)
    header.tagData4 = Uint8Array.from({ length: 8 }, (_, i) =>
      Number.parseInt(last.slice(i * 2, i * 2 + 2), 16),
    )
    header.dataSize = blob.bytes.byteLength
    header.postPad = padded(blob.bytes.byteLength) - blob.bytes.byteLength
    bytes.set(blob.bytes, at + DumpBlobHeader.size)
    at += DumpBlobHeader.size + padded(blob.bytes.byteLength)
  }
  return bytes
}
