// Composes a block request in guest RAM: header, data, status byte, and the indirect table that describes them (VIRTIO 1.2
// sections 5.2.6 and 2.7.5.3). All that is known of a request lies there; one descriptor of the queue points to it.
import { type Gpa, gpa, setHalves } from '@dumpstack/bytes'
import {
  VIRTIO_BLK_S_OK,
  VIRTIO_BLK_SECTOR_BYTES,
  VIRTIO_BLK_T_FLUSH,
  VIRTIO_BLK_T_GET_ID,
  VIRTIO_BLK_T_IN,
  VIRTIO_BLK_T_OUT,
  VIRTQ_DESC_F_NEXT,
  VIRTQ_DESC_F_WRITE,
  VirtioBlkReq,
  VirtqDesc,
} from '@dumpstack/registers'
import type { GuestBlock, ScatterGatherList } from '../../miniport.ts'
import { ScsiRequest } from '../disk/scsi-request.ts'
import { REQUEST_ALIGNMENT, REQUEST_DESCRIPTORS, REQUEST_STATUS, REQUEST_TABLE } from './layouts.ts'

/** What no device writes: the request has not ended. */
const STATUS_PENDING = 0xff
const { addrLow, len, flags, next } = VirtqDesc.fields
const { type, reserved, sectorLow } = VirtioBlkReq.fields

export class BlkCommand {
  /** Of the indirect table. */
  readonly table: Gpa
  readonly #gpa: number
  readonly #view: DataView
  readonly #at: number

  constructor(block: GuestBlock) {
    const first = Math.ceil(block.gpa / REQUEST_ALIGNMENT) * REQUEST_ALIGNMENT
    this.#gpa = first
    this.#at = first - block.gpa
    this.#view = block.view
    this.table = gpa(first + REQUEST_TABLE)
  }

  /** A read or write; sectors are of 512 bytes, whatever the block size. */
  composeTransfer(isWrite: boolean, byteOffset: number, list: ScatterGatherList): void {
    this.#begin(isWrite ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN, byteOffset / VIRTIO_BLK_SECTOR_BYTES)
    const data = isWrite ? VIRTQ_DESC_F_NEXT : VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE
    const count = list.numberOfElements
    for (let i = 0; i < count; i++) this.#describe(i + 1, list.physicalAddress(i), list.length(i), data)
    this.#end(count + 1)
  }

  composeFlush(): void {
    this.#begin(VIRTIO_BLK_T_FLUSH, 0)
    this.#end(1)
  }

  composeGetId(address: number, byteLength: number): void {
    this.#begin(VIRTIO_BLK_T_GET_ID, 0)
    this.#describe(1, address, byteLength, VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE)
    this.#end(2)
  }

  /** Bytes of the indirect table. */
  get tableBytes(): number {
    return this.#view.getUint32(this.#at + REQUEST_DESCRIPTORS, true) * VirtqDesc.size
  }

  get isGood(): boolean {
    return this.#view.getUint8(this.#at + REQUEST_STATUS) === VIRTIO_BLK_S_OK
  }

  get isPending(): boolean {
    return this.#view.getUint8(this.#at + REQUEST_STATUS) === STATUS_PENDING
  }

  #begin(requestType: number, sector: number): void {
    const view = this.#view
    const at = this.#at
    view.setUint32(at + type.offset, requestType, true)
    view.setUint32(at + reserved.offset, 0, true)
    setHalves(view, at + sectorLow.offset, sector)
    view.setUint8(at + REQUEST_STATUS, STATUS_PENDING)
    this.#describe(0, this.#gpa, VirtioBlkReq.size, VIRTQ_DESC_F_NEXT)
  }

  #end(statusAt: number): void {
    this.#describe(statusAt, this.#gpa + REQUEST_STATUS, 1, VIRTQ_DESC_F_WRITE)
    this.#view.setUint32(this.#at + REQUEST_DESCRIPTORS, statusAt + 1, true)
  }

  #describe(index: number, address: number, byteLength: number, descriptorFlags: number): void {
    const view = this.#view
    const at = this.#at + REQUEST_TABLE + index * VirtqDesc.size
    setHalves(view, at + addrLow.offset, address)
    view.setUint32(at + len.offset, byteLength, true)
    view.setUint16(at + flags.offset, descriptorFlags, true)
    view.setUint16(at + next.offset, index + 1, true)
  }
}

/** One SRB as viostor sees it, with the request in its extension. */
export class BlkRequest extends ScsiRequest {
  readonly command: BlkCommand

  constructor(block: GuestBlock, extension: GuestBlock) {
    super(block)
    this.command = new BlkCommand(extension)
  }
}
