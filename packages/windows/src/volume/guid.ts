// GUIDs in the mixed byte order of GPT and COM: the first three fields little-endian.
import type { SeededChoice } from '../boot/seeded-choice.ts'

/** A version 4 GUID (RFC 4122, section 4.4). */
export function chosenGuid(choice: SeededChoice): Uint8Array {
  const bytes = new Uint8Array(16)
  for (let i = 0; i < 16; i++) bytes[i] = choice.below(256)
  bytes[7] = (bytes[7]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes
}

/** `EBD0A0A2-B9E5-4433-87C0-68B6B72699C7`, as tools print a GUID. */
export function guidText(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16)
  const hexDigits = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')
  const tail = Array.from(bytes.subarray(10, 16), (byte) => hexDigits(byte, 2)).join('')
  return [
    hexDigits(view.getUint32(0, true), 8),
    hexDigits(view.getUint16(4, true), 4),
    hexDigits(view.getUint16(6, true), 4),
    hexDigits(view.getUint16(8, false), 4),
    tail,
  ]
    .join('-')
    .toUpperCase()
}
