// Where the two kinds of SRB keep the same things: SCSI_REQUEST_BLOCK, and STORAGE_REQUEST_BLOCK with a BTL8 address and one
// SCSI CDB after it. A port gives a miniport the newer kind where its SrbTypeFlags take it (storport.h).
import {
  ScsiRequestBlock,
  SRB_EX_DATA_SCSI_CDB16_LENGTH,
  SRB_EX_DATA_TYPE_SCSI_CDB16,
  SRB_FUNCTION_EXECUTE_SCSI,
  SRB_FUNCTION_STORAGE_REQUEST_BLOCK,
  SRB_SIGNATURE,
  SRB_TYPE_FLAG_STORAGE_REQUEST_BLOCK,
  SrbExDataScsiCdb16,
  STOR_ADDR_BTL8_ADDRESS_LENGTH,
  STOR_ADDRESS_TYPE_BTL8,
  STORAGE_REQUEST_BLOCK_VERSION_1,
  StorAddressBtl8,
  StorageRequestBlock,
} from '@dumpstack/nt'

// Its own layout of what follows the structure; the smallest that compiled miniports were seen to work with.
const ADDRESS_AT = StorageRequestBlock.size
const CDB_DATA_AT = 0x90
const STORAGE_BYTES = 0xc0

/** Offsets from the start of the SRB. */
export interface SrbLayout {
  readonly byteLength: number
  readonly srbStatus: number
  readonly srbFlags: number
  readonly dataTransferLength: number
  readonly timeOutValue: number
  readonly dataBuffer: number
  readonly extension: number
  readonly pathId: number
  readonly targetId: number
  readonly lun: number
  readonly scsiStatus: number
  readonly cdb: number
  readonly cdbLength: number
  readonly senseInfoBuffer: number
  readonly senseInfoBufferLength: number
  functionOf(view: DataView): number
  /** What every SRB of the kind has, over zeros. */
  stamp(view: DataView, srbFunction: number): void
  /** SRB_SIMPLE_TAG_REQUEST and the like; `tag` tells the requests apart. */
  queue(view: DataView, action: number, tag: number): void
}

const scsi = ScsiRequestBlock.fields
const SCSI_SRB: SrbLayout = {
  byteLength: ScsiRequestBlock.size,
  srbStatus: scsi.srbStatus.offset,
  srbFlags: scsi.srbFlags.offset,
  dataTransferLength: scsi.dataTransferLength.offset,
  timeOutValue: scsi.timeOutValue.offset,
  dataBuffer: scsi.dataBuffer.offset,
  extension: scsi.srbExtension.offset,
  pathId: scsi.pathId.offset,
  targetId: scsi.targetId.offset,
  lun: scsi.lun.offset,
  scsiStatus: scsi.scsiStatus.offset,
  cdb: scsi.cdb.offset,
  cdbLength: scsi.cdbLength.offset,
  senseInfoBuffer: scsi.senseInfoBuffer.offset,
  senseInfoBufferLength: scsi.senseInfoBufferLength.offset,
  functionOf: (view) => view.getUint8(scsi.function.offset),
  stamp(view, srbFunction) {
    view.setUint16(scsi.length.offset, ScsiRequestBlock.size, true)
    view.setUint8(scsi.function.offset, srbFunction)
  },
  queue(view, action, tag) {
    view.setUint8(scsi.queueAction.offset, action)
    view.setUint8(scsi.queueTag.offset, tag)
  },
}

const storage = StorageRequestBlock.fields
const address = StorAddressBtl8.fields
const cdb16 = SrbExDataScsiCdb16.fields
const STORAGE_SRB: SrbLayout = {
  byteLength: STORAGE_BYTES,
  srbStatus: storage.srbStatus.offset,
  srbFlags: storage.srbFlags.offset,
  dataTransferLength: storage.dataTransferLength.offset,
  timeOutValue: storage.timeOutValue.offset,
  dataBuffer: storage.dataBuffer.offset,
  extension: storage.miniportContext.offset,
  pathId: ADDRESS_AT + address.path.offset,
  targetId: ADDRESS_AT + address.target.offset,
  lun: ADDRESS_AT + address.lun.offset,
  scsiStatus: CDB_DATA_AT + cdb16.scsiStatus.offset,
  cdb: CDB_DATA_AT + cdb16.cdb.offset,
  cdbLength: CDB_DATA_AT + cdb16.cdbLength.offset,
  senseInfoBuffer: CDB_DATA_AT + cdb16.senseInfoBuffer.offset,
  senseInfoBufferLength: CDB_DATA_AT + cdb16.senseInfoBufferLength.offset,
  functionOf: (view) => view.getUint32(storage.srbFunction.offset, true),
  stamp(view, srbFunction) {
    view.setUint16(storage.length.offset, storage.signature.offset, true)
    view.setUint8(storage.function.offset, SRB_FUNCTION_STORAGE_REQUEST_BLOCK)
    view.setUint32(storage.signature.offset, SRB_SIGNATURE, true)
    view.setUint32(storage.version.offset, STORAGE_REQUEST_BLOCK_VERSION_1, true)
    view.setUint32(storage.srbLength.offset, STORAGE_BYTES, true)
    view.setUint32(storage.srbFunction.offset, srbFunction, true)
    view.setUint32(storage.addressOffset.offset, ADDRESS_AT, true)
    view.setUint16(ADDRESS_AT + address.type.offset, STOR_ADDRESS_TYPE_BTL8, true)
    view.setUint32(ADDRESS_AT + address.addressLength.offset, STOR_ADDR_BTL8_ADDRESS_LENGTH, true)
    if (srbFunction !== SRB_FUNCTION_EXECUTE_SCSI) return
    view.setUint32(storage.numSrbExData.offset, 1, true)
    view.setUint32(storage.srbExDataOffset.offset, CDB_DATA_AT, true)
    view.setUint32(CDB_DATA_AT + cdb16.type.offset, SRB_EX_DATA_TYPE_SCSI_CDB16, true)
    view.setUint32(CDB_DATA_AT + cdb16.length.offset, SRB_EX_DATA_SCSI_CDB16_LENGTH, true)
  },
  queue(view, action, tag) {
    view.setUint16(storage.requestAttribute.offset, action, true)
    view.setUint32(storage.requestTag.offset, tag, true)
  },
}

/** Room for either kind. */
export const SRB_BYTES = Math.max(SCSI_SRB.byteLength, STORAGE_SRB.byteLength)

/** The kind that a port gives a miniport with these SrbTypeFlags. */
export const srbLayoutFor = (srbTypeFlags: number): SrbLayout =>
  (srbTypeFlags & SRB_TYPE_FLAG_STORAGE_REQUEST_BLOCK) === 0 ? SCSI_SRB : STORAGE_SRB
