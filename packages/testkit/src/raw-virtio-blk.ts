// A raw virtio-blk driver for tests: finds the device's structures and writes every register, descriptor and ring entry by literal
// offset (VIRTIO 1.2 sections 2.7, 4.1.4, 5.2.6), so that it shares no table with a controller or a miniport. It drives the
// modern interface in memory or the legacy one in ports, on the embedded machine or on QEMU.
import type { RawSegment } from './raw-ahci.ts'
import type { RawBus } from './raw-bus.ts'

export interface RawBlkRequest {
  readonly type: number
  readonly sector?: number
  /** Memory the device reads, after the header. */
  readonly out?: readonly RawSegment[]
  /** Memory the device writes, before the status byte. */
  readonly into?: readonly RawSegment[]
  /** The chain in a table of its own (2.7.5.3). */
  readonly indirect?: boolean
}
export interface RawDescriptor {
  readonly addr: number
  readonly len: number
  readonly flags: number
  readonly next: number
}
export interface RawUsed {
  readonly id: number
  readonly len: number
}

const NEXT = 1
const WRITE = 2
const INDIRECT = 4
const QUEUE = 256
// In the driver's memory: the legacy layout of its entries, which the modern interface can have too; headers and indirect tables
// after it, where a queue of 256 ends
const HEADERS = 0x4000
const TABLES = 0x8000
const TABLE_BYTES = 0x200
const PAGE = 0x1000

const alignUp = (at: number): number => Math.ceil(at / PAGE) * PAGE

export class RawVirtioBlk {
  readonly bus: RawBus
  readonly bdf: number
  readonly isLegacy: boolean
  /** 4 KiB aligned, 64 KiB (more for a queue of more than 256): rings, request headers and statuses, indirect tables. */
  readonly memory: number
  /** The queue that it uses. */
  readonly queue: number
  readonly port: number
  readonly #bar: number
  readonly #structures = new Map<number, number>()
  #notifyMultiplier = 0
  #size = QUEUE
  #avail = 0
  #used = 0
  /** The offset of headers and tables past those of a queue of 256. */
  #behind = 0
  #nextDescriptor = 0
  #availIndex = 0
  #usedIndex = 0

  constructor(bus: RawBus, bdf: number, memory: number, isLegacy: boolean, queue = 0) {
    this.bus = bus
    this.bdf = bdf
    this.memory = memory
    this.isLegacy = isLegacy
    this.queue = queue
    this.#layOut(QUEUE)
    this.port = bus.config32(bdf, 0x10) & 0xfffc
    this.#bar = (bus.config32(bdf, 0x20) & 0xfffffff0) >>> 0
    for (let at = bus.config32(bdf, 0x34) & 0xff; at !== 0; at = (bus.config32(bdf, at) >>> 8) & 0xff) {
      const head = bus.config32(bdf, at)
      if ((head & 0xff) !== 0x09) continue
      const type = head >>> 24
      this.#structures.set(type, bus.config32(bdf, at + 8))
      if (type === 2) this.#notifyMultiplier = bus.config32(bdf, at + 16)
    }
  }

