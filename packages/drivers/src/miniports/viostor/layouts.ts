// What viostor keeps in guest RAM: its device extension, its uncached extension with the virtqueue, and the part of an SRB
// extension that holds a request. Layouts are our own; the queue's are VIRTIO 1.2, sections 2.7.5 to 2.7.8.
import { array, bytes, defineStruct, size64, u8, u16, u32, u64, type ViewOf } from '@dumpstack/bytes'
import { VIRTIO_BLK_ID_BYTES, VirtioBlkReq, VirtqDesc } from '@dumpstack/spec'

export const MAXIMUM_SLOTS = 32

export const AdapterExtension = defineStruct('VIOSTOR_ADAPTER_EXTENSION', 0x180, {
  dumpMode: u8(0x00),
  isReady: u8(0x01),
  hasFlush: u8(0x02),
  /** Requests that may be in flight. */
  slots: u8(0x03),
  uncachedOffset: u32(0x04),
  queueSize: u32(0x08),
  /** Elements of one request's data. */
  segments: u32(0x0c),
  sectorBytes: u32(0x10),
  logicalPerPhysicalExponent: u32(0x14),
  sectorCount: size64(0x18),
  /** A bit for each slot that was sent and has not completed. */
  outstanding: u32(0x20),
  /** What the next entry of the available ring and of the used ring will be. */
  availIndex: u16(0x24),
  usedIndex: u16(0x26),
  serialNumber: bytes(0x28, VIRTIO_BLK_ID_BYTES),
  /** The SRB of each slot. */
  slotSrb: array(0x80, MAXIMUM_SLOTS, u64),
})
export type AdapterExtension = ViewOf<typeof AdapterExtension>
export const ADAPTER_EXTENSION_SLOT_SRB = 0x80

/** The largest queue that is used, whatever the device offers. */
export const MAXIMUM_QUEUE_SIZE = 256

// The uncached extension, from a boundary of 16 bytes on
export const UNCACHED_DESCRIPTORS = 0
export const UNCACHED_AVAIL = MAXIMUM_QUEUE_SIZE * VirtqDesc.size
export const UNCACHED_USED = UNCACHED_AVAIL + 0x210
/** The miniport's own request, and what it brings. */
export const UNCACHED_REQUEST = UNCACHED_USED + 0x810
export const UNCACHED_SERIAL_NUMBER = UNCACHED_REQUEST + 0x80
export const UNCACHED_BYTES = UNCACHED_SERIAL_NUMBER + 0x20
export const UNCACHED_ALIGNMENT = 0x10

export const MAXIMUM_TRANSFER_LENGTH = 0x20000
/** Elements of 128 KiB that start inside a page. */
export const MAXIMUM_SEGMENTS = 0x21

// A request, from a boundary of 16 bytes on: header, status, count of descriptors, indirect table
export const REQUEST_STATUS = VirtioBlkReq.size
export const REQUEST_DESCRIPTORS = REQUEST_STATUS + 4
export const REQUEST_TABLE = REQUEST_STATUS + 0x10
export const REQUEST_ALIGNMENT = 0x10
/** Header and status are descriptors too. */
export const SRB_EXTENSION_BYTES = REQUEST_TABLE + (MAXIMUM_SEGMENTS + 2) * VirtqDesc.size + REQUEST_ALIGNMENT
