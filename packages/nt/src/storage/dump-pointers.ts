// How the runtime port driver and miniport describe the boot device to crashdmp: DUMP_POINTERS_EX and DUMP_DRIVER
// (ntddscsi.h), MINIPORT_DUMP_POINTERS (storport.h), x64; offsets by natural alignment.
import { defineStruct, u8, u16, u32, u64, utf16, type ViewOf } from '@dumpstack/bytes'

export const DumpPointersEx = defineStruct('DUMP_POINTERS_EX', 0x68, {
  version: u32(0x00),
  size: u32(0x04),
  /** The saved PORT_CONFIGURATION_INFORMATION. */
  dumpData: u64(0x08),
  commonBufferVa: u64(0x10),
  commonBufferSize: u32(0x18),
  allocateCommonBuffers: u8(0x1c),
  deviceObject: u64(0x20),
  /** First DUMP_DRIVER: the port, then the miniport. */
  driverList: u64(0x28),
  dwPortFlags: u32(0x30),
  maxDeviceDumpSectionSize: u32(0x34),
  maxDeviceDumpLevel: u32(0x38),
  maxTransferSize: u32(0x3c),
  adapterObject: u64(0x40),
  mappedRegisterBase: u64(0x48),
  deviceReady: u64(0x50),
  dumpDevicePowerOn: u64(0x58),
  dumpDevicePowerOnContext: u64(0x60),
})
export type DumpPointersEx = ViewOf<typeof DumpPointersEx>
/** Version 4, Windows 8.1. */
export const DUMP_POINTERS_VERSION_4 = 4
/** dwPortFlags: 64-bit memory supported. */
export const DUMP_EX_FLAG_SUPPORT_64BITMEMORY = 0x1

export const DUMP_DRIVER_NAME_LENGTH = 15
export const DumpDriver = defineStruct('DUMP_DRIVER', 0x48, {
  dumpDriverList: u64(0x00),
  driverName: utf16(0x08, DUMP_DRIVER_NAME_LENGTH),
  baseName: utf16(0x26, DUMP_DRIVER_NAME_LENGTH),
})
export type DumpDriver = ViewOf<typeof DumpDriver>

export const MiniportDumpPointers = defineStruct('MINIPORT_DUMP_POINTERS', 0x70, {
  version: u16(0x00),
  size: u16(0x02),
  driverName: utf16(0x04, DUMP_DRIVER_NAME_LENGTH),
  adapterObject: u64(0x28),
  mappedRegisterBase: u64(0x30),
  commonBufferSize: u32(0x38),
  miniportPrivateDumpData: u64(0x40),
  systemIoBusNumber: u32(0x48),
  adapterInterfaceType: u32(0x4c),
  maximumTransferLength: u32(0x50),
  numberOfPhysicalBreaks: u32(0x54),
  alignmentMask: u32(0x58),
  numberOfAccessRanges: u32(0x5c),
  accessRanges: u64(0x60),
  numberOfBuses: u8(0x68),
  master: u8(0x69),
  mapBuffers: u8(0x6a),
  maximumNumberOfTargets: u8(0x6b),
})
export type MiniportDumpPointers = ViewOf<typeof MiniportDumpPointers>
/** unverified: seen in a compatible header, not on Microsoft's page; a WDK storport.h would settle it. */
export const DUMP_MINIPORT_VERSION_1 = 0x0100
