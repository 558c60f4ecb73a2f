// ATA commands, status and IDENTIFY DEVICE data: ATA/ATAPI Command Set 3 (ACS-3, T13/2161-D).
import { bytes, defineStruct, u8, u16, u32, type ViewOf } from '@dumpstack/bytes'

// Commands (section 7)
export const ATA_READ_DMA_EXT = 0x25 // 7.21
export const ATA_READ_LOG_EXT = 0x2f // 7.24
export const ATA_WRITE_DMA_EXT = 0x35 // 7.58
export const ATA_READ_VERIFY = 0x40
export const ATA_READ_VERIFY_EXT = 0x42
export const ATA_READ_FPDMA_QUEUED = 0x60 // 7.23
export const ATA_WRITE_FPDMA_QUEUED = 0x61 // 7.60
export const ATA_READ_DMA = 0xc8
export const ATA_WRITE_DMA = 0xca
export const ATA_STANDBY_IMMEDIATE = 0xe0 // 7.50
export const ATA_IDLE_IMMEDIATE = 0xe1
export const ATA_STANDBY = 0xe2
export const ATA_IDLE = 0xe3
export const ATA_CHECK_POWER_MODE = 0xe5
export const ATA_FLUSH_CACHE = 0xe7 // 7.10
export const ATA_FLUSH_CACHE_EXT = 0xea // 7.11
export const ATA_IDENTIFY_DEVICE = 0xec // 7.12
export const ATA_IDENTIFY_PACKET_DEVICE = 0xa1 // 7.13
export const ATA_SET_FEATURES = 0xef // 7.45

// SET FEATURES subcommands (section 7.45, table 113)
export const SET_FEATURES_ENABLE_WRITE_CACHE = 0x02
export const SET_FEATURES_TRANSFER_MODE = 0x03
export const SET_FEATURES_DISABLE_READ_LOOK_AHEAD = 0x55
export const SET_FEATURES_DISABLE_WRITE_CACHE = 0x82
export const SET_FEATURES_ENABLE_READ_LOOK_AHEAD = 0xaa

// Status field (section 6.2)
export const ATA_STATUS_ERR = 1 << 0
export const ATA_STATUS_DRQ = 1 << 3
export const ATA_STATUS_DSC = 1 << 4 // obsolete since ATA-4; devices still set it
export const ATA_STATUS_DF = 1 << 5
export const ATA_STATUS_DRDY = 1 << 6
export const ATA_STATUS_BSY = 1 << 7

// Error field (section 6.3)
export const ATA_ERROR_ABRT = 1 << 2
export const ATA_ERROR_IDNF = 1 << 4
export const ATA_ERROR_UNC = 1 << 6
export const ATA_ERROR_ICRC = 1 << 7

/** Count field that CHECK POWER MODE answers: active or idle. */
export const ATA_POWER_ACTIVE = 0xff

/** Device register: the LBA bit that 48-bit and queued commands set (section 7.21.3). */
export const ATA_DEVICE_LBA = 1 << 6
/** FPDMA commands carry their tag in bits 7:3 of Count and the sector count in Features (section 7.60.3). */
export const ATA_NCQ_TAG_SHIFT = 3

// Signature of an ATA device after reset (section 9.1, table 206): Count, then LBA 7:0, 15:8, 23:16
export const ATA_SIGNATURE = 0x00000101

/** NCQ Command Error log (section A.14): read it to leave the error state of the queue. */
export const ATA_LOG_NCQ_COMMAND_ERROR = 0x10
export const ATA_LOG_PAGE_BYTES = 512

/** NCQ Command Error log page (section A.14, table A.24). */
export const NcqCommandErrorLog = defineStruct('NCQ_COMMAND_ERROR_LOG', 512, {
  /** Bits 4:0 NCQ tag, bit 7 NQ: the error came from a command that was not queued. */
  tag: u8(0),
  status: u8(2),
  error: u8(3),
  lba7to0: u8(4),
  lba15to8: u8(5),
  lba23to16: u8(6),
  device: u8(7),
  lba31to24: u8(8),
  lba39to32: u8(9),
  lba47to40: u8(10),
  count: u8(12),
  countExp: u8(13),
  /** Two's complement of the sum of bytes 0 to 510. */
  checksum: u8(511),
})
export type NcqCommandErrorLog = ViewOf<typeof NcqCommandErrorLog>
export const NCQ_ERROR_NQ = 1 << 7

