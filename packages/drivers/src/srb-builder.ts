// Fills an SRB of either kind: what class drivers and the dump port put into one. CDBs after SPC-4 and SBC-3.
import { type Gva, highHalf, lowHalf, TWO_TO_32 } from '@dumpstack/bytes'
import {
  SCSISTAT_GOOD,
  SRB_STATUS_AUTOSENSE_VALID,
  SRB_STATUS_MASK,
  scsiStatusText,
  srbStatusText,
} from '@dumpstack/nt'
import {
  Cdb6Inquiry,
  Cdb10,
  Cdb12ReportLuns,
  Cdb16,
  SCSIOP_INQUIRY,
  SCSIOP_READ,
  SCSIOP_READ_CAPACITY,
  SCSIOP_READ16,
  SCSIOP_REPORT_LUNS,
  SCSIOP_SERVICE_ACTION_IN16,
  SCSIOP_SYNCHRONIZE_CACHE,
  SCSIOP_WRITE,
  SCSIOP_WRITE16,
  SERVICE_ACTION_READ_CAPACITY16,
  senseText,
} from '@dumpstack/registers'
import type { GuestBlock } from './miniport.ts'
import type { ScsiPlace } from './runtime-stack.ts'
import type { SrbLayout } from './srb-layout.ts'

/** Views of one SRB, made once. */
export class SrbBuilder {
  readonly block: GuestBlock
  readonly #layout: SrbLayout
  readonly #view: DataView
  readonly #cdb6: Cdb6Inquiry
  readonly #cdb10: Cdb10
  readonly #cdb12: Cdb12ReportLuns
  readonly #cdb16: Cdb16

  constructor(block: GuestBlock, layout: SrbLayout) {
    this.block = block
    this.#layout = layout
    this.#view = block.view
    this.#cdb6 = Cdb6Inquiry.at(block.view, layout.cdb)
    this.#cdb10 = Cdb10.at(block.view, layout.cdb)
    this.#cdb12 = Cdb12ReportLuns.at(block.view, layout.cdb)
    this.#cdb16 = Cdb16.at(block.view, layout.cdb)
  }

  /** SRB_STATUS_*, without the bits above it. */
  get srbStatus(): number {
    return this.#view.getUint8(this.#layout.srbStatus) & SRB_STATUS_MASK
  }

  /** The miniport has filled the sense buffer. */
  get hasSense(): boolean {
    return (this.#view.getUint8(this.#layout.srbStatus) & SRB_STATUS_AUTOSENSE_VALID) !== 0
  }

  /** As the miniport leaves it: less than was asked for where it moved less. */
  get dataTransferLength(): number {
    return this.#view.getUint32(this.#layout.dataTransferLength, true)
  }

  /** SCSISTAT_* */
  get scsiStatus(): number {
    return this.#view.getUint8(this.#layout.scsiStatus)
  }

  /** How it ended: SRB status, SCSI status where it is not GOOD, and sense data where the miniport left some. */
  outcome(sense: DataView | null): string {
    const { srbStatus, scsiStatus, hasSense } = this
    const sensed = sense !== null && hasSense ? senseText(sense) : null
    const parts = [
      srbStatusText(srbStatus),
      ...(scsiStatus === SCSISTAT_GOOD ? [] : [scsiStatusText(scsiStatus)]),
      ...(sensed === null ? [] : [sensed]),
    ]
    return parts.join(', ')
  }

  /** Clears the SRB and fills what every SRB has. */
  begin(
    srbFunction: number,
    flags: number,
    byteLength: number,
    timeoutSeconds: number,
    extension: Gva,
  ): void {
    const view = this.#view
    const layout = this.#layout
    for (let at = 0; at < layout.byteLength; at += 4) view.setUint32(at, 0, true)
    layout.stamp(view, srbFunction)
    view.setUint32(layout.srbFlags, flags, true)
    view.setUint32(layout.dataTransferLength, byteLength, true)
    view.setUint32(layout.timeOutValue, timeoutSeconds, true)
    view.setBigUint64(layout.extension, extension, true)
  }

  address({ pathId, targetId, lun }: ScsiPlace): void {
    this.#view.setUint8(this.#layout.pathId, pathId)
    this.#view.setUint8(this.#layout.targetId, targetId)
    this.#view.setUint8(this.#layout.lun, lun)
  }

  data(va: Gva): void {
    this.#view.setBigUint64(this.#layout.dataBuffer, va, true)
  }

  sense(va: Gva, byteLength: number): void {
    this.#view.setBigUint64(this.#layout.senseInfoBuffer, va, true)
    this.#view.setUint8(this.#layout.senseInfoBufferLength, byteLength)
  }

  queue(action: number, tag: number): void {
    this.#layout.queue(this.#view, action, tag)
  }

  inquiry(allocationLength: number): void {
    this.#cdbLength(Cdb6Inquiry.size)
    this.#cdb6.operationCode = SCSIOP_INQUIRY
    this.#cdb6.allocationLength = allocationLength
  }

  /** SELECT REPORT 0: without well-known logical units. */
  reportLuns(allocationLength: number): void {
    this.#cdbLength(Cdb12ReportLuns.size)
    this.#cdb12.operationCode = SCSIOP_REPORT_LUNS
    this.#cdb12.allocationLength = allocationLength
  }

  readCapacity10(): void {
    this.#cdbLength(Cdb10.size)
    this.#cdb10.operationCode = SCSIOP_READ_CAPACITY
  }

  readCapacity16(allocationLength: number): void {
    this.#cdbLength(Cdb16.size)
    this.#cdb16.operationCode = SCSIOP_SERVICE_ACTION_IN16
    this.#cdb16.flags = SERVICE_ACTION_READ_CAPACITY16
    this.#cdb16.transferLength = allocationLength
  }

  synchronizeCache(): void {
    this.#cdbLength(Cdb10.size)
    this.#cdb10.operationCode = SCSIOP_SYNCHRONIZE_CACHE
  }

  /** READ or WRITE, ten bytes where the block number fits, sixteen where not. */
  transfer(isWrite: boolean, block: number, count: number): void {
    if (block + count <= TWO_TO_32) {
      this.#cdbLength(Cdb10.size)
      this.#cdb10.operationCode = isWrite ? SCSIOP_WRITE : SCSIOP_READ
      this.#cdb10.logicalBlock = block
      this.#cdb10.transferBlocks = count
    } else {
      this.#cdbLength(Cdb16.size)
      this.#cdb16.operationCode = isWrite ? SCSIOP_WRITE16 : SCSIOP_READ16
      this.#cdb16.logicalBlockHigh = highHalf(block)
      this.#cdb16.logicalBlockLow = lowHalf(block)
      this.#cdb16.transferLength = count
    }
  }

  #cdbLength(byteLength: number): void {
    this.#view.setUint8(this.#layout.cdbLength, byteLength)
  }
}
