// What viostor keeps in guest RAM: its device extension, its uncached extension with the virtqueue, and the part of an SRB
// extension that holds a request. Layouts are our own; the queue's are VIRTIO 1.2, sections 2.7.5 to 2.7.8.
import { bytes, defineStruct, u8, u16, u32, type ViewOf } from '@dumpstack/bytes'
import { VIRTIO_BLK_ID_BYTES, VirtioBlkReq, VirtqDesc } from '@dumpstack/registers'
import { MAX_PHYSICAL_BREAKS, OWN_FACTS_BYTES } from '../disk/layouts.ts'

/** The miniport's own part of the device extension. */
export const VirtioBlkFacts = defineStruct('VIOSTOR_ADAPTER_FACTS', OWN_FACTS_BYTES, {
  hasFlush: u8(0x00),
  queueSize: u32(0x04),
  /** Elements of one request's data. */
  segments: u32(0x08),
  /** What the next entry of the available ring and of the used ring will be. */
  availIndex: u16(0x0c),
  usedIndex: u16(0x0e),
  serialNumber: bytes(0x10, VIRTIO_BLK_ID_BYTES),
})
export type VirtioBlkFacts = ViewOf<typeof VirtioBlkFacts>

/** The largest queue that is used, whatever the device offers. */
export const MAX_QUEUE_SIZE = 256

// The uncached extension, from a boundary of 16 bytes on
export const UNCACHED_DESCRIPTORS = 0
export const UNCACHED_AVAIL = MAX_QUEUE_SIZE * VirtqDesc.size
export const UNCACHED_USED = UNCACHED_AVAIL + 0x210
/** The miniport's own request, and what it brings. */
export const UNCACHED_REQUEST = UNCACHED_USED + 0x810
export const UNCACHED_REQUEST_BYTES = 0x80
export const UNCACHED_SERIAL_NUMBER = UNCACHED_REQUEST + UNCACHED_REQUEST_BYTES
export const UNCACHED_BYTES = UNCACHED_SERIAL_NUMBER + 0x20
export const UNCACHED_ALIGNMENT = 0x10

// A request, from a boundary of 16 bytes on: header, status, count of descriptors, indirect table
export const REQUEST_STATUS = VirtioBlkReq.size
export const REQUEST_DESCRIPTORS = REQUEST_STATUS + 4
export const REQUEST_TABLE = REQUEST_STATUS + 0x10
export const REQUEST_ALIGNMENT = 0x10
/** Header and status are descriptors too. */
export const SRB_EXTENSION_BYTES =
  REQUEST_TABLE + (MAX_PHYSICAL_BREAKS + 2) * VirtqDesc.size + REQUEST_ALIGNMENT
