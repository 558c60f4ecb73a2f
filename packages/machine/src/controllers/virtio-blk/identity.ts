// What a virtio-blk-pci function says of itself: PCI configuration space with the virtio capabilities (VIRTIO 1.2 section 4.1),
// feature bits and device configuration (5.2.3, 5.2.4). Numbers are those of QEMU 7.2's virtio-blk-pci on a conventional bus
// with discard=off, write-zeroes=off, queue_reset=off.
import {
  PCI_CAPABILITY_ID_VENDOR_SPECIFIC,
  PCI_CLASS_SCSI,
  VIRTIO_BLK_F_BLK_SIZE,
  VIRTIO_BLK_F_CONFIG_WCE,
  VIRTIO_BLK_F_FLUSH,
  VIRTIO_BLK_F_GEOMETRY,
  VIRTIO_BLK_F_MQ,
  VIRTIO_BLK_F_SEG_MAX,
  VIRTIO_BLK_F_SIZE_MAX,
  VIRTIO_BLK_F_TOPOLOGY,
  VIRTIO_BLK_SECTOR_BYTES,
  VIRTIO_DEVICE_ID_BLOCK,
  VIRTIO_F_ANY_LAYOUT,
  VIRTIO_F_EVENT_IDX,
  VIRTIO_F_INDIRECT_DESC,
  VIRTIO_F_NOTIFY_ON_EMPTY,
  VIRTIO_F_UNUSED,
  VIRTIO_F_VERSION_1_HIGH,
  VIRTIO_PCI_CAP_COMMON_CFG,
  VIRTIO_PCI_CAP_DEVICE_CFG,
  VIRTIO_PCI_CAP_EXTRA,
  VIRTIO_PCI_CAP_ISR_CFG,
  VIRTIO_PCI_CAP_NOTIFY_CFG,
  VIRTIO_PCI_CAP_PCI_CFG,
  VIRTIO_PCI_DEVICE_ID_BLOCK,
  VIRTIO_PCI_DEVICE_ID_BLOCK_TRANSITIONAL,
  VIRTIO_PCI_VENDOR_ID,
  VirtioBlkConfig,
  VirtioPciCap,
} from '@dumpstack/registers'
import type { DiskMedium } from '../../disk/disk.ts'
import type { PciCapability, PciIdentity, PciWindowShape } from '../../pci.ts'
import { msixCapability } from '../msix.ts'
import { MSIX_WINDOW, msixPlace } from './msix.ts'
import type { VirtioBlkSettings } from './settings.ts'

export const LEGACY_BAR = 0
export const MODERN_BAR = 4
/** Each structure of the modern interface has 4 KiB of its own. */
export const STRUCTURE_BYTES = 0x1000
export const COMMON_AT = 0x0000
export const ISR_AT = 0x1000
export const DEVICE_AT = 0x2000
export const NOTIFY_AT = 0x3000
export const NOTIFY_OFF_MULTIPLIER = 4
export const PCI_CFG_CAPABILITY_AT = 0x84

/** The descriptors of a request's header and of its status byte. */
const HEADER_AND_STATUS = 2

/** Bits 0 to 31 that both interfaces offer. */
export function offeredFeatures(settings: VirtioBlkSettings): number {
  let features = VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_GEOMETRY | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_TOPOLOGY
  if (settings.sizeMax > 0) features |= VIRTIO_BLK_F_SIZE_MAX
  if (settings.writeCache !== 'none') features |= VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_CONFIG_WCE
  if (settings.queues > 1) features |= VIRTIO_BLK_F_MQ
  if (settings.indirect === 'on') features |= VIRTIO_F_INDIRECT_DESC
  if (settings.eventIdx === 'on') features |= VIRTIO_F_EVENT_IDX
  return features
}
/** Bits 32 to 63 of the modern interface. */
export const OFFERED_HIGH = VIRTIO_F_VERSION_1_HIGH
/** Beside those of both. */
export const OFFERED_BY_LEGACY = VIRTIO_F_NOTIFY_ON_EMPTY | VIRTIO_F_ANY_LAYOUT | VIRTIO_F_UNUSED

const GEOMETRY_HEADS = 16
const GEOMETRY_SECTORS = 63
const GEOMETRY_CYLINDERS = [2, 16383] as const

/** What QEMU gives a device that is not transitional; 4.1.2.1 only asks for revision 1 or higher. */
const MODERN_SUBSYSTEM_ID = 0x1100
const LEGACY_WINDOW: PciWindowShape = { bar: LEGACY_BAR, kind: 'io', byteLength: 64 }
const MODERN_WINDOW: PciWindowShape = {
  bar: MODERN_BAR,
  kind: 'memory64',
  isPrefetchable: true,
  byteLength: STRUCTURE_BYTES * 4,
}

