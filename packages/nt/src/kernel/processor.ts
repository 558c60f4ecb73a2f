// KPCR and KPRCB, x64 build 19041: the fields that a dump, a debugger or a freeze touches (types of ntkrnlmp.pdb).
import { bytes, defineStruct, struct, u8, u16, u32, u64, type ViewOf } from '@dumpstack/bytes'
import { KprocessorState } from './context-x64.ts'

export const Kprcb = defineStruct('_KPRCB', 0xaf00, {
  mxCsr: u32(0x00),
  legacyNumber: u8(0x04),
  interruptRequest: u8(0x06),
  idleHalt: u8(0x07),
  currentThread: u64(0x08),
  nextThread: u64(0x10),
  idleThread: u64(0x18),
  nestingLevel: u8(0x20),
  number: u32(0x24),
  rspBase: u64(0x28),
  cpuType: u8(0x40),
  cpuId: u8(0x41),
  cpuStepping: u8(0x42),
  cpuModel: u8(0x43),
  mhz: u32(0x44),
  minorVersion: u16(0x88),
  majorVersion: u16(0x8a),
  buildType: u8(0x8c),
  cpuVendor: u8(0x8d),
  groupSetMember: u64(0xc8),
  group: u8(0xd0),
  groupIndex: u8(0xd1),
  initialApicId: u32(0xd4),
  cFlushSize: u32(0xe8),
  processorState: struct(0x100, KprocessorState),
  /** IPI_FROZEN_STATE: 0 running, 2 frozen, 5 asked to freeze. */
  ipiFrozen: u32(0x2d88),
  dpcStack: u64(0x3110),
  debuggerSavedIrql: u8(0x7e98),
  vendorString: bytes(0x8590, 13),
  featureBits: u64(0x85a0),
  updateSignature: u64(0x85a8),
  /** Address of the CONTEXT of this processor, inside the PRCB or elsewhere. */
  context: u64(0x85c0),
  contextFlagsInit: u32(0x85c8),
  isrStack: u64(0x85d8),
})
export type Kprcb = ViewOf<typeof Kprcb>

export const Kpcr = defineStruct('_KPCR', 0xb080, {
  gdtBase: u64(0x00),
  tssBase: u64(0x08),
  userRsp: u64(0x10),
  self: u64(0x18),
  currentPrcb: u64(0x20),
  lockArray: u64(0x28),
  usedSelf: u64(0x30),
  idtBase: u64(0x38),
  irql: u8(0x50),
  majorVersion: u16(0x60),
  minorVersion: u16(0x62),
  stallScaleFactor: u32(0x64),
  kdVersionBlock: u64(0x108),
  prcb: struct(0x180, Kprcb),
})
export type Kpcr = ViewOf<typeof Kpcr>
