// Structures whose size or places change from build to build, as build 19041 for x64 has them (types of ntkrnlmp.pdb): the fields that
// boot lays out and that a freeze reads.
import { bytes, defineStruct, struct, u8, u16, u32, u64 } from '@dumpstack/bytes'
import { ContextX64 } from '../../kernel/context-x64.ts'
import { ClientId, DispatcherHeader } from '../../kernel/dispatcher.ts'
import { ListEntry } from '../../kernel/list.ts'
import * as environment from '../../kernel/process-environment.ts'

export { KldrDataTableEntry } from '../../kernel/modules.ts'
export * from './dump-stack.ts'

/** Bytes of KDDEBUGGER_DATA64 that this kernel has. */
export const DEBUGGER_DATA_BYTES: number = 0x380

export const KspecialRegisters = defineStruct('_KSPECIAL_REGISTERS', 0xf0, {
  cr0: u64(0x00),
  cr3: u64(0x10),
  cr4: u64(0x18),
  /** KDESCRIPTOR: three u16 of padding, then limit and base. */
  gdtrLimit: u16(0x56),
  gdtrBase: u64(0x58),
  idtrLimit: u16(0x66),
  idtrBase: u64(0x68),
  tr: u16(0x70),
  mxCsr: u32(0x74),
  msrGsBase: u64(0xa8),
  msrLStar: u64(0xc0),
  xcr0: u64(0xd8),
})

export const KprocessorState = defineStruct('_KPROCESSOR_STATE', 0x5c0, {
  specialRegisters: struct(0x00, KspecialRegisters),
  contextFrame: struct(0xf0, ContextX64),
})

export const Kprcb = defineStruct('_KPRCB', 0xaf00, {
  mxCsr: u32(0x00),
  legacyNumber: u8(0x04),
  currentThread: u64(0x08),
  nextThread: u64(0x10),
  idleThread: u64(0x18),
  number: u32(0x24),
  rspBase: u64(0x28),
  cpuType: u8(0x40),
  cpuId: u8(0x41),
  mhz: u32(0x44),
  minorVersion: u16(0x88),
  majorVersion: u16(0x8a),
  groupSetMember: u64(0xc8),
  groupIndex: u8(0xd1),
  initialApicId: u32(0xd4),
  processorState: struct(0x100, KprocessorState),
  /** IPI_FROZEN_STATE: 0 running, 2 frozen, 5 asked to freeze. */
  ipiFrozen: u32(0x2d88),
  vendorString: bytes(0x8590, 13),
  /** Address of the CONTEXT of this processor, inside the PRCB or elsewhere. */
  context: u64(0x85c0),
})

export const Kpcr = defineStruct('_KPCR', 0xb080, {
  gdtBase: u64(0x00),
  tssBase: u64(0x08),
  self: u64(0x18),
  currentPrcb: u64(0x20),
  idtBase: u64(0x38),
  majorVersion: u16(0x60),
  minorVersion: u16(0x62),
  stallScaleFactor: u32(0x64),
  kdVersionBlock: u64(0x108),
  prcb: struct(0x180, Kprcb),
})

export const Kprocess = defineStruct('_KPROCESS', 0x438, {
  header: struct(0x00, DispatcherHeader),
  directoryTableBase: u64(0x28),
  basePriority: u8(0x280),
})

export const Eprocess = defineStruct('_EPROCESS', 0xa40, {
  pcb: struct(0x00, Kprocess),
  uniqueProcessId: u64(0x440),
  createTime: u64(0x468),
  inheritedFromUniqueProcessId: u64(0x540),
  peb: u64(0x550),
  /** ASCII, without a NUL when 15 characters long. */
  imageFileName: bytes(0x5a8, 15),
  priorityClass: u8(0x5b7),
  exitStatus: u32(0x7d4),
})

export const Kthread = defineStruct('_KTHREAD', 0x430, {
  header: struct(0x00, DispatcherHeader),
  initialStack: u64(0x28),
  stackLimit: u64(0x30),
  stackBase: u64(0x38),
  kernelStack: u64(0x58),
  running: u8(0x71),
  /** ApcState.Process */
  apcProcess: u64(0xb8),
  priority: u8(0xc3),
  teb: u64(0xf0),
  state: u8(0x184),
  nextProcessor: u32(0x218),
  process: u64(0x220),
  basePriority: u8(0x233),
  idealProcessor: u32(0x24c),
})

export const Ethread = defineStruct('_ETHREAD', 0x898, {
  tcb: struct(0x00, Kthread),
  createTime: u64(0x430),
  startAddress: u64(0x450),
  cid: struct(0x478, ClientId),
  win32StartAddress: u64(0x4d0),
})

/** A row of the page frame database, nt!MmPfnDatabase. */
export const Mmpfn = defineStruct('_MMPFN', 0x30, {
  pteAddress: u64(0x08),
  originalPte: u64(0x10),
  /** Active pages: share count; listed pages: previous PFN. */
  u2: u64(0x18),
  referenceCount: u16(0x20),
  /** MMPFNENTRY1: PageLocation bits 0..2, Modified 4, CacheAttribute 6..7. */
  e1: u8(0x22),
  /** PteFrame bits 0..35, PfnExists bit 50. */
  u4: u64(0x28),
})

/** PfnExists, of the high half of u4. */
export const MMPFN_EXISTS_HIGH: number = 1 << 18

export const LoaderParameterBlock = defineStruct('_LOADER_PARAMETER_BLOCK', 0x160, {
  loadOrderListHead: struct(0x10, ListEntry),
  kernelStack: u64(0x80),
  prcb: u64(0x88),
  process: u64(0x90),
  thread: u64(0x98),
})

export const Peb = defineStruct('_PEB', 0x7c8, environment.Peb.fields)

export const PebLdrData = defineStruct('_PEB_LDR_DATA', 0x58, environment.PebLdrData.fields)

export const LdrDataTableEntry = defineStruct('_LDR_DATA_TABLE_ENTRY', 0x120, {
  ...environment.LdrDataTableEntry.fields,
  originalBase: u64(0xf8),
  /** FILETIME. */
  loadTime: u64(0x100),
})

export const Teb = defineStruct('_TEB', 0x1838, {
  /** NtTib */
  stackBase: u64(0x08),
  stackLimit: u64(0x10),
  self: u64(0x30),
  clientId: struct(0x40, ClientId),
  processEnvironmentBlock: u64(0x60),
  deallocationStack: u64(0x1478),
})