  /** A register of the common configuration. */
  common(offset: number, size: number): number {
    return this.bus.readRegister(this.#at(1) + offset, size)
  }
  setCommon(offset: number, size: number, value: number): void {
    this.bus.writeRegister(this.#at(1) + offset, size, value)
  }
  device(offset: number, size: number): number {
    return this.isLegacy
      ? this.bus.readPort(this.port + 20 + offset, size)
      : this.bus.readRegister(this.#at(4) + offset, size)
  }
  setDevice(offset: number, size: number, value: number): void {
    if (this.isLegacy) this.bus.writePort(this.port + 20 + offset, size, value)
    else this.bus.writeRegister(this.#at(4) + offset, size, value)
  }
  get status(): number {
    return this.isLegacy ? this.bus.readPort(this.port + 18, 1) : this.common(0x14, 1)
  }
  set status(value: number) {
    if (this.isLegacy) this.bus.writePort(this.port + 18, 1, value)
    else this.setCommon(0x14, 1, value)
  }
  /** Reading clears it. */
  isr(): number {
    return this.isLegacy ? this.bus.readPort(this.port + 19, 1) : this.bus.readRegister(this.#at(3), 1)
  }
  offered(): [low: number, high: number] {
    if (this.isLegacy) return [this.bus.readPort(this.port, 4), 0]
    this.setCommon(0, 4, 0)
    const low = this.common(4, 4)
    this.setCommon(0, 4, 1)
    return [low, this.common(4, 4)]
  }

  reset(): void {
    this.status = 0
    this.waitUntil('device status reads 0', () => this.status === 0)
  }

  /**
   * Section 3.1.1 up to DRIVER_OK; features are those of bits 0 to 31, a modern driver adds VERSION_1. `others` are further queues of
   * the same device.
   */
  start(
    features: number,
    options: { version1?: boolean; queueSize?: number; others?: readonly RawVirtioBlk[] } = {},
  ): void {
    this.reset()
    this.status = 1
    this.status = 3
    this.negotiate(features, options.version1 ?? !this.isLegacy)
    for (const queue of [this, ...(options.others ?? [])]) queue.placeQueue(options.queueSize)
    this.status = this.isLegacy ? 7 : 0xf
  }

  negotiate(features: number, version1: boolean): void {
    if (this.isLegacy) {
      this.bus.writePort(this.port + 4, 4, features)
      return
    }
    this.setCommon(8, 4, 0)
    this.setCommon(12, 4, features)
    this.setCommon(8, 4, 1)
    this.setCommon(12, 4, version1 ? 1 : 0)
    this.status = 0xb
  }

  /** What the device says of its ring, or fewer entries of it. */
  placeQueue(wanted?: number): void {
    if (this.isLegacy) this.bus.writePort(this.port + 14, 2, this.queue)
    else this.setCommon(0x16, 2, this.queue)
    const size = this.isLegacy ? this.bus.readPort(this.port + 12, 2) : this.common(0x18, 2)
    this.#layOut(this.isLegacy ? size : (wanted ?? size))
    this.#nextDescriptor = this.#availIndex = this.#usedIndex = 0
    this.bus.writeRam(this.memory, new Uint8Array(HEADERS + this.#behind))
    if (this.isLegacy) {
      this.bus.writePort(this.port + 8, 4, this.memory / PAGE)
      return
    }
    this.setCommon(0x18, 2, this.#size)
    for (const [field, at] of [
      [0x20, this.memory],
      [0x28, this.#avail],
      [0x30, this.#used],
    ] as const) {
      this.setCommon(field, 4, at % 2 ** 32)
      this.setCommon(field + 4, 4, Math.floor(at / 2 ** 32))
    }
    this.setCommon(0x1c, 2, 1)
  }

  /** Section 2.7.2: the used ring is on a page of its own. */
  #layOut(size: number): void {
    this.#size = size
    this.#avail = this.memory + size * 16
    this.#used = alignUp(this.#avail + 6 + size * 2)
    this.#behind = Math.max(0, alignUp(this.#used + 6 + size * 8) - this.memory - HEADERS)
  }

  /** Puts a request into the descriptor table and onto the available ring; returns its first descriptor. The device is not notified. */
  submit(request: RawBlkRequest): number {
    const { out = [], into = [] } = request
    const head = this.#nextDescriptor
    const header = this.headerAt(head)
    const bytes = new DataView(new ArrayBuffer(17))
    bytes.setUint32(0, request.type, true)
    bytes.setBigUint64(8, BigInt(request.sector ?? 0), true)
    bytes.setUint8(16, 0xff)
    this.bus.writeRam(header, new Uint8Array(bytes.buffer))
    const chain = [
      { addr: header, len: 16, flags: 0 },
      ...out.map(({ at, byteLength }) => ({ addr: at, len: byteLength, flags: 0 })),
      ...into.map(({ at, byteLength }) => ({ addr: at, len: byteLength, flags: WRITE })),
      { addr: header + 16, len: 1, flags: WRITE },
    ]
    if (request.indirect === true) {
      const table = this.memory + this.#behind + TABLES + (head % 64) * TABLE_BYTES
      this.#chain(table, 0, chain)
      this.setDescriptor(head, { addr: table, len: chain.length * 16, flags: INDIRECT, next: 0 })
    } else this.#chain(this.memory, head, chain)
    this.#nextDescriptor = head + (request.indirect === true ? 1 : chain.length)
    this.makeAvailable(head)
    return head
  }

  setDescriptor(index: number, descriptor: RawDescriptor, table = this.memory): void {
    const bytes = new DataView(new ArrayBuffer(16))
    bytes.setBigUint64(0, BigInt(descriptor.addr), true)
    bytes.setUint32(8, descriptor.len, true)
    bytes.setUint16(12, descriptor.flags, true)
    bytes.setUint16(14, descriptor.next, true)
    this.bus.writeRam(table + index * 16, new Uint8Array(bytes.buffer))
  }

  makeAvailable(head: number): void {
    this.#setU16(this.#avail + 4 + (this.#availIndex % this.#size) * 2, head)
    this.setAvailIndex(this.#availIndex + 1)
  }
  setAvailIndex(value: number): void {
    this.#availIndex = value & 0xffff
    this.#setU16(this.#avail + 2, this.#availIndex)
  }
  setAvailFlags(value: number): void {
    this.#setU16(this.#avail, value)
  }
  setUsedEvent(value: number): void {
    this.#setU16(this.#avail + 4 + this.#size * 2, value)
  }
  availEvent(): number {
    return this.#u16(this.#used + 4 + this.#size * 8)
  }
  usedIndex(): number {
    return this.#u16(this.#used + 2)
  }

  notify(queue = this.queue): void {
    if (this.isLegacy) this.bus.writePort(this.port + 16, 2, queue)
    else this.bus.writeRegister(this.#at(2) + queue * this.#notifyMultiplier, 2, queue)
  }

  /** The next entry of the used ring. */
  takeUsed(): RawUsed {
    this.waitUntil('the used ring has an entry', () => this.usedIndex() !== this.#usedIndex)
    const bytes = new Uint8Array(8)
    this.bus.readRam(this.#used + 4 + (this.#usedIndex % this.#size) * 8, bytes)
    this.#usedIndex = (this.#usedIndex + 1) & 0xffff
    const view = new DataView(bytes.buffer)
    return { id: view.getUint32(0, true), len: view.getUint32(4, true) }
  }

  /** One request from begin to end; its status byte and the length in the used ring. */
  run(request: RawBlkRequest): { status: number; len: number } {
    this.#nextDescriptor = 0
    const head = this.submit(request)
    this.notify()
    const { len } = this.takeUsed()
    return { status: this.statusOf(head), len }
  }

  /** Descriptors are taken from the first one again. */
  rewind(): void {
    this.#nextDescriptor = 0
  }

  headerAt(head: number): number {
    return this.memory + this.#behind + HEADERS + head * 32
  }
  statusOf(head: number): number {
    const bytes = new Uint8Array(1)
    this.bus.readRam(this.headerAt(head) + 16, bytes)
    return bytes[0]!
  }

  waitUntil(what: string, isSo: () => boolean): void {
    for (let tries = 0; tries < 2000; tries++) {
      if (isSo()) return
      this.bus.stall(500)
    }
    throw new Error(`timed out while waiting until ${what}`)
  }

  #chain(table: number, first: number, chain: readonly Omit<RawDescriptor, 'next'>[]): void {
    chain.forEach((descriptor, i) => {
      const isLast = i === chain.length - 1
      const flags = descriptor.flags | (isLast ? 0 : NEXT)
      this.setDescriptor(first + i, { ...descriptor, flags, next: isLast ? 0 : first + i + 1 }, table)
    })
  }

  #at(type: number): number {
    return this.#bar + this.#structures.get(type)!
  }

  #u16(at: number): number {
    const bytes = new Uint8Array(2)
    this.bus.readRam(at, bytes)
    return new DataView(bytes.buffer).getUint16(0, true)
  }
  #setU16(at: number, value: number): void {
    this.bus.writeRam(at, Uint8Array.of(value & 0xff, value >>> 8))
  }
}
