// The device's side of one split virtqueue (VIRTIO 1.2 section 2.7): takes descriptor chains off the available ring, puts
// them onto the used ring. What it refuses is what QEMU 7.2 refuses; the device is then broken until it is reset.
import { fromHalves, gpa, hex } from '@dumpstack/bytes'
import {
  VIRTIO_PCI_LEGACY_QUEUE_ALIGN,
  VIRTQ_AVAIL_ELEM_BYTES,
  VIRTQ_AVAIL_F_NO_INTERRUPT,
  VIRTQ_AVAIL_IDX,
  VIRTQ_AVAIL_RING,
  VIRTQ_DESC_F_INDIRECT,
  VIRTQ_DESC_F_NEXT,
  VIRTQ_DESC_F_WRITE,
  VIRTQ_EVENT_BYTES,
  VIRTQ_USED_ELEM_BYTES,
  VIRTQ_USED_IDX,
  VIRTQ_USED_RING,
  VirtqDesc,
} from '@dumpstack/registers'
import type { DmaRam } from '../../ram.ts'
import { MemoryClaims, type OnOverlap, type OnStore } from '../memory-claims.ts'
import type { SegmentList } from '../segment-list.ts'

/** Descriptors of one request: QEMU's limit, which an indirect table can reach. */
const MAX_CHAIN = 1024
const INDEX_MASK = 0xffff
/** What overlaps is looked for among these, and the rings of each queue after them. */
const CLAIMS = ['an indirect table']
const INDIRECT_TABLE = 0
const RINGS = ['the descriptor table', 'the available ring', 'the used ring']

/** Of all queues of a device. */
export function queueClaims(queueCount: number, onOverlap: OnOverlap): MemoryClaims {
  const queues = Array.from({ length: queueCount }, (_, index) =>
    RINGS.map((ring) => `${ring} of queue ${index}`),
  )
  return new MemoryClaims([...CLAIMS, ...queues.flat()], onOverlap)
}

/** What the available ring held: a request, nothing, or something that no driver may put there. */
export const Popped = { request: 0, empty: 1, broken: 2 } as const
export type Popped = (typeof Popped)[keyof typeof Popped]

/** Where the memory of a request goes. */
export interface Chain {
  /** Descriptor that the used ring will name. */
  head: number
  /** Descriptors, but for one that names an indirect table. */
  length: number
  /** It names an indirect table, which the driver has not agreed on: QEMU does not look. */
  hasUnagreedIndirect: boolean
  readonly readable: SegmentList
  readonly writable: SegmentList
  clear(): void
  /** One descriptor's memory, which is in RAM. */
  append(address: number, byteLength: number, isWritable: boolean): void
}

export class Virtqueue {
  readonly #ram: DmaRam
  readonly #claims: MemoryClaims
  readonly #onStore: OnStore
  readonly #bytes = new Uint8Array(VirtqDesc.size)
  readonly #descriptor = VirtqDesc.of(this.#bytes)
  readonly #u16Bytes = new Uint8Array(2)
  readonly index: number
  readonly sizeMax: number
  size: number
  /** Chains that were taken and not put back. */
  inFlight = 0
  /** VIRTIO_F_INDIRECT_DESC was agreed on. */
  hasIndirect = false
  /** It was offered. */
  offersIndirect = false
  /** VIRTIO_F_EVENT_IDX was agreed on: the rings end with used_event and avail_event. */
  hasEventIndex = false
  /** Guest addresses of descriptor table, available ring and used ring: as the driver wrote them. */
  desc = 0
  avail = 0
  used = 0
  /** Why it refused what the driver gave it, in words. */
  refusal = ''
  /** The rings are placed, and in RAM. */
  isEnabled = false
  #desc = 0
  #avail = 0
  #used = 0
  #lastAvail = 0
  #usedIndex = 0
  /** used_idx at the last decision about an interrupt; -1 before the first. */
  #signalledUsed = -1

  constructor(ram: DmaRam, claims: MemoryClaims, onStore: OnStore, index: number, sizeMax: number) {
    this.#ram = ram
    this.#claims = claims
    this.#onStore = onStore
    this.index = index
    this.size = this.sizeMax = sizeMax
  }

  reset(): void {
    this.size = this.sizeMax
    this.inFlight = 0
    this.hasEventIndex = this.hasIndirect = false
    this.desc = this.avail = this.used = 0
    this.isEnabled = false
    this.#ram.unguard(gpa(this.#used))
    this.#lastAvail = this.#usedIndex = 0
    this.#signalledUsed = -1
  }

