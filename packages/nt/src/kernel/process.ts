// KPROCESS, EPROCESS, KTHREAD and ETHREAD, x64 build 19041: the fields that a debugger walks (types of ntkrnlmp.pdb).
import { bytes, defineStruct, struct, u8, u32, u64, type ViewOf } from '@dumpstack/bytes'
import { ListEntry } from './list.ts'

export const DispatcherHeader = defineStruct('_DISPATCHER_HEADER', 0x18, {
  type: u8(0x00),
  size: u8(0x02),
  signalState: u32(0x04),
  waitListHead: struct(0x08, ListEntry),
})
export type DispatcherHeader = ViewOf<typeof DispatcherHeader>

/** KOBJECTS: DISPATCHER_HEADER.Type of a process and of a thread. */
export const ProcessObject = 3
export const ThreadObject = 6

/** KTHREAD_STATE */
export const KthreadState = {
  Initialized: 0,
  Ready: 1,
  Running: 2,
  Standby: 3,
  Terminated: 4,
  Waiting: 5,
} as const

export const Kprocess = defineStruct('_KPROCESS', 0x438, {
  header: struct(0x00, DispatcherHeader),
  profileListHead: struct(0x18, ListEntry),
  directoryTableBase: u64(0x28),
  threadListHead: struct(0x30, ListEntry),
  basePriority: u8(0x280),
  processListEntry: struct(0x350, ListEntry),
  cycleTime: u64(0x360),
  userDirectoryTableBase: u64(0x388),
  addressPolicy: u8(0x390),
})
export type Kprocess = ViewOf<typeof Kprocess>

export const Eprocess = defineStruct('_EPROCESS', 0xa40, {
  pcb: struct(0x00, Kprocess),
  uniqueProcessId: u64(0x440),
  activeProcessLinks: struct(0x448, ListEntry),
  flags2: u32(0x460),
  flags: u32(0x464),
  createTime: u64(0x468),
  virtualSize: u64(0x498),
  token: u64(0x4b8),
  sectionBaseAddress: u64(0x520),
  inheritedFromUniqueProcessId: u64(0x540),
  peb: u64(0x550),
  session: u64(0x558),
  objectTable: u64(0x570),
  imageFilePointer: u64(0x5a0),
  /** ASCII, without a NUL when 15 characters long. */
  imageFileName: bytes(0x5a8, 15),
  priorityClass: u8(0x5b7),
  threadListHead: struct(0x5e0, ListEntry),
  activeThreads: u32(0x5f0),
  exitStatus: u32(0x7d4),
  vadRoot: u64(0x7d8),
  flags3: u32(0x87c),
})
export type Eprocess = ViewOf<typeof Eprocess>

export const ClientId = defineStruct('_CLIENT_ID', 0x10, { uniqueProcess: u64(0), uniqueThread: u64(8) })
export type ClientId = ViewOf<typeof ClientId>

export const Kthread = defineStruct('_KTHREAD', 0x430, {
  header: struct(0x00, DispatcherHeader),
  initialStack: u64(0x28),
  stackLimit: u64(0x30),
  stackBase: u64(0x38),
  cycleTime: u64(0x48),
  kernelStack: u64(0x58),
  running: u8(0x71),
  trapFrame: u64(0x90),
  apcListHead0: struct(0x98, ListEntry),
  apcListHead1: struct(0xa8, ListEntry),
  /** ApcState.Process */
  apcProcess: u64(0xb8),
  priority: u8(0xc3),
  userIdealProcessor: u32(0xc4),
  waitListEntry: struct(0xd8, ListEntry),
  teb: u64(0xf0),
  contextSwitches: u32(0x154),
  state: u8(0x184),
  waitIrql: u8(0x186),
  waitTime: u32(0x1b4),
  win32Thread: u64(0x1c8),
  queueListEntry: struct(0x208, ListEntry),
  nextProcessor: u32(0x218),
  process: u64(0x220),
  basePriority: u8(0x233),
  idealProcessor: u32(0x24c),
  waitReason: u8(0x283),
  kernelTime: u32(0x28c),
  userTime: u32(0x2dc),
  threadListEntry: struct(0x2f8, ListEntry),
})
export type Kthread = ViewOf<typeof Kthread>

/**
 * What KTHREAD.KernelStack of a thread that does not run points to: the end of the frame that switching away left.
 * unverified: no public page gives it; public PDBs of some builds hold the type, and these offsets are theirs.
 */
export const KswitchFrame = defineStruct('_KSWITCH_FRAME', 0x40, { rbp: u64(0x30), return: u64(0x38) })
export type KswitchFrame = ViewOf<typeof KswitchFrame>

export const Ethread = defineStruct('_ETHREAD', 0x898, {
  tcb: struct(0x00, Kthread),
  createTime: u64(0x430),
  exitTime: u64(0x438),
  startAddress: u64(0x450),
  cid: struct(0x478, ClientId),
  irpList: struct(0x4b0, ListEntry),
  win32StartAddress: u64(0x4d0),
  threadListEntry: struct(0x4e8, ListEntry),
  crossThreadFlags: u32(0x510),
  threadName: u64(0x610),
})
export type Ethread = ViewOf<typeof Ethread>
