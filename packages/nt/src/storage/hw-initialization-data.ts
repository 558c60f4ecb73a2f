// HW_INITIALIZATION_DATA (storport.h), x64, as of Windows 10: what DriverEntry gives to StorPortInitialize.
// Size 0xd0 measured in a Windows 10 miniport binary, 0x88 in one for Windows 7.
import { defineStruct, u8, u16, u32, u64, type ViewOf } from '@dumpstack/bytes'

export const HwInitializationDataLayout = defineStruct('HW_INITIALIZATION_DATA', 0xd0, {
  hwInitializationDataSize: u32(0x00),
  adapterInterfaceType: u32(0x04),
  hwInitialize: u64(0x08),
  hwStartIo: u64(0x10),
  hwInterrupt: u64(0x18),
  hwFindAdapter: u64(0x20),
  hwResetBus: u64(0x28),
  hwDmaStarted: u64(0x30),
  hwAdapterState: u64(0x38),
  deviceExtensionSize: u32(0x40),
  specificLuExtensionSize: u32(0x44),
  srbExtensionSize: u32(0x48),
  numberOfAccessRanges: u32(0x4c),
  reserved: u64(0x50),
  mapBuffers: u8(0x58),
  needPhysicalAddresses: u8(0x59),
  taggedQueuing: u8(0x5a),
  autoRequestSense: u8(0x5b),
  multipleRequestPerLu: u8(0x5c),
  receiveEvent: u8(0x5d),
  vendorIdLength: u16(0x5e),
  vendorId: u64(0x60),
  portVersionFlags: u16(0x68),
  deviceIdLength: u16(0x6a),
  deviceId: u64(0x70),
  hwAdapterControl: u64(0x78),
  hwBuildIo: u64(0x80),
  hwFreeAdapterResources: u64(0x88),
  hwProcessServiceRequest: u64(0x90),
  hwCompleteServiceIrp: u64(0x98),
  hwInitializeTracing: u64(0xa0),
  hwCleanupTracing: u64(0xa8),
  hwTracingEnabled: u64(0xb0),
  featureSupport: u32(0xb8),
  srbTypeFlags: u32(0xbc),
  addressTypeFlags: u32(0xc0),
  hwUnitControl: u64(0xc8),
})
export type HwInitializationDataLayout = ViewOf<typeof HwInitializationDataLayout>

// FeatureSupport
export const STOR_FEATURE_DUMP_POINTERS = 0x8

// MapBuffers: which data buffers the miniport reaches through SRB.DataBuffer
export const STOR_MAP_ALL_BUFFERS = 1
export const STOR_MAP_NON_READ_WRITE_BUFFERS = 2
export const STOR_MAP_ALL_BUFFERS_INCLUDING_READ_WRITE = 3

// SrbTypeFlags, AddressTypeFlags
export const SRB_TYPE_FLAG_SCSI_REQUEST_BLOCK = 0x1
export const SRB_TYPE_FLAG_STORAGE_REQUEST_BLOCK = 0x2
export const ADDRESS_TYPE_FLAG_BTL8 = 0x1
