// The driver's side of the split virtqueue (VIRTIO 1.2 sections 2.7.13 and 2.7.14): one descriptor a slot, which points to the
// indirect table of its request. Indexes stand in the device extension, the rings in the uncached facts.
import { setHalves } from '@dumpstack/bytes'
import {
  VIRTQ_AVAIL_ELEM_BYTES,
  VIRTQ_AVAIL_F_NO_INTERRUPT,
  VIRTQ_AVAIL_FLAGS,
  VIRTQ_AVAIL_IDX,
  VIRTQ_AVAIL_RING,
  VIRTQ_DESC_F_INDIRECT,
  VIRTQ_USED_ELEM_BYTES,
  VIRTQ_USED_IDX,
  VIRTQ_USED_RING,
  VirtqDesc,
} from '@dumpstack/registers'
import { UNCACHED_AVAIL, UNCACHED_DESCRIPTORS, UNCACHED_USED, type VirtioBlkFacts } from './layouts.ts'

const INDEX_MASK = 0xffff
const { addrLow, len, flags, next } = VirtqDesc.fields

export class Virtqueue {
  /** The uncached extension. */
  readonly #view: DataView
  readonly #facts: VirtioBlkFacts

  constructor(view: DataView, facts: VirtioBlkFacts) {
    this.#view = view
    this.#facts = facts
  }

  /** Both rings empty, as a device expects them after its reset. */
  clear(): void {
    const end = UNCACHED_USED + VIRTQ_USED_RING + this.#facts.queueSize * VIRTQ_USED_ELEM_BYTES
    new Uint8Array(this.#view.buffer, this.#view.byteOffset, end).fill(0)
    this.#facts.availIndex = 0
    this.#facts.usedIndex = 0
  }

  /** A hint that the device may ignore (2.7.7). */
  askForInterrupts(wanted: boolean): void {
    this.#view.setUint16(UNCACHED_AVAIL + VIRTQ_AVAIL_FLAGS, wanted ? 0 : VIRTQ_AVAIL_F_NO_INTERRUPT, true)
  }

  /** Makes the request of `slot` available; its ring entry first, then the index. */
  add(slot: number, table: number, tableBytes: number): void {
    const view = this.#view
    const at = UNCACHED_DESCRIPTORS + slot * VirtqDesc.size
    setHalves(view, at + addrLow.offset, table)
    view.setUint32(at + len.offset, tableBytes, true)
    view.setUint16(at + flags.offset, VIRTQ_DESC_F_INDIRECT, true)
    view.setUint16(at + next.offset, 0, true)
    const facts = this.#facts
    const { availIndex } = facts
    const entry = (availIndex % facts.queueSize) * VIRTQ_AVAIL_ELEM_BYTES
    view.setUint16(UNCACHED_AVAIL + VIRTQ_AVAIL_RING + entry, slot, true)
    facts.availIndex = (availIndex + 1) & INDEX_MASK
    view.setUint16(UNCACHED_AVAIL + VIRTQ_AVAIL_IDX, facts.availIndex, true)
  }

  /** The slot of the next request that the device has ended; -1 when there is none. */
  takeUsed(): number {
    const facts = this.#facts
    const { usedIndex } = facts
    if (this.#view.getUint16(UNCACHED_USED + VIRTQ_USED_IDX, true) === usedIndex) return -1
    const entry = (usedIndex % facts.queueSize) * VIRTQ_USED_ELEM_BYTES
    facts.usedIndex = (usedIndex + 1) & INDEX_MASK
    return this.#view.getUint32(UNCACHED_USED + VIRTQ_USED_RING + entry, true)
  }
}
