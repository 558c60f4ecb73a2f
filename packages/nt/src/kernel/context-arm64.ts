// CONTEXT of ARM64 processors (winnt.h, public); held against the header of a real dump of build 22000.
import { array, bytes, defineStruct, u32, u64, type ViewOf } from '@dumpstack/bytes'

export const ContextArm64 = defineStruct('_CONTEXT', 0x390, {
  contextFlags: u32(0x00),
  cpsr: u32(0x04),
  /** X0 to X28. */
  x: array(0x08, 29, u64),
  /** X29. */
  fp: u64(0xf0),
  /** X30. */
  lr: u64(0xf8),
  sp: u64(0x100),
  pc: u64(0x108),
  /** V0 to V31, 16 bytes each. */
  v: bytes(0x110, 0x200),
  fpcr: u32(0x310),
  fpsr: u32(0x314),
})
export type ContextArm64 = ViewOf<typeof ContextArm64>
