// One SRB of the class driver with all that belongs to it: its extension, its scatter/gather list, its sense buffer, the addresses at
// which the miniport finds the data, and a buffer below 4 GiB for a controller that reaches no further.
import { type Gpa, gpa, gva, PAGE_SIZE, TWO_TO_32 } from '@dumpstack/bytes'
import type { Machine } from '@dumpstack/machine'
import { SCSI_SENSE_UNIT_ATTENTION, SenseData } from '@dumpstack/registers'
import type { DataWindow } from '../data-window.ts'
import type { GuestBlock } from '../miniport.ts'
import { GuestScatterGatherList, scatterGatherBytes } from '../scatter-gather.ts'
import { SrbBuilder } from '../srb-builder.ts'
import { SRB_BYTES } from '../srb-layout.ts'
import type { SrbResources, Storport } from './storport.ts'
import { endsAbove, pieceAt, pieceCount, type Transfer, transferText } from './transfer.ts'

/** What most requests need; one that needs more gets room for the largest. */
const USUAL_BYTES = 0x20000
const pagesOf = (byteLength: number): number => Math.ceil(byteLength / PAGE_SIZE) + 1

export class DiskRequest implements SrbResources {
  readonly builder: SrbBuilder
  readonly extension: GuestBlock
  readonly sense: GuestBlock
  readonly tag: number
  list: GuestScatterGatherList
  window: DataWindow
  /** The miniport has it. */
  isActive = false
  /** Since then. */
  sentNs = 0
  /** Its end is for the caller alone: it is not sent again. */
  isAwaited = false
  transfer: Transfer | null = null
  readonly #machine: Machine
  readonly #port: Storport
  #maxElements = 1
  #maxBytes = USUAL_BYTES
  #bounce: GuestBlock | null = null
  #isBounced = false

  constructor(machine: Machine, port: Storport, tag: number) {
    this.#machine = machine
    this.#port = port
    this.tag = tag
    this.builder = new SrbBuilder(port.allocate(SRB_BYTES), port.srbLayout)
    this.extension = port.allocate(port.config.srbExtensionSize)
    this.list = new GuestScatterGatherList(port.allocate(scatterGatherBytes(1)))
    this.sense = port.allocate(SenseData.size)
    this.window = port.reserveWindow(pagesOf(USUAL_BYTES))
  }

  /** It ended with news of the device, as after a change of its configuration. */
  get isUnitAttention(): boolean {
    return this.builder.hasSense && SenseData.at(this.sense.view).senseKey === SCSI_SENSE_UNIT_ATTENTION
  }

  /** In words. */
  get text(): string {
    return this.transfer === null ? 'a request that moves no data of the disk' : transferText(this.transfer)
  }

  /** Lets list, window and DataBuffer show the data of `transfer`, which this request is about to move. */
  show(transfer: Transfer): void {
    this.transfer = transfer
    this.#isBounced = !this.#port.is64Bit && endsAbove(transfer, TWO_TO_32)
    this.#makeRoom(transfer)
    this.list.clear()
    this.window.unmap()
    if (this.#isBounced) {
      if (transfer.isWrite) this.#copy(transfer)
      this.#add(this.#bounce!.gpa, transfer.byteLength)
    } else {
      for (let index = 0; index < pieceCount(transfer); index++) {
        const { gpa: at, byteLength } = pieceAt(transfer, index)
        this.#add(at, byteLength)
      }
    }
    if (this.#port.mapsBuffers) this.window.map()
    const first = this.#isBounced ? this.#bounce!.gpa : transfer.gpa
    this.builder.data(gva(this.window.addressOf(0) + BigInt(first % PAGE_SIZE)))
  }

  /** The miniport has moved the data; a read through the buffer below 4 GiB ends where it was asked for. */
  takeData(): void {
    if (this.#isBounced && !this.transfer!.isWrite) this.#copy(this.transfer!)
  }

  #add(at: Gpa, byteLength: number): void {
    this.list.append(at, byteLength)
    for (let page = at - (at % PAGE_SIZE); page < at + byteLength; page += PAGE_SIZE) this.window.add(page)
  }

  #makeRoom(transfer: Transfer): void {
    const { transferLimit } = this.#port
    if (transfer.byteLength > this.#maxBytes) {
      this.window = this.#port.reserveWindow(pagesOf(transferLimit))
      this.#maxBytes = transferLimit
      this.#bounce = null
    }
    if (!this.#isBounced && pieceCount(transfer) > this.#maxElements) {
      this.#maxElements = pagesOf(transferLimit)
      this.list = new GuestScatterGatherList(this.#port.allocate(scatterGatherBytes(this.#maxElements)))
    }
    if (this.#isBounced) this.#bounce ??= this.#port.allocate(this.#maxBytes)
  }

  /** Between the data's own place and the buffer below 4 GiB. */
  #copy(transfer: Transfer): void {
    const { ram } = this.#machine
    let at = this.#bounce!.gpa as number
    for (let index = 0; index < pieceCount(transfer); index++) {
      const piece = pieceAt(transfer, index)
      const bytes = new Uint8Array(piece.byteLength)
      ram.read(transfer.isWrite ? piece.gpa : gpa(at), bytes)
      ram.write(transfer.isWrite ? gpa(at) : piece.gpa, bytes)
      at += piece.byteLength
    }
  }
}