/** IDENTIFY DEVICE data (section 7.12.7, table 45); word n is at byte 2n. Strings hold two swapped characters a word. */
export const IdentifyDevice = defineStruct('IDENTIFY_DEVICE_DATA', 512, {
  generalConfiguration: u16(0),
  serialNumber: bytes(10 * 2, 20),
  firmwareRevision: bytes(23 * 2, 8),
  modelNumber: bytes(27 * 2, 40),
  capabilities49: u16(49 * 2),
  capabilities50: u16(50 * 2),
  fieldsValid: u16(53 * 2),
  /** Sectors that 28-bit commands reach, at most 0x0fffffff. */
  sectorCount28: u32(60 * 2),
  multiwordDma: u16(63 * 2),
  pioModes: u16(64 * 2),
  minimumMultiwordDmaCycle: u16(65 * 2),
  recommendedMultiwordDmaCycle: u16(66 * 2),
  minimumPioCycle: u16(67 * 2),
  minimumPioCycleIordy: u16(68 * 2),
  /** Bits 4:0: queue depth minus one. */
  queueDepth: u16(75 * 2),
  sataCapabilities: u16(76 * 2),
  majorVersion: u16(80 * 2),
  commandSet82: u16(82 * 2),
  commandSet83: u16(83 * 2),
  commandSet84: u16(84 * 2),
  commandSetEnabled85: u16(85 * 2),
  commandSetEnabled86: u16(86 * 2),
  commandSetDefault87: u16(87 * 2),
  ultraDma: u16(88 * 2),
  /** Sectors that 48-bit commands reach: words 100 and 101, then 102 and 103. */
  sectorCount48Low: u32(100 * 2),
  sectorCount48High: u32(102 * 2),
  physicalLogicalSectorSize: u16(106 * 2),
  /** In words of two bytes; valid when IDENTIFY_106_LONG_LOGICAL. */
  logicalSectorWords: u32(117 * 2),
  logicalSectorAlignment: u16(209 * 2),
  nominalMediaRotationRate: u16(217 * 2),
  /** Signature 0xa5 in the low byte, checksum in the high byte: the sum of all bytes is 0. */
  integrity: u16(255 * 2),
})
export type IdentifyDevice = ViewOf<typeof IdentifyDevice>

// Bits of the words above, by word number
export const IDENTIFY_49_DMA = 1 << 8
export const IDENTIFY_49_LBA = 1 << 9
export const IDENTIFY_50_VALID = 1 << 14
export const IDENTIFY_53_WORDS_64_70 = 1 << 1
export const IDENTIFY_53_WORD_88 = 1 << 2
export const IDENTIFY_76_SATA_GEN1 = 1 << 1
export const IDENTIFY_76_SATA_GEN2 = 1 << 2
export const IDENTIFY_76_SATA_GEN3 = 1 << 3
export const IDENTIFY_76_NCQ = 1 << 8
export const IDENTIFY_82_POWER_MANAGEMENT = 1 << 3
export const IDENTIFY_82_WRITE_CACHE = 1 << 5
export const IDENTIFY_82_READ_LOOK_AHEAD = 1 << 6
export const IDENTIFY_83_48BIT = 1 << 10
export const IDENTIFY_83_FLUSH_CACHE = 1 << 12
export const IDENTIFY_83_FLUSH_CACHE_EXT = 1 << 13
export const IDENTIFY_83_VALID = 1 << 14
export const IDENTIFY_84_GENERAL_PURPOSE_LOGGING = 1 << 5
export const IDENTIFY_84_VALID = 1 << 14
/** Bits 3:0: two to this power logical sectors per physical sector. */
export const IDENTIFY_106_MULTIPLE_LOGICAL = 1 << 13
export const IDENTIFY_106_LONG_LOGICAL = 1 << 12
export const IDENTIFY_106_VALID = 1 << 14
export const IDENTIFY_217_NON_ROTATING = 1
