// MDL (wdm.h), x64: a buffer as the list of its physical pages, which follow the header.
// The layout is public; MdlFlags values as in wdm.h.
import { defineStruct, u16, u32, u64, type ViewOf } from '@dumpstack/bytes'

export const Mdl = defineStruct('MDL', 0x30, {
  next: u64(0x00),
  /** Bytes of the header and its page frame numbers. */
  size: u16(0x08),
  mdlFlags: u16(0x0a),
  process: u64(0x10),
  /** Valid with MDL_MAPPED_TO_SYSTEM_VA or MDL_SOURCE_IS_NONPAGED_POOL. */
  mappedSystemVa: u64(0x18),
  startVa: u64(0x20),
  byteCount: u32(0x28),
  byteOffset: u32(0x2c),
})
export type Mdl = ViewOf<typeof Mdl>
/** Page frame numbers, eight bytes each, from here on. */
export const MDL_PFN_ARRAY = 0x30

export const MDL_MAPPED_TO_SYSTEM_VA = 0x0001
export const MDL_PAGES_LOCKED = 0x0002
export const MDL_SOURCE_IS_NONPAGED_POOL = 0x0004
