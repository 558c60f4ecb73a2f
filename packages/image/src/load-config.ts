// What the load configuration directory says to a loader: where the /GS cookie lies. Microsoft "PE Format", "The Load Configuration
// Structure"; fields past the Size that the structure declares do not exist.
import { hex } from '@dumpstack/bytes'
import { ImageError } from './errors.ts'
import type { Directory, ImageFile } from './image-file.ts'
import { LoadConfigDirectory64 } from './layouts.ts'

/** RVA of the security cookie; null where the image has none. */
export function readSecurityCookie(
  file: ImageFile,
  directory: Directory | null,
  imageBase: bigint,
  sizeOfImage: number,
): number | null {
  if (directory === null) return null
  const what = 'load configuration'
  const { offset, byteLength } = LoadConfigDirectory64.fields.securityCookie
  const sizeAt = file.offsetOf(directory.rva, 4, what)
  if (file.view.getUint32(sizeAt, true) < offset + byteLength) return null
  const at = file.offsetOf(directory.rva, LoadConfigDirectory64.size, what)
  const { securityCookie } = LoadConfigDirectory64.at(file.view, at)
  if (securityCookie === 0n) return null
  const rva = securityCookie - imageBase
  if (rva < 0n || rva + 8n > BigInt(sizeOfImage)) {
    throw new ImageError(
      'IMAGE_BAD_LOAD_CONFIG',
      `security cookie is at ${hex(securityCookie)}, expected an address inside the image of ${hex(sizeOfImage)} bytes from ${hex(imageBase)}`,
      { securityCookie },
    )
  }
  return Number(rva)
}
