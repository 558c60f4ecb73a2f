// One SRB as a disk miniport sees it: its fields and its CDB; made once per SRB, since a port uses the same SRBs again and
// again. Completion status and sense data are set here.
import { fromHalves, gva } from '@dumpstack/bytes'
import {
  SCSISTAT_CHECK_CONDITION,
  SCSISTAT_GOOD,
  ScsiRequestBlock,
  SRB_CDB,
  SRB_FLAGS_DISABLE_AUTOSENSE,
  SRB_STATUS_AUTOSENSE_VALID,
  SRB_STATUS_ERROR,
  SRB_STATUS_SUCCESS,
} from '@dumpstack/nt'
import { Cdb10, Cdb16, SCSI_SENSE_ERRORCODE_FIXED_CURRENT, SenseData } from '@dumpstack/registers'
import type { GuestBlock, PortExports } from '../../miniport.ts'

const OPERATION_CODE = SRB_CDB
const GROUP_6_CODES = 0x80 // operation codes 0x80 to 0x9f have CDBs of 16 bytes (SPC-4 table 23)

export class ScsiRequest {
  readonly block: GuestBlock
  readonly srb: ScsiRequestBlock
  readonly cdb: DataView
  readonly #cdb10: Cdb10
  readonly #cdb16: Cdb16

  constructor(block: GuestBlock) {
    this.block = block
    this.srb = ScsiRequestBlock.at(block.view)
    this.cdb = new DataView(block.view.buffer, block.view.byteOffset + SRB_CDB, 16)
    this.#cdb10 = Cdb10.at(block.view, SRB_CDB)
    this.#cdb16 = Cdb16.at(block.view, SRB_CDB)
  }

  get operationCode(): number {
    return this.block.view.getUint8(OPERATION_CODE)
  }

  /** First block of a READ or WRITE. */
  get logicalBlock(): number {
    if (this.operationCode < GROUP_6_CODES) return this.#cdb10.logicalBlock
    return fromHalves(this.#cdb16.logicalBlockHigh, this.#cdb16.logicalBlockLow)
  }

  get blockCount(): number {
    return this.operationCode < GROUP_6_CODES ? this.#cdb10.transferBlocks : this.#cdb16.transferLength
  }

  succeed(): void {
    this.srb.scsiStatus = SCSISTAT_GOOD
    this.srb.srbStatus = SRB_STATUS_SUCCESS
  }

  /** CHECK CONDITION, with sense data where the SRB has room for them and wants them. */
  checkCondition(port: PortExports, senseKey: number, additionalSense: number): void {
    this.srb.scsiStatus = SCSISTAT_CHECK_CONDITION
    this.srb.srbStatus = SRB_STATUS_ERROR
    const wantsSense = (this.srb.srbFlags & SRB_FLAGS_DISABLE_AUTOSENSE) === 0
    if (!wantsSense || this.srb.senseInfoBufferLength < SenseData.size) return
    const sense = SenseData.at(port.dereference(gva(this.srb.senseInfoBuffer), SenseData.size).view)
    sense.errorCode = SCSI_SENSE_ERRORCODE_FIXED_CURRENT
    sense.senseKey = senseKey
    sense.additionalSenseLength = SenseData.size - 8
    sense.additionalSenseCode = additionalSense
    sense.additionalSenseCodeQualifier = 0
    this.srb.srbStatus = SRB_STATUS_ERROR | SRB_STATUS_AUTOSENSE_VALID
  }
}
