// Names that drivers give by address: UNICODE_STRING, and OBJECT_ATTRIBUTES of 0x30 bytes (ntdef.h).
import { type Gva, gva } from '@dumpstack/bytes'
import { UnicodeString } from '@dumpstack/nt'
import type { CallFrame } from '../call-frame.ts'

const ROOT_DIRECTORY_AT = 0x8n
const OBJECT_NAME_AT = 0x10n

export function unicodeString({ memory }: CallFrame, va: Gva): string {
  if (va === gva(0n)) return ''
  const { length, buffer } = UnicodeString.of(memory.bytes(va, UnicodeString.size))
  return memory.utf16(gva(buffer), length / 2)
}

/** ObjectName, relative to RootDirectory where there is one. Empty of an object without a name. */
export const objectName = (call: CallFrame, attributes: Gva): string =>
  attributes === gva(0n) ? '' : unicodeString(call, gva(call.memory.u64(gva(attributes + OBJECT_NAME_AT))))

export const rootDirectory = (call: CallFrame, attributes: Gva): bigint =>
  call.memory.u64(gva(attributes + ROOT_DIRECTORY_AT))
