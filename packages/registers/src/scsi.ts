// SCSI commands that a disk's miniport answers, with their data and sense: SPC-4 (T10/1731-D) and SBC-3 (T10/1799-D).
// All fields of more than one byte are big-endian; opcodes and sense names as the Windows driver kit spells them.
import { bytes, defineStruct, type FieldKind, u8, type ViewOf } from '@dumpstack/bytes'

export const beU16 = (offset: number): FieldKind<number> => ({
  offset,
  byteLength: 2,
  get: (view, at) => view.getUint16(at),
  set: (view, at, value) => view.setUint16(at, value),
})
export const beU32 = (offset: number): FieldKind<number> => ({
  offset,
  byteLength: 4,
  get: (view, at) => view.getUint32(at),
  set: (view, at, value) => view.setUint32(at, value),
})

// Operation codes (SPC-4 table 63, SBC-3 table 30)
export const SCSIOP_TEST_UNIT_READY = 0x00 // SPC-4 6.47
export const SCSIOP_INQUIRY = 0x12 // SPC-4 6.6
export const SCSIOP_READ_CAPACITY = 0x25 // SBC-3 5.15
export const SCSIOP_READ = 0x28 // SBC-3 5.11, READ (10)
export const SCSIOP_WRITE = 0x2a // SBC-3 5.36, WRITE (10)
export const SCSIOP_SYNCHRONIZE_CACHE = 0x35 // SBC-3 5.26
export const SCSIOP_READ16 = 0x88 // SBC-3 5.13
export const SCSIOP_WRITE16 = 0x8a // SBC-3 5.38
export const SCSIOP_SYNCHRONIZE_CACHE16 = 0x91 // SBC-3 5.27
export const SCSIOP_SERVICE_ACTION_IN16 = 0x9e // SPC-4 table 63
export const SERVICE_ACTION_READ_CAPACITY16 = 0x10 // SBC-3 5.16
export const SCSIOP_REPORT_LUNS = 0xa0 // SPC-4 6.33

/** 6-byte CDB of INQUIRY (SPC-4 6.6.1). */
export const Cdb6Inquiry = defineStruct('CDB6INQUIRY', 6, {
  operationCode: u8(0),
  /** Bit 0 EVPD. */
  flags: u8(1),
  pageCode: u8(2),
  allocationLength: beU16(3),
  control: u8(5),
})
export type Cdb6Inquiry = ViewOf<typeof Cdb6Inquiry>
export const CDB_INQUIRY_EVPD = 1 << 0

/** 10-byte CDB (READ (10), WRITE (10), READ CAPACITY (10), SYNCHRONIZE CACHE (10)). */
export const Cdb10 = defineStruct('CDB10', 10, {
  operationCode: u8(0),
  flags: u8(1),
  logicalBlock: beU32(2),
  groupNumber: u8(6),
  transferBlocks: beU16(7),
  control: u8(9),
})
export type Cdb10 = ViewOf<typeof Cdb10>

/** REPORT LUNS (SPC-4 6.33, table 287): 12 bytes. */
export const Cdb12ReportLuns = defineStruct('CDB12_REPORT_LUNS', 12, {
  operationCode: u8(0),
  selectReport: u8(2),
  allocationLength: beU32(6),
  control: u8(11),
})
export type Cdb12ReportLuns = ViewOf<typeof Cdb12ReportLuns>

/** 16-byte CDB (READ (16), WRITE (16), SYNCHRONIZE CACHE (16), SERVICE ACTION IN (16)). */
export const Cdb16 = defineStruct('CDB16', 16, {
  operationCode: u8(0),
  /** Bits 4:0 service action where the operation code has them. */
  flags: u8(1),
  logicalBlockHigh: beU32(2),
  logicalBlockLow: beU32(6),
  /** Blocks, or allocation length in bytes for SERVICE ACTION IN (16). */
  transferLength: beU32(10),
  groupNumber: u8(14),
  control: u8(15),
})
export type Cdb16 = ViewOf<typeof Cdb16>
export const CDB_SERVICE_ACTION_MASK = 0x1f

