// PORT_CONFIGURATION_INFORMATION (storport.h, srb.h) and what it points to, x64, as of Windows 10: what the port tells
// HwFindAdapter and what the miniport answers. Offsets by natural alignment of the documented field order.
import { array, defineStruct, struct, u8, u32, u64, type ViewOf } from '@dumpstack/bytes'

export const MemoryRegion = defineStruct('MEMORY_REGION', 0x18, {
  virtualBase: u64(0x00),
  physicalBase: u64(0x08),
  length: u32(0x10),
})
export type MemoryRegion = ViewOf<typeof MemoryRegion>

export const AccessRange = defineStruct('ACCESS_RANGE', 0x10, {
  rangeStart: u64(0x00),
  rangeLength: u32(0x08),
  rangeInMemory: u8(0x0c),
})
export type AccessRange = ViewOf<typeof AccessRange>

export const PortConfigurationInformation = defineStruct('PORT_CONFIGURATION_INFORMATION', 0xe0, {
  length: u32(0x00),
  systemIoBusNumber: u32(0x04),
  adapterInterfaceType: u32(0x08),
  busInterruptLevel: u32(0x0c),
  busInterruptVector: u32(0x10),
  interruptMode: u32(0x14),
  maximumTransferLength: u32(0x18),
  numberOfPhysicalBreaks: u32(0x1c),
  dmaChannel: u32(0x20),
  dmaPort: u32(0x24),
  dmaWidth: u32(0x28),
  dmaSpeed: u32(0x2c),
  alignmentMask: u32(0x30),
  numberOfAccessRanges: u32(0x34),
  /** Points to NumberOfAccessRanges ACCESS_RANGE. */
  accessRanges: u64(0x38),
  /** The context that the runtime miniport gave for the dump; `Reserved` before Windows 8. */
  miniportDumpData: u64(0x40),
  numberOfBuses: u8(0x48),
  initiatorBusId: array(0x49, 8, u8),
  scatterGather: u8(0x51),
  master: u8(0x52),
  cachesData: u8(0x53),
  adapterScansDown: u8(0x54),
  dma32BitAddresses: u8(0x57),
  mapBuffers: u8(0x59),
  needPhysicalAddresses: u8(0x5a),
  taggedQueuing: u8(0x5b),
  autoRequestSense: u8(0x5c),
  multipleRequestPerLu: u8(0x5d),
  maximumNumberOfTargets: u8(0x61),
  srbType: u8(0x62),
  addressType: u8(0x63),
  slotNumber: u32(0x64),
  deviceExtensionSize: u32(0x84),
  specificLuExtensionSize: u32(0x88),
  srbExtensionSize: u32(0x8c),
  dma64BitAddresses: u8(0x90),
  resetTargetSupported: u8(0x91),
  maximumNumberOfLogicalUnits: u8(0x92),
  wmiDataProvider: u8(0x93),
  synchronizationModel: u32(0x94),
  hwMsInterruptRoutine: u64(0x98),
  interruptSynchronizationMode: u32(0xa0),
  dumpRegion: struct(0xa8, MemoryRegion),
  requestedDumpBufferSize: u32(0xc0),
  virtualDevice: u8(0xc4),
  dumpMode: u8(0xc5),
  extendedFlags1: u32(0xc8),
  maxNumberOfIo: u32(0xcc),
  maxIosPerLun: u32(0xd0),
  initialLunQueueDepth: u32(0xd4),
  busResetHoldTime: u32(0xd8),
  featureSupport: u32(0xdc),
})
export type PortConfigurationInformation = ViewOf<typeof PortConfigurationInformation>

/** A limit that is not set yet. */
export const SP_UNINITIALIZED_VALUE = 0xffffffff

// HwFindAdapter's return values
export const SP_RETURN_NOT_FOUND = 0
export const SP_RETURN_FOUND = 1
export const SP_RETURN_ERROR = 2

// DumpMode
export const DUMP_MODE_NORMAL = 0
export const DUMP_MODE_CRASH = 1

/** INTERFACE_TYPE PCIBus. */
export const INTERFACE_TYPE_PCI_BUS = 5

// Dma64BitAddresses: the system offers, the miniport accepts
export const SCSI_DMA64_MINIPORT_SUPPORTED = 0x01
/** The same, and uncached extension, SRB extension and sense data may lie above 4 GiB too; drivers set it alone. */
export const SCSI_DMA64_MINIPORT_FULL64BIT_SUPPORTED = 0x02
export const SCSI_DMA64_SYSTEM_SUPPORTED = 0x80

/** InterruptSynchronizationMode InterruptSynchronizePerMessage. */
export const INTERRUPT_SYNCHRONIZE_PER_MESSAGE = 2
/** SynchronizationModel StorSynchronizeFullDuplex. */
export const STOR_SYNCHRONIZE_FULL_DUPLEX = 1

// SrbType: the kind that the port will use
export const SRB_TYPE_SCSI_REQUEST_BLOCK = 0
export const SRB_TYPE_STORAGE_REQUEST_BLOCK = 1
