// What the queue's requests do (VIRTIO 1.2 section 5.2.6): they are taken off the available ring, handed to the block device, and
// reported on the used ring.
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
import { type BlockDevice, BlockOp, BlockStatus } from '../../disk/block-device.ts'
import type { BeyondLimit } from '../../evidence.ts'
import type { ControllerParts } from '../controller-parts.ts'
import { type BlkHost, type BlkLimits, BlkRequest } from './request.ts'
import { Popped, type Virtqueue } from './virtqueue.ts'

/** The rate of the host's disk; of the order of a fast one. */
const BYTES_PER_SECOND = 2e9
/** 2.7.5.3.1 forbids it. */
const UNAGREED_INDIRECT: BeyondLimit = {
  limit: 'VIRTIO_F_INDIRECT_DESC of the driver',
  allowed: 0,
  found: 1,
  what: 'a request with an indirect descriptor',
  isTolerated: true,
}
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
  onUsed(queue: Virtqueue): void
  /** A fault reset the device. */
  onReset(): void
  /** The available ring holds what no driver may put there. */
  onBroken(reason: string): void
}

export class BlockBackend implements BlkHost {
  readonly #block: BlockDevice
  readonly #parts: ControllerParts
  readonly #queues: readonly Virtqueue[]
  readonly #limits: BlkLimits
  readonly #host: BackendHost
  readonly #free: BlkRequest[] = []
  readonly #identity: Uint8Array

  constructor(
    block: BlockDevice,
    parts: ControllerParts,
    queues: readonly Virtqueue[],
    limits: BlkLimits,
    host: BackendHost,
  ) {
    this.#block = block
    this.#parts = parts
    this.#queues = queues
    this.#limits = limits
    this.#host = host
    block.connect({
      bytesPerSecond: BYTES_PER_SECOND,
      isReady: () => host.isReady(),
      busyChanged: (isBusy) => {
        if (!isBusy) this.resume()
      },
      resetsItself: () => host.onReset(),
    })
    const { serialNumber } = block.disk
    this.#identity = new Uint8Array(VIRTIO_BLK_ID_BYTES)
    for (let i = 0; i < serialNumber.length; i++) this.#identity[i] = serialNumber.charCodeAt(i)
  }

  /** Requests in flight are gone: no data of them moves, nothing is reported. */
  drop(): void {
    this.#block.reset()
  }

  /** The driver says that the queue's available ring has something new. */
  notified(queue: Virtqueue): void {
    while (queue.isEnabled && !this.#block.isBusy && this.#host.isReady()) {
      const request = this.#free.pop() ?? new BlkRequest(this.#parts.ram, this)
      const popped = queue.pop(request)
      this.#parts.work.command(request.readable.count + request.writable.count)
      if (popped === Popped.request && request.decode()) {
        request.queue = queue
        this.#prepare(request)
        this.#block.submit(request)
        continue
      }
      this.#free.push(request)
      if (popped === Popped.empty) queue.askForNotification()
      else this.#host.onBroken(popped === Popped.broken ? queue.refusal : NO_ROOM)
      return
    }
  }

  /** The device may work again, or for the first time. */
  resume(): void {
    if (!this.#host.isReady()) return
    this.#block.resume()
    for (const queue of this.#queues) this.notified(queue)
  }

  // BlkHost

  requestDone(request: BlkRequest, status: BlockStatus): void {
    const { queue } = request
    request.setStatus(status === BlockStatus.good ? this.#finish(request) : VIRTIO_BLK_S_IOERR)
    this.#free.push(request)
    queue.push(request.head, request.writableBytes)
    this.#parts.onCompletion()
    this.#host.onUsed(queue)
  }

  /** What the block device is to do; what is refused, is not of whole sectors, or is too long, takes its time and fails. */
  #prepare(request: BlkRequest): void {
    const isTransfer = request.type === VIRTIO_BLK_T_IN
    request.byteLength = isTransfer ? request.memory().byteLength : 0
    request.op = BlockOp.other
    request.isRefused = this.#refuses(request, isTransfer)
    if (request.isRefused) return
    if (request.type === VIRTIO_BLK_T_FLUSH) request.op = BlockOp.flush
    if (!isTransfer) return
    const unit = this.#block.disk.logicalSectorBytes
    request.lba = (request.sector * VIRTIO_BLK_SECTOR_BYTES) / unit
    request.sectorCount = request.byteLength / unit
    const isWhole = Number.isInteger(request.lba) && Number.isInteger(request.sectorCount)
    if (!isWhole || request.byteLength > MAX_TRANSFER_BYTES) return
    request.op = request.isWrite ? BlockOp.write : BlockOp.read
    request.isDurable = request.isWrite && !this.#host.isWriteback()
  }

  /**
   * Whether a limit of the device is exceeded: a chain that is longer than its ring (2.7.5.3.1), more or longer segments than the
   * device announces (5.2.4). QEMU does not look; the specification has IOERR for a request that the device cannot do.
   */
  #refuses(request: BlkRequest, isTransfer: boolean): boolean {
    if (request.hasUnagreedIndirect) this.#parts.onRefused(UNAGREED_INDIRECT)
    const { segMax, sizeMax } = this.#limits
    const { length, segmentCount, longestSegment } = request
    const { size } = request.queue
    if (length > size) return this.#refuse('queue_size', size, length, `a chain of ${length} descriptors`)
    if (!isTransfer) return false
    if (segmentCount > segMax)
      return this.#refuse('seg_max', segMax, segmentCount, `a request of ${segmentCount} data segments`)
    if (sizeMax === 0 || longestSegment <= sizeMax) return false
    return this.#refuse('size_max', sizeMax, longestSegment, `a data segment of ${longestSegment} bytes`)
  }

  #refuse(limit: string, allowed: number, found: number, what: string): true {
    this.#parts.onRefused({ limit, allowed, found, what })
    return true
  }

  /** The status of a request that the block device has not failed; does what it asks beside the medium. */
  #finish(request: BlkRequest): number {
    if (request.isRefused) return VIRTIO_BLK_S_IOERR
    switch (request.type) {
      case VIRTIO_BLK_T_IN:
        return request.op === BlockOp.other ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK
      // as QEMU does, also where VIRTIO_BLK_F_FLUSH is not offered: drivers send it to each disk
      case VIRTIO_BLK_T_FLUSH:
        return VIRTIO_BLK_S_OK
      case VIRTIO_BLK_T_GET_ID:
        this.#identify(request)
        return VIRTIO_BLK_S_OK
      default:
        return VIRTIO_BLK_S_UNSUPP
    }
  }

  /** GET_ID: the serial number, NUL filled; as much of it as fits. */
  #identify(request: BlkRequest): void {
    request.writable.limit(VIRTIO_BLK_ID_BYTES)
    let at = 0
    for (const part of request.writable.parts(true)) {
      part.set(this.#identity.subarray(at, at + part.byteLength))
      at += part.byteLength
    }
  }
}