/** Standard INQUIRY data (SPC-4 6.6.2, table 142). Strings are ASCII padded with spaces. */
export const InquiryData = defineStruct('INQUIRYDATA', 36, {
  /** Bits 4:0 peripheral device type, 7:5 qualifier. */
  deviceType: u8(0),
  /** Bit 7: removable medium. */
  deviceTypeModifier: u8(1),
  version: u8(2),
  /** Bits 3:0 response data format, 2 as of SPC-2. */
  responseDataFormat: u8(3),
  additionalLength: u8(4),
  flags5: u8(5),
  flags6: u8(6),
  /** Bit 1 CMDQUE. */
  flags7: u8(7),
  vendorId: bytes(8, 8),
  productId: bytes(16, 16),
  productRevisionLevel: bytes(32, 4),
})
export type InquiryData = ViewOf<typeof InquiryData>
export const DIRECT_ACCESS_DEVICE = 0x00
export const INQUIRY_VERSION_SPC_3 = 0x05
export const INQUIRY_RESPONSE_DATA_FORMAT = 2
export const INQUIRY_CMDQUE = 1 << 1

/** Head of a vital product data page (SPC-4 7.8). */
export const VpdPageHeader = defineStruct('VPD_PAGE_HEADER', 4, {
  deviceType: u8(0),
  pageCode: u8(1),
  pageLength: beU16(2),
})
export type VpdPageHeader = ViewOf<typeof VpdPageHeader>
export const VPD_SUPPORTED_PAGES = 0x00
export const VPD_SERIAL_NUMBER = 0x80

/** READ CAPACITY (10) data (SBC-3 5.15.2). */
export const ReadCapacityData = defineStruct('READ_CAPACITY_DATA', 8, {
  /** The last LBA, 0xffffffff when it does not fit. */
  logicalBlockAddress: beU32(0),
  bytesPerBlock: beU32(4),
})
export type ReadCapacityData = ViewOf<typeof ReadCapacityData>

/** READ CAPACITY (16) data (SBC-3 5.16.2). */
export const ReadCapacity16Data = defineStruct('READ_CAPACITY16_DATA', 32, {
  logicalBlockAddressHigh: beU32(0),
  logicalBlockAddressLow: beU32(4),
  bytesPerBlock: beU32(8),
  protection: u8(12),
  /** Bits 3:0: two to this power logical blocks per physical block. */
  logicalPerPhysicalExponent: u8(13),
  lowestAlignedBlock: beU16(14),
})
export type ReadCapacity16Data = ViewOf<typeof ReadCapacity16Data>

/** REPORT LUNS data with one logical unit (SPC-4 6.33). */
export const LunList = defineStruct('LUN_LIST', 16, {
  lunListLength: beU32(0),
  lun: bytes(8, 8),
})
export type LunList = ViewOf<typeof LunList>

/** Fixed format sense data (SPC-4 4.5.3, table 53). */
export const SenseData = defineStruct('SENSE_DATA', 18, {
  /** 0x70: current errors; bit 7: INFORMATION is valid. */
  errorCode: u8(0),
  /** Bits 3:0. */
  senseKey: u8(2),
  information: beU32(3),
  /** Bytes that follow this one. */
  additionalSenseLength: u8(7),
  additionalSenseCode: u8(12),
  additionalSenseCodeQualifier: u8(13),
})
export type SenseData = ViewOf<typeof SenseData>
export const SCSI_SENSE_ERRORCODE_FIXED_CURRENT = 0x70

// Sense keys (SPC-4 table 57)
export const SCSI_SENSE_MEDIUM_ERROR = 0x03
export const SCSI_SENSE_HARDWARE_ERROR = 0x04
export const SCSI_SENSE_ILLEGAL_REQUEST = 0x05
export const SCSI_SENSE_UNIT_ATTENTION = 0x06

// Additional sense codes (SPC-4 annex F.2)
export const SCSI_ADSENSE_WRITE_ERROR = 0x0c
export const SCSI_ADSENSE_UNRECOVERED_ERROR = 0x11
export const SCSI_ADSENSE_ILLEGAL_COMMAND = 0x20
export const SCSI_ADSENSE_ILLEGAL_BLOCK = 0x21
export const SCSI_ADSENSE_INVALID_CDB = 0x24
export const SCSI_ADSENSE_INTERNAL_TARGET_FAILURE = 0x44
