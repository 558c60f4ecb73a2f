// A read or a write of the disk on its way to the miniport: where it goes, and the guest RAM that it moves. A request is cut into
// transfers that keep the limits of the miniport, as a class driver does (PORT_CONFIGURATION_INFORMATION, MaximumTransferLength).
import { type Gpa, gpa, hex, PAGE_SIZE } from '@dumpstack/bytes'
import { DriversError } from '../errors.ts'
import type { BufferPiece } from '../runtime-stack.ts'

export interface Transfer extends BufferPiece {
  readonly isWrite: boolean
  readonly diskOffset: number
  /** Of a buffer of several pieces; null where the transfer is one piece itself. */
  readonly pieces: readonly BufferPiece[] | null
  /** How often it failed, and how often it found the device busy. */
  attempts: number
  busyAttempts: number
}

export const pieceCount = ({ pieces }: Transfer): number => (pieces === null ? 1 : pieces.length)

export const pieceAt = (transfer: Transfer, index: number): BufferPiece =>
  transfer.pieces === null ? transfer : transfer.pieces[index]!

/** Queues a request for a buffer in one piece. */
export function splitPiece(
  queue: Transfer[],
  isWrite: boolean,
  diskOffset: number,
  address: Gpa,
  byteLength: number,
  limit: number,
): void {
  for (let done = 0; done < byteLength; done += limit) {
    queue.push({
      isWrite,
      diskOffset: diskOffset + done,
      gpa: gpa(address + done),
      byteLength: Math.min(limit, byteLength - done),
      pieces: null,
      attempts: 0,
      busyAttempts: 0,
    })
  }
}

/** The same for a buffer in several pieces; those that a cut goes through are part of two transfers. */
export function splitPieces(
  queue: Transfer[],
  isWrite: boolean,
  diskOffset: number,
  buffer: readonly BufferPiece[],
  limit: number,
): void {
  let at = diskOffset
  let byteLength = 0
  let pieces: BufferPiece[] = []
  const cut = (): void => {
    const { gpa: first } = pieces[0]!
    queue.push({ isWrite, diskOffset: at, gpa: first, byteLength, pieces, attempts: 0, busyAttempts: 0 })
    at += byteLength
    byteLength = 0
    pieces = []
  }
  for (const piece of buffer) {
    for (let done = 0; done < piece.byteLength; ) {
      const count = Math.min(limit - byteLength, piece.byteLength - done)
      pieces.push({ gpa: gpa(piece.gpa + done), byteLength: count })
      byteLength += count
      done += count
      if (byteLength === limit) cut()
    }
  }
  if (byteLength > 0) cut()
}

/**
 * Throws BUFFER_SHAPE unless the pieces are what an MDL describes: pages one after the other in virtual memory, the first of them
 * from any place on, the last up to any place.
 */
export function checkShape(buffer: readonly BufferPiece[]): void {
  buffer.forEach((piece, index) => {
    const end = piece.gpa + piece.byteLength
    const isShort = piece.byteLength <= 0
    const beginsInside = index > 0 && piece.gpa % PAGE_SIZE !== 0
    const endsInside = index < buffer.length - 1 && end % PAGE_SIZE !== 0
    if (!isShort && !beginsInside && !endsInside) return
    throw new DriversError(
      'BUFFER_SHAPE',
      `piece ${index} of the buffer is ${hex(piece.byteLength)} bytes at gpa ${hex(piece.gpa)}, expected whole pages between the first and the last`,
      { gpa: piece.gpa },
    )
  })
}

/** In words. */
export const transferText = ({ isWrite, byteLength, diskOffset }: Transfer): string =>
  `${isWrite ? 'write' : 'read'} of ${hex(byteLength)} bytes at disk offset ${hex(diskOffset)}`

/** A range in guest RAM that ends above `address`. */
export function endsAbove(transfer: Transfer, address: Gpa | number): boolean {
  for (let index = 0; index < pieceCount(transfer); index++) {
    const { gpa: at, byteLength } = pieceAt(transfer, index)
    if (at + byteLength > address) return true
  }
  return false
}
