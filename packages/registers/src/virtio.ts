// Virtio over PCI, the split virtqueue and the block device: OASIS Virtual I/O Device (VIRTIO) Version 1.2. Sections in brackets.
// All numbers are little-endian; the legacy interface has the guest's order, which on x86 is the same.
import { defineStruct, size64, u8, u16, u32, type ViewOf } from '@dumpstack/bytes'

// Discovery (4.1.2): a transitional device has an id of its own and the virtio device id as subsystem id (4.1.2.3)
export const VIRTIO_PCI_VENDOR_ID = 0x1af4
export const VIRTIO_PCI_DEVICE_ID_BLOCK_TRANSITIONAL = 0x1001
export const VIRTIO_PCI_DEVICE_ID_BLOCK = 0x1042
export const VIRTIO_DEVICE_ID_BLOCK = 2

/** Virtio structure capability (4.1.4); vendor specific, capability id 0x09. */
export const VirtioPciCap = defineStruct('virtio_pci_cap', 0x10, {
  capVndr: u8(0x00),
  capNext: u8(0x01),
  capLen: u8(0x02),
  cfgType: u8(0x03),
  bar: u8(0x04),
  id: u8(0x05),
  offset: u32(0x08),
  length: u32(0x0c),
})
export type VirtioPciCap = ViewOf<typeof VirtioPciCap>
export const VIRTIO_PCI_CAP_COMMON_CFG = 1
export const VIRTIO_PCI_CAP_NOTIFY_CFG = 2
export const VIRTIO_PCI_CAP_ISR_CFG = 3
export const VIRTIO_PCI_CAP_DEVICE_CFG = 4
export const VIRTIO_PCI_CAP_PCI_CFG = 5
/** After the capability: notify_off_multiplier of a notification capability (4.1.4.4), pci_cfg_data (4.1.4.9). */
export const VIRTIO_PCI_CAP_EXTRA = 0x10

// Common configuration structure (4.1.4.3)
export const VIRTIO_PCI_COMMON_DFSELECT = 0x00
export const VIRTIO_PCI_COMMON_DF = 0x04
export const VIRTIO_PCI_COMMON_GFSELECT = 0x08
export const VIRTIO_PCI_COMMON_GF = 0x0c
export const VIRTIO_PCI_COMMON_MSIX = 0x10 // 16 bits
export const VIRTIO_PCI_COMMON_NUMQ = 0x12 // 16 bits
export const VIRTIO_PCI_COMMON_STATUS = 0x14 // 8 bits
export const VIRTIO_PCI_COMMON_CFGGENERATION = 0x15 // 8 bits
export const VIRTIO_PCI_COMMON_Q_SELECT = 0x16 // 16 bits
export const VIRTIO_PCI_COMMON_Q_SIZE = 0x18 // 16 bits
export const VIRTIO_PCI_COMMON_Q_MSIX = 0x1a // 16 bits
export const VIRTIO_PCI_COMMON_Q_ENABLE = 0x1c // 16 bits
export const VIRTIO_PCI_COMMON_Q_NOFF = 0x1e // 16 bits
export const VIRTIO_PCI_COMMON_Q_DESCLO = 0x20
export const VIRTIO_PCI_COMMON_Q_DESCHI = 0x24
export const VIRTIO_PCI_COMMON_Q_AVAILLO = 0x28
export const VIRTIO_PCI_COMMON_Q_AVAILHI = 0x2c
export const VIRTIO_PCI_COMMON_Q_USEDLO = 0x30
export const VIRTIO_PCI_COMMON_Q_USEDHI = 0x34
export const VIRTIO_MSI_NO_VECTOR = 0xffff // (4.1.5.1.2.1)

// Legacy configuration structure in BAR0, without MSI-X (4.1.4.10)
export const VIRTIO_PCI_LEGACY_HOST_FEATURES = 0x00
export const VIRTIO_PCI_LEGACY_GUEST_FEATURES = 0x04
export const VIRTIO_PCI_LEGACY_QUEUE_PFN = 0x08
export const VIRTIO_PCI_LEGACY_QUEUE_NUM = 0x0c // 16 bits
export const VIRTIO_PCI_LEGACY_QUEUE_SEL = 0x0e // 16 bits
export const VIRTIO_PCI_LEGACY_QUEUE_NOTIFY = 0x10 // 16 bits
export const VIRTIO_PCI_LEGACY_STATUS = 0x12 // 8 bits
export const VIRTIO_PCI_LEGACY_ISR = 0x13 // 8 bits
export const VIRTIO_PCI_LEGACY_CONFIG = 0x14
// While MSI-X is enabled
export const VIRTIO_PCI_LEGACY_CONFIG_VECTOR = 0x14 // 16 bits
export const VIRTIO_PCI_LEGACY_QUEUE_VECTOR = 0x16 // 16 bits
export const VIRTIO_PCI_LEGACY_CONFIG_MSIX = 0x18
/** Queue Align of the legacy layout, and the unit of its queue address (2.7.2, 4.1.5.1.3.1). */
export const VIRTIO_PCI_LEGACY_QUEUE_ALIGN = 4096

// ISR status (4.1.4.5)
export const VIRTIO_PCI_ISR_QUEUE = 1 << 0
export const VIRTIO_PCI_ISR_CONFIG = 1 << 1

