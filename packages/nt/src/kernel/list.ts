// LIST_ENTRY and UNICODE_STRING on 64-bit Windows (ntdef.h, public).
import { defineStruct, u16, u64, type ViewOf } from '@dumpstack/bytes'

export const ListEntry = defineStruct('_LIST_ENTRY', 0x10, { flink: u64(0), blink: u64(8) })
export type ListEntry = ViewOf<typeof ListEntry>

/** Lengths are in bytes, without a terminating NUL. */
export const UnicodeString = defineStruct('_UNICODE_STRING', 0x10, {
  length: u16(0),
  maximumLength: u16(2),
  buffer: u64(8),
})
export type UnicodeString = ViewOf<typeof UnicodeString>
