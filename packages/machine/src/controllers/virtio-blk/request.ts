// One request of the block device (VIRTIO 1.2 section 5.2.6): its header, its data and its status byte in guest RAM.
import { fromHalves, gpa } from '@dumpstack/bytes'
import { VIRTIO_BLK_T_BARRIER, VIRTIO_BLK_T_OUT, VirtioBlkReq } from '@dumpstack/registers'
import { BlockOp, type BlockRequest, type BlockStatus } from '../../disk/block-device.ts'
import type { DmaRam } from '../../ram.ts'
import { SegmentList } from '../segment-list.ts'
import type { Chain, Virtqueue } from './virtqueue.ts'

/** What a request asks of the queue's backend. */
export interface BlkHost {
  requestDone(request: BlkRequest, status: BlockStatus): void
}

/** What a queue's device wants of a request's memory. */
export interface BlkLimits {
  readonly segMax: number
  /** 0: any. */
  readonly sizeMax: number
}

export class BlkRequest implements Chain, BlockRequest {
  queue!: Virtqueue
  head = 0
  length = 0
  hasUnagreedIndirect = false
  /** Descriptors with data (they may hold header or status too), and the longest of them. */
  segmentCount = 0
  longestSegment = 0
  #lastWritable = 0
  /** It goes beyond a limit of the device: it will fail. */
  isRefused = false
  readonly readable: SegmentList
  readonly writable: SegmentList
  readonly #ram: DmaRam
  readonly #headerBytes = new Uint8Array(VirtioBlkReq.size)
  readonly #header = VirtioBlkReq.of(this.#headerBytes)
  readonly #statusByte = new Uint8Array(1)
  #statusAt = 0
  /** Without the direction and the legacy barrier bit. */
  type = 0
  isWrite = false
  /** In units of 512 bytes. */
  sector = 0
  /** Bytes of the device-writable part, as the used ring reports them. */
  writableBytes = 0
  op: BlockOp = BlockOp.other
  lba = 0
  sectorCount = 0
  byteLength = 0
  isDurable = false
  isPending = false
  dueNs = 0
  readonly #host: BlkHost

  constructor(ram: DmaRam, host: BlkHost) {
    this.#ram = ram
    this.#host = host
    this.readable = new SegmentList(ram)
    this.writable = new SegmentList(ram)
  }

  clear(): void {
    this.readable.clear()
    this.writable.clear()
    this.length = this.segmentCount = this.longestSegment = this.#lastWritable = 0
    this.hasUnagreedIndirect = false
  }

  append(address: number, byteLength: number, isWritable: boolean): void {
    const list = isWritable ? this.writable : this.readable
    const isHeader = !isWritable && list.byteLength + byteLength <= VirtioBlkReq.size
    list.append(address, byteLength)
    if (isWritable) this.#lastWritable = byteLength
    if (isHeader) return
    this.segmentCount++
    if (byteLength > this.longestSegment) this.longestSegment = byteLength
  }

  /** Takes header and status byte off the chain; false when it has no room for them. */
  decode(): boolean {
    this.writableBytes = this.writable.byteLength
    if (this.writableBytes === 0 || !this.readable.takeFront(this.#headerBytes)) return false
    this.#statusAt = this.writable.takeLast()
    if (this.#lastWritable === 1) this.segmentCount--
    const { type } = this.#header
    this.type = (type & ~(VIRTIO_BLK_T_OUT | VIRTIO_BLK_T_BARRIER)) >>> 0
    this.isWrite = (type & VIRTIO_BLK_T_OUT) !== 0
    this.sector = fromHalves(this.#header.sectorHigh, this.#header.sectorLow)
    return true
  }

  /** The data of a read or write. */
  memory(): SegmentList {
    return this.isWrite ? this.readable : this.writable
  }

  done(status: BlockStatus): void {
    this.#host.requestDone(this, status)
  }

  setStatus(status: number): void {
    this.#statusByte[0] = status
    this.#ram.write(gpa(this.#statusAt), this.#statusByte)
  }
}