  /** Takes the addresses as they are now; false when a ring is not in RAM. */
  enable(): boolean {
    const { size } = this
    const eventBytes = this.hasEventIndex ? VIRTQ_EVENT_BYTES : 0
    const descBytes = size * VirtqDesc.size
    const availBytes = VIRTQ_AVAIL_RING + size * VIRTQ_AVAIL_ELEM_BYTES + eventBytes
    const usedBytes = VIRTQ_USED_RING + size * VIRTQ_USED_ELEM_BYTES + eventBytes
    this.isEnabled =
      this.#ram.has(gpa(this.desc), descBytes) &&
      this.#ram.has(gpa(this.avail), availBytes) &&
      this.#ram.has(gpa(this.used), usedBytes)
    this.#ram.unguard(gpa(this.#used))
    this.#desc = this.desc
    this.#avail = this.avail
    this.#used = this.used
    const first = CLAIMS.length + this.index * RINGS.length
    this.#claims.claim(first, this.desc, descBytes)
    this.#claims.claim(first + 1, this.avail, availBytes)
    // stores into a ring that overlaps another have that cause
    if (this.#claims.claim(first + 2, this.used, usedBytes) && this.isEnabled) this.#guardUsed(usedBytes)
    return this.isEnabled || this.#refuse('a ring of the queue lies outside RAM')
  }

  /** 2.7.8: the driver only reads the used ring. */
  #guardUsed(byteLength: number): void {
    const used = this.#used
    this.#ram.guard(gpa(used), byteLength, (at) => {
      const place = `at offset ${hex(Math.max(at - used, 0))}, physical address ${hex(at)}`
      this.#onStore(
        `wrote to the used ring of queue ${this.index}, ${place}, which the device alone writes`,
        at,
      )
    })
  }

  /** The legacy layout (2.7.2): one block, the used ring on a boundary of its own. */
  enableLegacy(address: number): boolean {
    this.desc = address
    this.avail = address + this.size * VirtqDesc.size
    const availEnd = this.avail + VIRTQ_AVAIL_RING + this.size * VIRTQ_AVAIL_ELEM_BYTES + VIRTQ_EVENT_BYTES
    this.used = Math.ceil(availEnd / VIRTIO_PCI_LEGACY_QUEUE_ALIGN) * VIRTIO_PCI_LEGACY_QUEUE_ALIGN
    return this.enable()
  }

  /** The next chain. */
  pop(into: Chain): Popped {
    const available = (this.#availIndex() - this.#lastAvail) & INDEX_MASK
    if (available === 0) return Popped.empty
    if (available > this.size) {
      this.#refuse(
        `idx of the available ring is ${available} ahead, expected at most the queue's ${this.size}`,
      )
      return Popped.broken
    }
    if (this.inFlight >= this.size) {
      this.#refuse(`more requests in flight than the queue's ${this.size} entries`)
      return Popped.broken
    }
    const slot = this.#lastAvail % this.size
    const head = this.#u16(this.#avail + VIRTQ_AVAIL_RING + slot * VIRTQ_AVAIL_ELEM_BYTES)
    if (head >= this.size) {
      this.#refuse(`head ${head} in the available ring, expected below the queue's ${this.size}`)
      return Popped.broken
    }
    this.#lastAvail = (this.#lastAvail + 1) & INDEX_MASK
    into.head = head
    into.clear()
    const isWhole = this.#walk(into, head)
    this.#claims.release(INDIRECT_TABLE)
    if (!isWhole) return Popped.broken
    this.inFlight++
    return Popped.request
  }

  /** Puts a chain onto the used ring; `written` bytes of its writable part are valid. */
  push(head: number, written: number): void {
    this.inFlight--
    const entry = this.#used + VIRTQ_USED_RING + (this.#usedIndex % this.size) * VIRTQ_USED_ELEM_BYTES
    this.#ram.setU32(gpa(entry), head)
    this.#ram.setU32(gpa(entry + 4), written)
    this.#usedIndex = (this.#usedIndex + 1) & INDEX_MASK
    this.#setU16(this.#used + VIRTQ_USED_IDX, this.#usedIndex)
  }

  /** avail_event: the driver notifies for what it adds from here on (2.7.10). */
  askForNotification(): void {
    if (!this.hasEventIndex) return
    this.#setU16(this.#used + VIRTQ_USED_RING + this.size * VIRTQ_USED_ELEM_BYTES, this.#lastAvail)
  }

  get isEmpty(): boolean {
    return this.#availIndex() === this.#lastAvail
  }

  /** Whether what was put onto the used ring since the last time is to be signalled (2.7.7). */
  wantsInterrupt(): boolean {
    if (!this.hasEventIndex) return (this.#u16(this.#avail) & VIRTQ_AVAIL_F_NO_INTERRUPT) === 0
    const old = this.#signalledUsed
    this.#signalledUsed = this.#usedIndex
    if (old < 0) return true
    const event = this.#u16(this.#avail + VIRTQ_AVAIL_RING + this.size * VIRTQ_AVAIL_ELEM_BYTES)
    return ((this.#usedIndex - event - 1) & INDEX_MASK) < ((this.#usedIndex - old) & INDEX_MASK)
  }

  /** Whether the next chain that is put back will be signalled; changes nothing. */
  wantsNextInterrupt(): boolean {
    if (!this.hasEventIndex) return (this.#u16(this.#avail) & VIRTQ_AVAIL_F_NO_INTERRUPT) === 0
    const event = this.#u16(this.#avail + VIRTQ_AVAIL_RING + this.size * VIRTQ_AVAIL_ELEM_BYTES)
    return this.#signalledUsed < 0 || event === this.#usedIndex
  }

  /** A chain: readable segments, then writable ones, each in RAM; one indirect table may end it (2.7.5.3). */
  #walk(into: Chain, head: number): boolean {
    let table = this.#desc
    let entries = this.size
    let at = head
    let isIndirect = false
    /** A chain cannot be longer than its table: more is a loop. */
    let left = entries
    for (let count = 0; count < MAX_CHAIN; count++) {
      if (at >= entries) return this.#refuse(`next is descriptor ${at} in a table of ${entries}`)
      if (left-- === 0) return this.#refuse(`a chain of more than ${entries} descriptors: a loop`)
      const place = table + at * VirtqDesc.size
      if (this.#ram.read(gpa(place), this.#bytes) < VirtqDesc.size) {
        return this.#refuse(`a descriptor at ${hex(place)}, outside RAM`)
      }
      const { flags, len, next } = this.#descriptor
      const address = fromHalves(this.#descriptor.addrHigh, this.#descriptor.addrLow)
      if ((flags & VIRTQ_DESC_F_INDIRECT) !== 0) {
        if (!this.hasIndirect && !this.offersIndirect)
          return this.#refuse('an indirect descriptor, but VIRTIO_F_INDIRECT_DESC was not offered')
        into.hasUnagreedIndirect = !this.hasIndirect
        if (isIndirect) return this.#refuse('an indirect descriptor in an indirect table')
        if (len === 0 || len % VirtqDesc.size !== 0) {
          return this.#refuse(`an indirect table of ${len} bytes, expected whole descriptors`)
        }
        this.#claims.claim(INDIRECT_TABLE, address, len)
        isIndirect = true
        table = address
        entries = left = len / VirtqDesc.size
        at = 0
        continue
      }
      if (!this.#append(into, address, len, (flags & VIRTQ_DESC_F_WRITE) !== 0)) return false
      if ((flags & VIRTQ_DESC_F_NEXT) === 0) return true
      at = next
    }
    return this.#refuse(`a chain of more than ${MAX_CHAIN} descriptors`)
  }

  #refuse(reason: string): false {
    this.refusal = reason
    return false
  }

  #append(into: Chain, address: number, length: number, isWritable: boolean): boolean {
    if (length === 0) return this.#refuse('a descriptor of 0 bytes')
    if (!this.#ram.has(gpa(address), length)) {
      return this.#refuse(`${length} bytes at ${hex(address)}, outside RAM`)
    }
    if (!isWritable && into.writable.byteLength > 0) {
      return this.#refuse('device-readable memory after device-writable memory')
    }
    if (isWritable) this.#claims.write(address, length)
    into.append(address, length, isWritable)
    into.length++
    return true
  }

  #availIndex(): number {
    return this.#u16(this.#avail + VIRTQ_AVAIL_IDX)
  }

  #u16(at: number): number {
    this.#ram.read(gpa(at), this.#u16Bytes)
    return this.#u16Bytes[0]! | (this.#u16Bytes[1]! << 8)
  }

  #setU16(at: number, value: number): void {
    this.#u16Bytes[0] = value & 0xff
    this.#u16Bytes[1] = value >>> 8
    this.#ram.write(gpa(at), this.#u16Bytes)
  }
}
