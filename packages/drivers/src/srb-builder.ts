// Fills a SCSI_REQUEST_BLOCK: what class drivers and the dump port put into one. CDBs after SPC-4 and SBC-3.
import type { Gva } from '@dumpstack/bytes'
import { ScsiRequestBlock, SRB_CDB } from '@dumpstack/nt'
import {
  Cdb6Inquiry,
  Cdb10,
  Cdb16,
  SCSIOP_INQUIRY,
  SCSIOP_READ,
  SCSIOP_READ_CAPACITY,
  SCSIOP_READ16,
  SCSIOP_SERVICE_ACTION_IN16,
  SCSIOP_SYNCHRONIZE_CACHE,
  SCSIOP_WRITE,
  SCSIOP_WRITE16,
  SERVICE_ACTION_READ_CAPACITY16,
} from '@dumpstack/spec'
import type { GuestBlock } from './miniport.ts'

const TWO_TO_32 = 0x100000000

/** Views of one SRB, made once. */
export class SrbBuilder {
  readonly block: GuestBlock
  readonly srb: ScsiRequestBlock
  readonly #cdb6: Cdb6Inquiry
  readonly #cdb10: Cdb10
  readonly #cdb16: Cdb16

  constructor(block: GuestBlock) {
    this.block = block
    this.srb = ScsiRequestBlock.at(block.view)
    this.#cdb6 = Cdb6Inquiry.at(block.view, SRB_CDB)
    this.#cdb10 = Cdb10.at(block.view, SRB_CDB)
    this.#cdb16 = Cdb16.at(block.view, SRB_CDB)
  }

  /** Clears the SRB and fills what every SRB has. */
  begin(
    srbFunction: number,
    flags: number,
    byteLength: number,
    timeoutSeconds: number,
    extension: Gva,
  ): void {
    const { view } = this.block
    for (let at = 0; at < ScsiRequestBlock.size; at += 4) view.setUint32(at, 0, true)
    const { srb } = this
    srb.length = ScsiRequestBlock.size
    srb.function = srbFunction
    srb.srbFlags = flags
    srb.dataTransferLength = byteLength
    srb.timeOutValue = timeoutSeconds
    srb.srbExtension = extension
  }

  inquiry(allocationLength: number): void {
    this.srb.cdbLength = Cdb6Inquiry.size
    this.#cdb6.operationCode = SCSIOP_INQUIRY
    this.#cdb6.allocationLength = allocationLength
  }

  readCapacity10(): void {
    this.srb.cdbLength = Cdb10.size
    this.#cdb10.operationCode = SCSIOP_READ_CAPACITY
  }

  readCapacity16(allocationLength: number): void {
    this.srb.cdbLength = Cdb16.size
    this.#cdb16.operationCode = SCSIOP_SERVICE_ACTION_IN16
    this.#cdb16.flags = SERVICE_ACTION_READ_CAPACITY16
    this.#cdb16.transferLength = allocationLength
  }

  synchronizeCache(): void {
    this.srb.cdbLength = Cdb10.size
    this.#cdb10.operationCode = SCSIOP_SYNCHRONIZE_CACHE
  }

  /** READ or WRITE, ten bytes where the block number fits, sixteen where not. */
  transfer(isWrite: boolean, block: number, count: number): void {
    if (block + count <= TWO_TO_32) {
      this.srb.cdbLength = Cdb10.size
      this.#cdb10.operationCode = isWrite ? SCSIOP_WRITE : SCSIOP_READ
      this.#cdb10.logicalBlock = block
      this.#cdb10.transferBlocks = count
    } else {
      this.srb.cdbLength = Cdb16.size
      this.#cdb16.operationCode = isWrite ? SCSIOP_WRITE16 : SCSIOP_READ16
      this.#cdb16.logicalBlockHigh = Math.floor(block / TWO_TO_32)
      this.#cdb16.logicalBlockLow = block % TWO_TO_32
      this.#cdb16.transferLength = count
    }
  }
}
