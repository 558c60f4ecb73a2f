// RAM of the requests that a life sends through the running stack: in one piece each, or in pages that lie apart.
import { type Gpa, gpa, PAGE_SIZE } from '@dumpstack/bytes'
import type { BufferPiece } from '@dumpstack/drivers'
import { Owner } from '@dumpstack/machine'
import type { BootedKernel } from '../boot/contract.ts'
import type { SystemSettings } from './settings.ts'

export const REQUEST_BYTES = 0x10000
export const REQUESTS = 8

/** Where a scattered buffer begins in its first page: no page of it lies in one sector of 4 KiB. */
const FIRST_OFFSET = 512
const SCATTERED_BYTES = (REQUEST_BYTES / PAGE_SIZE + 1) * 2 * PAGE_SIZE

/** The buffers of all requests; scattered: pages apart, all but the first and the last whole. */
export function requestBuffers(kernel: BootedKernel, { buffers }: SystemSettings): BufferPiece[][] {
  const isScattered = buffers === 'scattered'
  const room = isScattered ? SCATTERED_BYTES : REQUEST_BYTES
  const memory = kernel.allocate(REQUESTS * room, { owner: Owner.kernel })
  return Array.from({ length: REQUESTS }, (_, index) => {
    const start = gpa(memory.gpa + index * room)
    return isScattered ? scattered(start) : [{ gpa: start, byteLength: REQUEST_BYTES }]
  })
}

/** A page between any two. */
function scattered(start: Gpa): BufferPiece[] {
  const buffer: BufferPiece[] = []
  for (let page: number = start, done = 0; done < REQUEST_BYTES; page += 2 * PAGE_SIZE) {
    const within = done === 0 ? FIRST_OFFSET : 0
    const byteLength = Math.min(PAGE_SIZE - within, REQUEST_BYTES - done)
    buffer.push({ gpa: gpa(page + within), byteLength })
    done += byteLength
  }
  return buffer
}

/** With the offset of each in the data of all requests. */
export function eachPiece(
  buffers: readonly BufferPiece[][],
  use: (piece: BufferPiece, at: number) => void,
): void {
  let at = 0
  for (const piece of buffers.flat()) {
    use(piece, at)
    at += piece.byteLength
  }
}
