// SCSI_REQUEST_BLOCK and its codes (srb.h, storport.h), x64.
import { bytes, defineStruct, u8, u16, u32, u64, type ViewOf } from '@dumpstack/bytes'

export const ScsiRequestBlock = defineStruct('SCSI_REQUEST_BLOCK', 0x58, {
  length: u16(0x00),
  function: u8(0x02),
  srbStatus: u8(0x03),
  scsiStatus: u8(0x04),
  pathId: u8(0x05),
  targetId: u8(0x06),
  lun: u8(0x07),
  queueTag: u8(0x08),
  queueAction: u8(0x09),
  cdbLength: u8(0x0a),
  senseInfoBufferLength: u8(0x0b),
  srbFlags: u32(0x0c),
  dataTransferLength: u32(0x10),
  /** Seconds. */
  timeOutValue: u32(0x14),
  dataBuffer: u64(0x18),
  senseInfoBuffer: u64(0x20),
  nextSrb: u64(0x28),
  originalRequest: u64(0x30),
  srbExtension: u64(0x38),
  queueSortKey: u32(0x40),
  cdb: bytes(0x48, 16),
})
export type ScsiRequestBlock = ViewOf<typeof ScsiRequestBlock>
/** Offset of Cdb in SCSI_REQUEST_BLOCK, for a CDB's own layout. */
export const SRB_CDB = 0x48

export const SRB_FUNCTION_EXECUTE_SCSI = 0x00
export const SRB_FUNCTION_SHUTDOWN = 0x07
export const SRB_FUNCTION_FLUSH = 0x08
export const SRB_FUNCTION_RESET_BUS = 0x12
export const SRB_FUNCTION_RESET_DEVICE = 0x13
export const SRB_FUNCTION_RESET_LOGICAL_UNIT = 0x20
export const SRB_FUNCTION_DUMP_POINTERS = 0x26
export const SRB_FUNCTION_FREE_DUMP_POINTERS = 0x27

export const SRB_STATUS_PENDING = 0x00
export const SRB_STATUS_SUCCESS = 0x01
export const SRB_STATUS_ERROR = 0x04
export const SRB_STATUS_BUSY = 0x05
export const SRB_STATUS_INVALID_REQUEST = 0x06
export const SRB_STATUS_INVALID_PATH_ID = 0x07
export const SRB_STATUS_NO_DEVICE = 0x08
export const SRB_STATUS_SELECTION_TIMEOUT = 0x0a
export const SRB_STATUS_BUS_RESET = 0x0e
export const SRB_STATUS_DATA_OVERRUN = 0x12
export const SRB_STATUS_INVALID_LUN = 0x20
export const SRB_STATUS_INVALID_TARGET_ID = 0x21
export const SRB_STATUS_BAD_FUNCTION = 0x22
/** Bits above the status: the queue is frozen, the sense buffer is valid. */
export const SRB_STATUS_MASK = 0x3f
export const SRB_STATUS_AUTOSENSE_VALID = 0x80

export const SRB_FLAGS_QUEUE_ACTION_ENABLE = 0x0002
export const SRB_FLAGS_DISABLE_DISCONNECT = 0x0004
export const SRB_FLAGS_DISABLE_SYNCH_TRANSFER = 0x0008
export const SRB_FLAGS_DISABLE_AUTOSENSE = 0x0020
export const SRB_FLAGS_DATA_IN = 0x0040
export const SRB_FLAGS_DATA_OUT = 0x0080

export const SRB_SIMPLE_TAG_REQUEST = 0x20

// ScsiStatus (SAM-5 table 41)
export const SCSISTAT_GOOD = 0x00
export const SCSISTAT_CHECK_CONDITION = 0x02
export const SCSISTAT_BUSY = 0x08
export const SCSISTAT_QUEUE_FULL = 0x28
