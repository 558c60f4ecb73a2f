// What the context of a dump stack points to (MAPPED_ADDRESS of ntdddisk.h, SCSI_ADDRESS), and DRIVER_OBJECT, x64; the context
// itself is of a build (profile/win10-19041/dump-stack.ts).
import { defineStruct, size64, u8, u16, u32, u64, type ViewOf } from '@dumpstack/bytes'

/** DEVICE_USAGE_NOTIFICATION_TYPE DeviceUsageTypeDumpFile. */
export const DEVICE_USAGE_TYPE_DUMP_FILE = 3

export const MappedAddress = defineStruct('_MAPPED_ADDRESS', 0x28, {
  nextMappedAddress: u64(0x00),
  mappedAddress: u64(0x08),
  numberOfBytes: u32(0x10),
  ioAddress: size64(0x18),
  busNumber: u32(0x20),
})
export type MappedAddress = ViewOf<typeof MappedAddress>

/** DMA_ADAPTER of wdm.h. */
export const DmaAdapter = defineStruct('DMA_ADAPTER', 0x10, {
  version: u16(0x0),
  size: u16(0x2),
  dmaOperations: u64(0x8),
})
export type DmaAdapter = ViewOf<typeof DmaAdapter>
export const DMA_ADAPTER_VERSION_1 = 1

export const ScsiAddress = defineStruct('SCSI_ADDRESS', 0x8, {
  length: u32(0x0),
  portNumber: u8(0x4),
  pathId: u8(0x5),
  targetId: u8(0x6),
  lun: u8(0x7),
})
export type ScsiAddress = ViewOf<typeof ScsiAddress>
