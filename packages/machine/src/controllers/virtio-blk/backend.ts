// The block device behind the queue: takes requests, lets them end in order when they are due, moves their data between RAM and disk
// and reports them (VIRTIO 1.2 section 5.2.6). Faults of the plan show here.
import {
  VIRTIO_BLK_ID_BYTES,
  VIRTIO_BLK_S_IOERR,
  VIRTIO_BLK_S_OK,
  VIRTIO_BLK_S_UNSUPP,
  VIRTIO_BLK_SECTOR_BYTES,
  VIRTIO_BLK_T_FLUSH,
  VIRTIO_BLK_T_GET_ID,
  VIRTIO_BLK_T_IN,
} from '@dumpstack/registers'
import { ClockEvent } from '../../clock.ts'
import type { DiskMedium } from '../../disk/disk.ts'
import type { ControllerParts } from '../controller-parts.ts'
import { BlkRequest } from './request.ts'
import { Popped, type Virtqueue } from './virtqueue.ts'

/** Time before a request's data moves, and the rate of the host's disk; of the order of a fast one. */
const REQUEST_NS = 20_000
const BYTES_PER_SECOND = 2e9
const FLUSH_NS = 50_000
const NO_ROOM = 'a request without room for its header of 16 bytes and its status byte'
/** QEMU's limit of one request: what its block layer counts in an int. */
const MAX_TRANSFER_BYTES = Math.floor((2 ** 31 - 1) / VIRTIO_BLK_SECTOR_BYTES) * VIRTIO_BLK_SECTOR_BYTES

/** What the backend asks of its device. */
export interface BackendHost {
  /** The driver lets the device work, and the bus lets it reach RAM. */
  isReady(): boolean
  /** The disk's cache is write-back: a write need not reach the medium before it ends. */
  isWriteback(): boolean
  /** A request was put onto the used ring. */
  onUsed(): void
  /** The available ring holds what no driver may put there. */
  onBroken(reason: string): void
}

export class BlockBackend {
  readonly #name: string
  readonly #disk: DiskMedium
  readonly #parts: ControllerParts
  readonly #queue: Virtqueue
  readonly #host: BackendHost
  /** In the order in which they end. */
  readonly #inFlight: BlkRequest[] = []
  readonly #free: BlkRequest[] = []
  readonly #dueEvent = new ClockEvent(() => this.#endNext())
  readonly #identity: Uint8Array
  /** When the disk is free for the next request's data. */
  #busyUntilNs = 0
  /** The head of the queue is due, but the device may not work. */
  #waits = false
  #hangs = false

  constructor(name: string, disk: DiskMedium, parts: ControllerParts, queue: Virtqueue, host: BackendHost) {
    this.#name = name
    this.#disk = disk
    this.#parts = parts
    this.#queue = queue
    this.#host = host
    this.#identity = new Uint8Array(VIRTIO_BLK_ID_BYTES)
    for (let i = 0; i < disk.serialNumber.length; i++) this.#identity[i] = disk.serialNumber.charCodeAt(i)
  }

  get isIdle(): boolean {
    return this.#inFlight.length === 0
  }

  /** Requests in flight are gone: no data of them moves, nothing is reported. */
  drop(): void {
    this.#free.push(...this.#inFlight)
    this.#inFlight.length = 0
    this.#parts.clock.disarm(this.#dueEvent)
    this.#busyUntilNs = 0
    this.#waits = this.#hangs = false
  }

  /** The driver says that the available ring has something new. */
  notified(): void {
    while (this.#host.isReady()) {
      const request = this.#free.pop() ?? new BlkRequest(this.#parts.ram)
      const popped = this.#queue.pop(request, this.#inFlight.length)
      this.#parts.work.command(request.readable.count + request.writable.count)
      if (popped === Popped.request && request.decode()) {
        this.#accept(request)
        continue
      }
      this.#free.push(request)
      if (popped === Popped.empty) this.#queue.askForNotification()
      else this.#host.onBroken(popped === Popped.broken ? this.#queue.refusal : NO_ROOM)
      return
    }
  }