// Device status (2.1)
export const VIRTIO_STATUS_ACKNOWLEDGE = 1
export const VIRTIO_STATUS_DRIVER = 2
export const VIRTIO_STATUS_DRIVER_OK = 4
export const VIRTIO_STATUS_FEATURES_OK = 8
export const VIRTIO_STATUS_DEVICE_NEEDS_RESET = 64

// Feature bits 0 to 31 of the block device (5.2.3)
export const VIRTIO_BLK_F_SIZE_MAX = 1 << 1
export const VIRTIO_BLK_F_SEG_MAX = 1 << 2
export const VIRTIO_BLK_F_GEOMETRY = 1 << 4
export const VIRTIO_BLK_F_BLK_SIZE = 1 << 6
export const VIRTIO_BLK_F_FLUSH = 1 << 9
export const VIRTIO_BLK_F_TOPOLOGY = 1 << 10
export const VIRTIO_BLK_F_CONFIG_WCE = 1 << 11
export const VIRTIO_BLK_F_MQ = 1 << 12
// Reserved feature bits (6, legacy ones 6.3); VERSION_1 is bit 0 of bits 32 to 63
export const VIRTIO_F_NOTIFY_ON_EMPTY = 1 << 24
export const VIRTIO_F_ANY_LAYOUT = 1 << 27
export const VIRTIO_F_INDIRECT_DESC = 1 << 28
export const VIRTIO_F_EVENT_IDX = 1 << 29
/** Bit 30 is reserved: QEMU offers it to find drivers that accept what they do not know. */
export const VIRTIO_F_UNUSED = 1 << 30
export const VIRTIO_F_VERSION_1_HIGH = 1 << 0

/** Descriptor (2.7.5); an indirect table is made of the same (2.7.5.3). */
export const VirtqDesc = defineStruct('virtq_desc', 0x10, {
  /** A driver writes any 64 bits here: two halves, so that reading them cannot throw. */
  addrLow: u32(0x00),
  addrHigh: u32(0x04),
  len: u32(0x08),
  flags: u16(0x0c),
  next: u16(0x0e),
})
export type VirtqDesc = ViewOf<typeof VirtqDesc>
export const VIRTQ_DESC_F_NEXT = 1
export const VIRTQ_DESC_F_WRITE = 2
export const VIRTQ_DESC_F_INDIRECT = 4

// Available ring (2.7.6): flags, idx, ring of le16, used_event
export const VIRTQ_AVAIL_FLAGS = 0x00
export const VIRTQ_AVAIL_IDX = 0x02
export const VIRTQ_AVAIL_RING = 0x04
export const VIRTQ_AVAIL_ELEM_BYTES = 2
export const VIRTQ_AVAIL_F_NO_INTERRUPT = 1
// Used ring (2.7.8): flags, idx, ring of {le32 id, le32 len}, avail_event
export const VIRTQ_USED_IDX = 0x02
export const VIRTQ_USED_RING = 0x04
export const VIRTQ_USED_ELEM_BYTES = 8
/** used_event and avail_event after their rings (2.7.7, 2.7.10). */
export const VIRTQ_EVENT_BYTES = 2

/** Device configuration of the block device (5.2.4), up to and with the fields of multiple queues. */
export const VirtioBlkConfig = defineStruct('virtio_blk_config', 0x24, {
  /** In sectors of 512 bytes, whatever blk_size says. */
  capacity: size64(0x00),
  sizeMax: u32(0x08),
  segMax: u32(0x0c),
  cylinders: u16(0x10),
  heads: u8(0x12),
  sectors: u8(0x13),
  blkSize: u32(0x14),
  physicalBlockExp: u8(0x18),
  alignmentOffset: u8(0x19),
  minIoSize: u16(0x1a),
  optIoSize: u32(0x1c),
  writeback: u8(0x20),
  numQueues: u16(0x22),
})
export type VirtioBlkConfig = ViewOf<typeof VirtioBlkConfig>
/** Unit of capacity and of a request's sector (5.2.4, 5.2.6). */
export const VIRTIO_BLK_SECTOR_BYTES = 512

/** What a request begins with (5.2.6); data and one status byte follow. */
export const VirtioBlkReq = defineStruct('virtio_blk_req', 0x10, {
  type: u32(0x00),
  /** Legacy: ioprio (5.2.6.3). */
  reserved: u32(0x04),
  sectorLow: u32(0x08),
  sectorHigh: u32(0x0c),
})
export type VirtioBlkReq = ViewOf<typeof VirtioBlkReq>
export const VIRTIO_BLK_T_IN = 0
export const VIRTIO_BLK_T_OUT = 1
export const VIRTIO_BLK_T_FLUSH = 4
export const VIRTIO_BLK_T_GET_ID = 8
/** Legacy, of no meaning to devices that do not offer it (5.2.6.3). */
export const VIRTIO_BLK_T_BARRIER = 0x80000000
export const VIRTIO_BLK_ID_BYTES = 20
export const VIRTIO_BLK_S_OK = 0
export const VIRTIO_BLK_S_IOERR = 1
export const VIRTIO_BLK_S_UNSUPP = 2