const VIRTIO_CAPABILITIES = [
  pciCfgCapability(),
  capability(0x70, VIRTIO_PCI_CAP_NOTIFY_CFG, NOTIFY_AT, [NOTIFY_OFF_MULTIPLIER, 0, 0, 0]),
  capability(0x60, VIRTIO_PCI_CAP_DEVICE_CFG, DEVICE_AT),
  capability(0x50, VIRTIO_PCI_CAP_ISR_CFG, ISR_AT),
  capability(0x40, VIRTIO_PCI_CAP_COMMON_CFG, COMMON_AT),
]

export function pciIdentity(settings: VirtioBlkSettings): PciIdentity {
  const { virtio, msix } = settings
  const isModern = virtio === 'modern'
  const hasMsix = msix === 'on'
  return {
    vendorId: VIRTIO_PCI_VENDOR_ID,
    deviceId: isModern ? VIRTIO_PCI_DEVICE_ID_BLOCK : VIRTIO_PCI_DEVICE_ID_BLOCK_TRANSITIONAL,
    revisionId: isModern ? 1 : 0,
    classCode: PCI_CLASS_SCSI,
    subsystemVendorId: VIRTIO_PCI_VENDOR_ID,
    subsystemId: isModern ? MODERN_SUBSYSTEM_ID : VIRTIO_DEVICE_ID_BLOCK,
    windows: [...(isModern ? [] : [LEGACY_WINDOW]), ...(hasMsix ? [MSIX_WINDOW] : []), MODERN_WINDOW],
    capabilities: [...(hasMsix ? [msixCapability(msixPlace(settings))] : []), ...VIRTIO_CAPABILITIES],
  }
}

function capability(
  at: number,
  cfgType: number,
  offset: number,
  extra: readonly number[] = [],
): PciCapability {
  const bytes = new Uint8Array(VirtioPciCap.size + extra.length)
  const cap = VirtioPciCap.of(bytes)
  cap.capVndr = PCI_CAPABILITY_ID_VENDOR_SPECIFIC
  cap.capLen = bytes.byteLength
  cap.cfgType = cfgType
  cap.bar = MODERN_BAR
  cap.offset = offset
  cap.length = STRUCTURE_BYTES
  bytes.set(extra, VIRTIO_PCI_CAP_EXTRA)
  return { at, bytes }
}

/** The other way into a window (4.1.4.9): the driver writes bar, offset, length, then reads or writes the data after them. */
function pciCfgCapability(): PciCapability {
  const bytes = new Uint8Array(VirtioPciCap.size + 4)
  const cap = VirtioPciCap.of(bytes)
  cap.capVndr = PCI_CAPABILITY_ID_VENDOR_SPECIFIC
  cap.capLen = bytes.byteLength
  cap.cfgType = VIRTIO_PCI_CAP_PCI_CFG
  const writable = new Uint8Array(bytes.byteLength).fill(0xff, VirtioPciCap.fields.offset.offset)
  writable[VirtioPciCap.fields.bar.offset] = 0xff
  return { at: PCI_CFG_CAPABILITY_AT, bytes, writable }
}

/** The device configuration, live: the driver may change `writeback`. */
export function deviceConfig(disk: DiskMedium, settings: VirtioBlkSettings): VirtioBlkConfig {
  const config = VirtioBlkConfig.of(new Uint8Array(VirtioBlkConfig.size))
  const { logicalSectorBytes, physicalSectorBytes, image } = disk
  config.capacity = image.byteLength / VIRTIO_BLK_SECTOR_BYTES
  config.sizeMax = settings.sizeMax
  config.segMax = Math.min(settings.segMax, settings.queueSize - HEADER_AND_STATUS)
  config.blkSize = logicalSectorBytes
  config.physicalBlockExp = Math.log2(physicalSectorBytes / logicalSectorBytes)
  config.alignmentOffset = 0
  config.minIoSize = 0
  config.numQueues = settings.queues
  // QEMU's guess of a geometry; with larger blocks it keeps a cylinder's bytes (BIOS limits of 16 heads and 63 sectors)
  const perCylinder = GEOMETRY_HEADS * GEOMETRY_SECTORS * VIRTIO_BLK_SECTOR_BYTES
  const [least, most] = GEOMETRY_CYLINDERS
  config.cylinders = Math.min(most, Math.max(least, Math.floor(image.byteLength / perCylinder)))
  config.heads = GEOMETRY_HEADS
  const secsPerBlock = logicalSectorBytes / VIRTIO_BLK_SECTOR_BYTES
  config.sectors = GEOMETRY_SECTORS - (GEOMETRY_SECTORS % secsPerBlock)
  return config
}