  /** The device may work again, or for the first time. */
  resume(): void {
    if (!this.#host.isReady()) return
    if (this.#waits) {
      this.#waits = false
      this.#endNext()
    }
    this.notified()
  }

  #accept(request: BlkRequest): void {
    const { clock, faults } = this.#parts
    const isFlush = request.type === VIRTIO_BLK_T_FLUSH
    const ready = clock.nowNs + (isFlush ? FLUSH_NS : REQUEST_NS) + faults.latencyNs(this.#name)
    const rate = Math.min(BYTES_PER_SECOND, faults.bytesPerSecond(this.#name))
    const bytes = request.type === VIRTIO_BLK_T_IN ? request.data.byteLength : 0
    request.dueNs = Math.ceil(Math.max(ready, this.#busyUntilNs) + bytes * (1e9 / rate))
    this.#busyUntilNs = request.dueNs
    this.#inFlight.push(request)
    if (this.#inFlight.length === 1) clock.arm(this.#dueEvent, request.dueNs)
  }

  #endNext(): void {
    if (this.#hangs) return
    if (!this.#host.isReady()) {
      this.#waits = true
      return
    }
    const request = this.#inFlight[0]
    if (request === undefined) return
    const isReported = this.#perform(request)
    if (this.#hangs) return
    this.#inFlight.shift()
    this.#free.push(request)
    const next = this.#inFlight[0]
    const { clock } = this.#parts
    if (next !== undefined) clock.arm(this.#dueEvent, Math.max(next.dueNs, clock.nowNs))
    if (!isReported) return
    this.#queue.push(request.head, request.writableBytes)
    this.#parts.onReported()
    this.#host.onUsed()
  }

  /** Does what the request asks and sets its status; false when its end is never reported. */
  #perform(request: BlkRequest): boolean {
    switch (request.type) {
      case VIRTIO_BLK_T_IN:
        return this.#transfer(request)
      case VIRTIO_BLK_T_FLUSH:
        this.#disk.flush()
        request.setStatus(VIRTIO_BLK_S_OK)
        return true
      case VIRTIO_BLK_T_GET_ID:
        this.#identify(request)
        return true
      default:
        request.setStatus(VIRTIO_BLK_S_UNSUPP)
        return true
    }
  }

  #transfer(request: BlkRequest): boolean {
    const { faults, dmaLog, clock, index } = this.#parts
    const { data, isWrite } = request
    const disk = this.#disk
    const diskOffset = request.sector * VIRTIO_BLK_SECTOR_BYTES
    const { byteLength } = data
    const unit = disk.logicalSectorBytes
    const isWhole = diskOffset % unit === 0 && byteLength % unit === 0
    const isInside = byteLength <= MAX_TRANSFER_BYTES && diskOffset + byteLength <= disk.image.byteLength
    if (!isWhole || !isInside) return ended(request, VIRTIO_BLK_S_IOERR)
    if (faults.badSector(this.#name, diskOffset / unit, byteLength / unit) >= 0) {
      return ended(request, VIRTIO_BLK_S_IOERR)
    }
    const fault = isWrite ? faults.nextWrite(this.#name) : null
    if (fault === 'hang') {
      this.#hangs = true
      return false
    }
    if (fault === 'transientError') return ended(request, VIRTIO_BLK_S_IOERR)
    this.#parts.work.move(byteLength)
    if (fault === 'wrongPage') data.misdirect()
    if (isWrite && fault !== 'wrongStatus') {
      disk.image.write(diskOffset, data.parts(false))
      if (!this.#host.isWriteback()) disk.flush()
    } else if (!isWrite) {
      let at = diskOffset
      for (const part of data.parts(true)) {
        disk.image.read(at, part)
        at += part.byteLength
      }
    }
    if (byteLength > 0 && fault !== 'wrongStatus') {
      dmaLog.add(index, isWrite, diskOffset, byteLength, data.first, clock.nowNs)
    }
    return fault === 'lostCompletion' ? false : ended(request, VIRTIO_BLK_S_OK)
  }

  /** GET_ID: the serial number, NUL filled; as much of it as fits. */
  #identify(request: BlkRequest): void {
    request.writable.limit(VIRTIO_BLK_ID_BYTES)
    let at = 0
    for (const part of request.writable.parts(true)) {
      part.set(this.#identity.subarray(at, at + part.byteLength))
      at += part.byteLength
    }
    request.setStatus(VIRTIO_BLK_S_OK)
  }
}

function ended(request: BlkRequest, status: number): true {
  request.setStatus(status)
  return true
}
