// UNICODE_STRING (ntdef.h): lengths in bytes, the text in a pool block of its own with a closing NUL.
import type { UnicodeString } from '@dumpstack/nt'
import type { AddressSpace } from './address-space.ts'
import type { NonpagedPool } from './nonpaged-pool.ts'

export function writeUnicodeString(
  space: AddressSpace,
  pool: NonpagedPool,
  into: UnicodeString,
  text: string,
  tag: string,
): void {
  const buffer = pool.allocate((text.length + 1) * 2, tag)
  space.write(buffer, utf16Bytes(text))
  into.length = text.length * 2
  into.maximumLength = (text.length + 1) * 2
  into.buffer = buffer
}

export function utf16Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 2)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < text.length; i++) view.setUint16(i * 2, text.charCodeAt(i), true)
  return bytes
}
