// Composes an NVM command in an SRB extension: the submission entry, and the PRP list where the data is on more than two pages (NVM
// Express 1.4 sections 4.3 and 6). All that is known of a request lies there; its entry is copied into a queue when it has a slot.
import { highHalf, lowHalf, PAGE_SIZE, setHalves } from '@dumpstack/bytes'
import {
  NVME_NVM_FLUSH,
  NVME_NVM_READ,
  NVME_NVM_WRITE,
  NVME_PRP_ENTRY_BYTES,
  NvmeCommand,
} from '@dumpstack/registers'
import type { GuestBlock, ScatterGatherList } from '../../miniport.ts'
import { ScsiRequest } from '../disk/scsi-request.ts'
import { PRP_LIST_BYTES, REQUEST_COMMAND } from './layouts.ts'

export const NSID = 1
const { prp1Low, prp2Low } = NvmeCommand.fields

export class NvmeSrbCommand {
  readonly #view: DataView
  /** Where the PRP list is, in guest RAM and in the block. */
  readonly #list: number
  readonly #listAt: number
  readonly #at: number
  readonly #entry: NvmeCommand
  readonly bytes: Uint8Array

  constructor(block: GuestBlock) {
    this.#list = Math.ceil(block.gpa / PRP_LIST_BYTES) * PRP_LIST_BYTES
    this.#listAt = this.#list - block.gpa
    this.#at = this.#listAt + REQUEST_COMMAND
    this.#view = block.view
    this.#entry = NvmeCommand.at(block.view, this.#at)
    this.bytes = new Uint8Array(block.view.buffer, block.view.byteOffset + this.#at, NvmeCommand.size)
  }

  composeFlush(): void {
    this.#begin(NVME_NVM_FLUSH)
  }

  /** A read or write of `count` blocks of at least one byte. */
  composeTransfer(isWrite: boolean, sector: number, count: number, list: ScatterGatherList): void {
    this.#begin(isWrite ? NVME_NVM_WRITE : NVME_NVM_READ)
    const entry = this.#entry
    entry.cdw10 = lowHalf(sector)
    entry.cdw11 = highHalf(sector)
    entry.cdw12 = count - 1
    this.#describe(list)
  }

  /** Each page of the data is one PRP entry: the first may begin inside its page, all others begin with it. */
  #describe(list: ScatterGatherList): void {
    const view = this.#view
    let pages = 0
    for (let index = 0; index < list.numberOfElements; index++) {
      let at: number = list.physicalAddress(index)
      const end = at + list.length(index)
      for (; at < end; at = Math.floor(at / PAGE_SIZE + 1) * PAGE_SIZE) {
        const place =
          pages === 0 ? this.#at + prp1Low.offset : this.#listAt + (pages - 1) * NVME_PRP_ENTRY_BYTES
        setHalves(view, place, at)
        pages++
      }
    }
    // two pages need no list
    const second = pages === 2 ? view.getUint32(this.#listAt, true) : lowHalf(this.#list)
    const secondHigh = pages === 2 ? view.getUint32(this.#listAt + 4, true) : highHalf(this.#list)
    view.setUint32(this.#at + prp2Low.offset, pages < 2 ? 0 : second, true)
    view.setUint32(this.#at + prp2Low.offset + 4, pages < 2 ? 0 : secondHigh, true)
  }

  #begin(opcode: number): void {
    this.bytes.fill(0)
    this.#entry.opcode = opcode
    this.#entry.nsid = NSID
  }
}

/** One SRB as stornvme sees it, with the command in its extension. */
export class NvmeRequest extends ScsiRequest {
  readonly command: NvmeSrbCommand

  constructor(block: GuestBlock, extension: GuestBlock) {
    super(block)
    this.command = new NvmeSrbCommand(extension)
  }
}
