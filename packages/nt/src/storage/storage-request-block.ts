// STORAGE_REQUEST_BLOCK with its address and its extended data (srb.h, storport.h), x64: what miniports since Windows 8 may ask for
// by SrbTypeFlags. Offsets by natural alignment of the documented field order; measured against compiled miniports.
import { bytes, defineStruct, u8, u16, u32, u64, type ViewOf } from '@dumpstack/bytes'

export const StorageRequestBlock = defineStruct('STORAGE_REQUEST_BLOCK', 0x80, {
  /** 8: where a SCSI_REQUEST_BLOCK says how long it is. */
  length: u16(0x00),
  /** SRB_FUNCTION_STORAGE_REQUEST_BLOCK; the function itself is srbFunction. */
  function: u8(0x02),
  srbStatus: u8(0x03),
  signature: u32(0x08),
  version: u32(0x0c),
  srbLength: u32(0x10),
  srbFunction: u32(0x14),
  srbFlags: u32(0x18),
  requestTag: u32(0x20),
  requestPriority: u16(0x24),
  requestAttribute: u16(0x26),
  /** Seconds. */
  timeOutValue: u32(0x28),
  systemStatus: u32(0x2c),
  addressOffset: u32(0x34),
  numSrbExData: u32(0x38),
  dataTransferLength: u32(0x3c),
  dataBuffer: u64(0x40),
  originalRequest: u64(0x50),
  classContext: u64(0x58),
  portContext: u64(0x60),
  /** The SRB extension. */
  miniportContext: u64(0x68),
  nextSrb: u64(0x70),
  /** NumSrbExData of them; one fits this size. */
  srbExDataOffset: u32(0x78),
})
export type StorageRequestBlock = ViewOf<typeof StorageRequestBlock>
export const SRB_FUNCTION_STORAGE_REQUEST_BLOCK = 0x28
/** `SRBX` in memory order of its letters from the high byte down. */
export const SRB_SIGNATURE = 0x53524258
export const STORAGE_REQUEST_BLOCK_VERSION_1 = 1

export const StorAddressBtl8 = defineStruct('STOR_ADDR_BTL8', 0xc, {
  type: u16(0x0),
  port: u16(0x2),
  addressLength: u32(0x4),
  path: u8(0x8),
  target: u8(0x9),
  lun: u8(0xa),
})
export type StorAddressBtl8 = ViewOf<typeof StorAddressBtl8>
export const STOR_ADDRESS_TYPE_BTL8 = 1
export const STOR_ADDR_BTL8_ADDRESS_LENGTH = 4

export const SrbExDataScsiCdb16 = defineStruct('SRBEX_DATA_SCSI_CDB16', 0x28, {
  type: u32(0x00),
  length: u32(0x04),
  scsiStatus: u8(0x08),
  senseInfoBufferLength: u8(0x09),
  cdbLength: u8(0x0a),
  senseInfoBuffer: u64(0x10),
  cdb: bytes(0x18, 16),
})
export type SrbExDataScsiCdb16 = ViewOf<typeof SrbExDataScsiCdb16>
export const SRB_EX_DATA_TYPE_SCSI_CDB16 = 0x40
/** Bytes after Type and Length. */
export const SRB_EX_DATA_SCSI_CDB16_LENGTH = 0x20
