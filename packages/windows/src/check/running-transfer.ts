// What a life writes to the disk and reads back while its system runs.
import { equalBytes, hex, PAGE_SIZE } from '@dumpstack/bytes'
import type { BufferPiece, RuntimeStack } from '@dumpstack/drivers'
import type { MemoryDiskImage, Ram } from '@dumpstack/machine'
import { eachPiece, REQUEST_BYTES, REQUESTS } from './request-buffers.ts'

export interface TransferParts {
  readonly runtime: RuntimeStack
  readonly ram: Ram
  /** Of all requests each. */
  readonly from: readonly BufferPiece[][]
  readonly into: readonly BufferPiece[][]
  /** Byte offset on the disk. */
  readonly at: number
  readonly image: MemoryDiskImage
  /** While the writes are in flight. */
  readonly whileWriting: () => void
}

/** Writes a pattern and reads it back; answers what is not as it was written. */
export function transfer({ runtime, ram, from, into, at, image, whileWriting }: TransferParts): string[] {
  const bytes = REQUESTS * REQUEST_BYTES
  const pattern = new Uint8Array(bytes)
  for (let i = 0; i < bytes; i++) pattern[i] = (i >>> 9) ^ i
  eachPiece(from, (piece, offset) =>
    ram.write(piece.gpa, pattern.subarray(offset, offset + piece.byteLength)),
  )
  for (const [i, buffer] of from.entries()) runtime.writeScattered(at + i * REQUEST_BYTES, buffer)
  whileWriting()
  runtime.drain()
  for (const [i, buffer] of into.entries()) runtime.readScattered(at + i * REQUEST_BYTES, buffer)
  runtime.drain()
  const found = new Uint8Array(bytes)
  eachPiece(into, (piece, offset) => ram.read(piece.gpa, found.subarray(offset, offset + piece.byteLength)))
  const onDisk = new Uint8Array(bytes)
  image.read(at, onDisk)
  return [...difference(pattern, onDisk, 'reached the disk'), ...difference(pattern, found, 'were read back')]
}

function difference(pattern: Uint8Array, got: Uint8Array, what: string): string[] {
  if (equalBytes(got, pattern)) return []
  const first = got.findIndex((byte, index) => byte !== pattern[index])
  const page = Math.floor(first / PAGE_SIZE) * PAGE_SIZE
  return [`other bytes ${what} than were written, from ${hex(page)} of the request on`]
}
