// Bytes of a disk image that a caller may ask for.
import { hex } from '@dumpstack/bytes'
import { MachineError } from '../errors.ts'

/** Throws DISK_RANGE unless all bytes lie in the image. */
export function checkRange(image: { readonly byteLength: number }, offset: number, byteLength: number): void {
  if (Number.isSafeInteger(offset) && offset >= 0 && offset + byteLength <= image.byteLength) return
  throw new MachineError(
    'DISK_RANGE',
    `${byteLength} bytes at offset ${hex(offset)} are outside a disk image of ${hex(image.byteLength)} bytes`,
    { offset, byteLength },
  )
}
