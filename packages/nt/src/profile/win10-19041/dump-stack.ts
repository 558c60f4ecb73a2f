// What crashdmp, the dump port and the kernel hand to each other, x64, as of Windows 10: public type dumps of
// _DUMP_STACK_CONTEXT and _DUMP_INITIALIZATION_CONTEXT (vergiliusproject.com).
import { array, bytes, defineStruct, size64, struct, u8, u32, u64 } from '@dumpstack/bytes'

export const DumpInitializationContext = defineStruct('_DUMP_INITIALIZATION_CONTEXT', 0x108, {
  length: u32(0x000),
  /** Nonpaged scratch heap of the dump port. */
  memoryBlock: u64(0x008),
  commonBuffer: array(0x010, 2, u64),
  physicalAddress: array(0x020, 2, u64),
  stallRoutine: u64(0x030),
  openRoutine: u64(0x038),
  writeRoutine: u64(0x040),
  finishRoutine: u64(0x048),
  adapterObject: u64(0x050),
  /** First MAPPED_ADDRESS: nothing can be mapped after the crash. */
  mappedRegisterBase: u64(0x058),
  /** The saved PORT_CONFIGURATION_INFORMATION. */
  portConfiguration: u64(0x060),
  crashDump: u8(0x068),
  markMemoryOnly: u8(0x069),
  hiberResume: u8(0x06a),
  initDumpStackInvoked: u8(0x06b),
  maximumTransferSize: u32(0x06c),
  commonBufferSize: u32(0x070),
  /** Points to SCSI_ADDRESS. */
  targetAddress: u64(0x078),
  writePendingRoutine: u64(0x080),
  partitionStyle: u32(0x088),
  /** GPT: the disk's GUID; MBR: signature and checksum. */
  diskInfo: bytes(0x08c, 16),
  readRoutine: u64(0x0a0),
  getDriveTelemetryRoutine: u64(0x0a8),
  logSectionTruncateSize: u32(0x0b0),
  parameters: array(0x0b4, 16, u32),
  getTransferSizesRoutine: u64(0x0f8),
  dumpNotifyRoutine: u64(0x100),
})

export const DumpStackContext = defineStruct('_DUMP_STACK_CONTEXT', 0x178, {
  init: struct(0x000, DumpInitializationContext),
  partitionOffset: size64(0x108),
  dumpPointers: u64(0x110),
  pointersLength: u32(0x11c),
  modulePrefix: u64(0x120),
  driverListFlink: u64(0x128),
  driverListBlink: u64(0x130),
  fileObject: u64(0x168),
  usageType: u32(0x170),
})

/**
 * The table that crashdmp's DriverEntry fills and the kernel calls through; order as published for Windows 7.
 * unverified: offsets on x64 (two ULONGs, then pointers); a 19041 crashdmp.sys with symbols would settle them.
 */
export const CrashdmpCallTable = defineStruct('CRASHDMP_CALL_TABLE', 0x48, {
  version: array(0x00, 2, u32),
  crashdmpInitialize: u64(0x08),
  crashdmpLoadDumpStack: u64(0x10),
  crashdmpInitDumpStack: u64(0x18),
  crashdmpFreeDumpStack: u64(0x20),
  crashdmpDisable: u64(0x28),
  crashdmpNotify: u64(0x30),
  crashdmpWrite: u64(0x38),
  crashdmpUpdatePhysicalRange: u64(0x40),
})
