// IDENTIFY DEVICE data of a SATA disk (ACS-3 section 7.12.7), 512e or 4Kn.
import { highHalf } from '@dumpstack/bytes'
import {
  ATA_LOG_PAGE_BYTES,
  IDENTIFY_49_DMA,
  IDENTIFY_49_LBA,
  IDENTIFY_50_VALID,
  IDENTIFY_53_WORD_88,
  IDENTIFY_53_WORDS_64_70,
  IDENTIFY_76_NCQ,
  IDENTIFY_76_SATA_GEN1,
  IDENTIFY_76_SATA_GEN2,
  IDENTIFY_76_SATA_GEN3,
  IDENTIFY_82_POWER_MANAGEMENT,
  IDENTIFY_82_READ_LOOK_AHEAD,
  IDENTIFY_82_WRITE_CACHE,
  IDENTIFY_83_48BIT,
  IDENTIFY_83_FLUSH_CACHE,
  IDENTIFY_83_FLUSH_CACHE_EXT,
  IDENTIFY_83_VALID,
  IDENTIFY_84_GENERAL_PURPOSE_LOGGING,
  IDENTIFY_84_VALID,
  IDENTIFY_106_LONG_LOGICAL,
  IDENTIFY_106_MULTIPLE_LOGICAL,
  IDENTIFY_106_VALID,
  IDENTIFY_217_NON_ROTATING,
  IdentifyDevice,
} from '@dumpstack/registers'
import type { Disk } from './disk.ts'

const FIRMWARE_REVISION = '1.0'
const MAX_SECTORS_28 = 0x0fffffff
/** ATA8-ACS, ACS-2 and ACS-3 (word 80). */
const MAJOR_VERSION = (1 << 8) | (1 << 9) | (1 << 10)
/** Ultra DMA 0 to 6 supported, mode 6 selected (word 88). */
const ULTRA_DMA = 0x407f
const CYCLE_NS = 120

export interface IdentifySettings {
  readonly writeCache: boolean
  readonly readLookAhead: boolean
}

export function identifyDevice(
  disk: Disk,
  settings: IdentifySettings,
  { ncq, queueDepth }: { readonly ncq: 'on' | 'off'; readonly queueDepth: number },
): Uint8Array {
  const page = new Uint8Array(ATA_LOG_PAGE_BYTES)
  const words = IdentifyDevice.of(page)
  words.generalConfiguration = 0x0040 // a fixed ATA device
  words.serialNumber = ataString(disk.serialNumber, 20)
  words.firmwareRevision = ataString(FIRMWARE_REVISION, 8)
  words.modelNumber = ataString(disk.model, 40)
  words.capabilities49 = IDENTIFY_49_DMA | IDENTIFY_49_LBA
  words.capabilities50 = IDENTIFY_50_VALID
  words.fieldsValid = IDENTIFY_53_WORDS_64_70 | IDENTIFY_53_WORD_88
  words.sectorCount28 = Math.min(disk.sectorCount, MAX_SECTORS_28)
  words.multiwordDma = 0x0007
  words.pioModes = 0x0003
  words.minimumMultiwordDmaCycle = CYCLE_NS
  words.recommendedMultiwordDmaCycle = CYCLE_NS
  words.minimumPioCycle = CYCLE_NS
  words.minimumPioCycleIordy = CYCLE_NS
  words.sataCapabilities = IDENTIFY_76_SATA_GEN1 | IDENTIFY_76_SATA_GEN2 | IDENTIFY_76_SATA_GEN3
  if (ncq === 'on') {
    words.queueDepth = queueDepth - 1
    words.sataCapabilities |= IDENTIFY_76_NCQ
  }
  words.majorVersion = MAJOR_VERSION
  const commands83 = IDENTIFY_83_48BIT | IDENTIFY_83_FLUSH_CACHE | IDENTIFY_83_FLUSH_CACHE_EXT
  const commands84 = IDENTIFY_84_VALID | IDENTIFY_84_GENERAL_PURPOSE_LOGGING
  words.commandSet82 = IDENTIFY_82_POWER_MANAGEMENT | IDENTIFY_82_WRITE_CACHE | IDENTIFY_82_READ_LOOK_AHEAD
  words.commandSet83 = IDENTIFY_83_VALID | commands83
  words.commandSet84 = commands84
  words.commandSetEnabled85 =
    IDENTIFY_82_POWER_MANAGEMENT |
    (settings.writeCache ? IDENTIFY_82_WRITE_CACHE : 0) |
    (settings.readLookAhead ? IDENTIFY_82_READ_LOOK_AHEAD : 0)
  words.commandSetEnabled86 = commands83
  words.commandSetDefault87 = commands84
  words.ultraDma = ULTRA_DMA
  words.sectorCount48Low = disk.sectorCount >>> 0
  words.sectorCount48High = highHalf(disk.sectorCount)
  words.physicalLogicalSectorSize = IDENTIFY_106_VALID
  if (disk.logicalSectorBytes > 512) {
    words.physicalLogicalSectorSize |= IDENTIFY_106_LONG_LOGICAL
    words.logicalSectorWords = disk.logicalSectorBytes / 2
  }
  if (disk.physicalSectorBytes > disk.logicalSectorBytes) {
    const exponent = Math.log2(disk.physicalSectorBytes / disk.logicalSectorBytes)
    words.physicalLogicalSectorSize |= IDENTIFY_106_MULTIPLE_LOGICAL | exponent
  }
  words.logicalSectorAlignment = 0x4000 // word 209: valid, logical sector 0 starts a physical one
  words.nominalMediaRotationRate = IDENTIFY_217_NON_ROTATING
  words.integrity = 0xa5
  words.integrity |= checksum(page) << 8
  return page
}

/** The byte that makes the sum of all bytes 0; the last byte must still be 0. */
export function checksum(page: Uint8Array): number {
  let sum = 0
  for (const byte of page) sum += byte
  return -sum & 0xff
}

/** Padded with spaces, the two characters of each word swapped (ACS-3 section 3.3.10). */
function ataString(text: string, byteLength: number): Uint8Array {
  const padded = text.padEnd(byteLength)
  return Uint8Array.from({ length: byteLength }, (_, index) => padded.charCodeAt(index ^ 1))
}
