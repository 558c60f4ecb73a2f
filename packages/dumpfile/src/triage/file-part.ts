// A place in a dump file, and the exact reading of it.
import { type ByteSource, hex } from '@dumpstack/bytes'
import { DumpError } from '../dump-error.ts'

export interface FilePart {
  readonly offset: number
  readonly byteLength: number
}

/** Throws DumpError DUMP_TRUNCATED where the part leaves the file. */
export function checkInside(file: ByteSource, { offset, byteLength }: FilePart, what: string): void {
  const end = offset + byteLength
  if (end <= file.byteLength) return
  throw new DumpError(
    'DUMP_TRUNCATED',
    `${what} at offset ${hex(offset)} ends at ${hex(end)}, the file ends at ${hex(file.byteLength)}`,
    { offset, found: file.byteLength, expected: end },
  )
}

/** The bytes of a part; throws DumpError DUMP_TRUNCATED where the file does not hold all of them. */
export function readPart(file: ByteSource, part: FilePart, what: string): Uint8Array {
  checkInside(file, part, what)
  const bytes = new Uint8Array(part.byteLength)
  if (file.read(part.offset, bytes) < part.byteLength) {
    throw new DumpError('DUMP_TRUNCATED', `${what} at offset ${hex(part.offset)} could not be read whole`, {
      offset: part.offset,
    })
  }
  return bytes
}

/** Throws DumpError DUMP_TOO_LARGE where a list that the file does hold is longer than any real one, and than we keep. */
export function checkCount(count: number, limit: number, offset: number, what: string): void {
  if (count <= limit) return
  throw new DumpError(
    'DUMP_TOO_LARGE',
    `${hex(count)} ${what} at offset ${hex(offset)}, this reader keeps ${hex(limit)}`,
    { offset, found: count },
  )
}
