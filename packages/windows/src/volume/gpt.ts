// GUID partition table of the system disk: protective MBR, primary and backup header, one basic data partition at 1 MiB.
// UEFI specification 2.10, section 5: 5.2.3 protective MBR, 5.3.2 header, 5.3.3 partition entries.
import { bytes, defineStruct, size64, u8, u16, u32, utf16 } from '@dumpstack/bytes'
import type { Disk } from '@dumpstack/machine'
import { SeededChoice } from '../boot/seeded-choice.ts'
import { WindowsError } from '../errors.ts'
import { chosenGuid, guidText } from './guid.ts'

const ENTRY_COUNT = 128
const ENTRY_BYTES = 128
const ENTRIES_BYTES = ENTRY_COUNT * ENTRY_BYTES
const HEADER_BYTES = 92
const REVISION_1_0 = 0x10000
const OS_TYPE_GPT_PROTECTIVE = 0xee
const PARTITION_ALIGNMENT = 1024 * 1024
/** EBD0A0A2-B9E5-4433-87C0-68B6B72699C7 in the byte order of the disk. */
const BASIC_DATA_TYPE = Uint8Array.from([
  0xa2, 0xa0, 0xd0, 0xeb, 0xe5, 0xb9, 0x33, 0x44, 0x87, 0xc0, 0x68, 0xb6, 0xb7, 0x26, 0x99, 0xc7,
])

/** Table 5-1 and 5-2: the one record of a protective MBR. */
const ProtectiveMbr = defineStruct('MASTER_BOOT_RECORD', 512, {
  bootIndicator: u8(446),
  startingChs: bytes(447, 3),
  osType: u8(450),
  endingChs: bytes(451, 3),
  startingLba: u32(454),
  sizeInLba: u32(458),
  signature: u16(510),
})
/** Table 5-5. */
const GptHeader = defineStruct('EFI_PARTITION_TABLE_HEADER', HEADER_BYTES, {
  signature: bytes(0, 8),
  revision: u32(8),
  headerSize: u32(12),
  headerCrc32: u32(16),
  myLba: size64(24),
  alternateLba: size64(32),
  firstUsableLba: size64(40),
  lastUsableLba: size64(48),
  diskGuid: bytes(56, 16),
  partitionEntryLba: size64(72),
  numberOfPartitionEntries: u32(80),
  sizeOfPartitionEntry: u32(84),
  partitionEntryArrayCrc32: u32(88),
})
/** Table 5-6. */
const GptEntry = defineStruct('EFI_PARTITION_ENTRY', ENTRY_BYTES, {
  partitionTypeGuid: bytes(0, 16),
  uniquePartitionGuid: bytes(16, 16),
  startingLba: size64(32),
  endingLba: size64(40),
  partitionName: utf16(56, 36),
})

/** Bytes from the start of the disk. */
export interface Partition {
  readonly offset: number
  readonly byteLength: number
  readonly diskGuid: string
  readonly partitionGuid: string
}

/** Writes both tables and gives the partition for C:. Throws WindowsError DISK_SIZE when none fits. */
export function partitionDisk(
  disk: Pick<Disk, 'image' | 'logicalSectorBytes' | 'sectorCount'>,
  seed: number,
): Partition {
  const sector = disk.logicalSectorBytes
  const lastLba = disk.sectorCount - 1
  const entrySectors = ENTRIES_BYTES / sector
  const firstUsable = 2 + entrySectors
  const lastUsable = lastLba - 1 - entrySectors
  const firstLba = PARTITION_ALIGNMENT / sector
  const endLba = Math.floor(((lastUsable + 1) * sector) / PARTITION_ALIGNMENT) * firstLba
  if (endLba <= firstLba) {
    throw new WindowsError(
      'DISK_SIZE',
      `disk of ${disk.sectorCount * sector} bytes has no room for a partition at 1 MiB`,
      { sectorCount: disk.sectorCount },
    )
  }
  const choice = new SeededChoice(seed, 'partition table')
  const diskGuid = chosenGuid(choice)
  const partitionGuid = chosenGuid(choice)

  const entries = new Uint8Array(ENTRIES_BYTES)
  const entry = GptEntry.of(entries)
  entry.partitionTypeGuid = BASIC_DATA_TYPE
  entry.uniquePartitionGuid = partitionGuid
  entry.startingLba = firstLba
  entry.endingLba = endLba - 1
  entry.partitionName = 'Basic data partition'

  const table = { lastLba, firstUsable, lastUsable, diskGuid, entriesCrc: crc32(entries), sector }
  const primary = header({ ...table, at: 1, alternate: lastLba, entriesAt: 2 })
  const backup = header({ ...table, at: lastLba, alternate: 1, entriesAt: lastLba - entrySectors })
  disk.image.write(0, [protectiveMbr(sector, lastLba), primary, entries])
  disk.image.write((lastLba - entrySectors) * sector, [entries, backup])
  return {
    offset: firstLba * sector,
    byteLength: (endLba - firstLba) * sector,
    diskGuid: guidText(diskGuid),
    partitionGuid: guidText(partitionGuid),
  }
}

function protectiveMbr(sectorBytes: number, lastLba: number): Uint8Array {
  const block = new Uint8Array(sectorBytes)
  const mbr = ProtectiveMbr.of(block)
  mbr.startingChs = Uint8Array.of(0x00, 0x02, 0x00)
  mbr.osType = OS_TYPE_GPT_PROTECTIVE
  mbr.endingChs = Uint8Array.of(0xff, 0xff, 0xff)
  mbr.startingLba = 1
  mbr.sizeInLba = Math.min(lastLba, 0xffffffff)
  mbr.signature = 0xaa55
  return block
}

function header(table: {
  at: number
  alternate: number
  entriesAt: number
  firstUsable: number
  lastUsable: number
  diskGuid: Uint8Array
  entriesCrc: number
  sector: number
}): Uint8Array {
  const block = new Uint8Array(table.sector)
  const gpt = GptHeader.of(block)
  gpt.signature = new TextEncoder().encode('EFI PART')
  gpt.revision = REVISION_1_0
  gpt.headerSize = HEADER_BYTES
  gpt.myLba = table.at
  gpt.alternateLba = table.alternate
  gpt.firstUsableLba = table.firstUsable
  gpt.lastUsableLba = table.lastUsable
  gpt.diskGuid = table.diskGuid
  gpt.partitionEntryLba = table.entriesAt
  gpt.numberOfPartitionEntries = ENTRY_COUNT
  gpt.sizeOfPartitionEntry = ENTRY_BYTES
  gpt.partitionEntryArrayCrc32 = table.entriesCrc
  gpt.headerCrc32 = crc32(block.subarray(0, HEADER_BYTES)) // its own field is zero until here
  return block
}

/** CRC-32 of IEEE 802.3, reflected: polynomial 0xEDB88320. */
export function crc32(data: Uint8Array): number {
  let crc = 0xffffffff
  for (let i = 0; i < data.byteLength; i++) {
    crc ^= data[i]!
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1))
  }
  return ~crc >>> 0
}
