// What SRB statuses, SCSI statuses and functions are called in messages: by the names of srb.h and storport.h.
import { hex } from '@dumpstack/bytes'
import * as srb from './srb.ts'

/** Those that no code here gives or expects; a driver may. */
const OTHER_SRB_STATUSES = {
  SRB_STATUS_ABORT_FAILED: 0x03,
  SRB_STATUS_COMMAND_TIMEOUT: 0x0b,
  SRB_STATUS_MESSAGE_REJECTED: 0x0d,
  SRB_STATUS_PARITY_ERROR: 0x0f,
  SRB_STATUS_REQUEST_SENSE_FAILED: 0x10,
  SRB_STATUS_UNEXPECTED_BUS_FREE: 0x13,
  SRB_STATUS_PHASE_SEQUENCE_FAILURE: 0x14,
  SRB_STATUS_BAD_SRB_BLOCK_LENGTH: 0x15,
  SRB_STATUS_REQUEST_FLUSHED: 0x16,
  SRB_STATUS_ERROR_RECOVERY: 0x23,
  SRB_STATUS_NOT_POWERED: 0x24,
  SRB_STATUS_LINK_DOWN: 0x25,
  SRB_STATUS_INSUFFICIENT_RESOURCES: 0x26,
  SRB_STATUS_THROTTLED_REQUEST: 0x27,
  SRB_STATUS_INTERNAL_ERROR: 0x30,
} as const
const OTHER_SCSI_STATUSES = {
  SCSISTAT_CONDITION_MET: 0x04,
  SCSISTAT_BUSY: 0x08,
  SCSISTAT_INTERMEDIATE: 0x10,
  SCSISTAT_RESERVATION_CONFLICT: 0x18,
  SCSISTAT_COMMAND_TERMINATED: 0x22,
  SCSISTAT_QUEUE_FULL: 0x28,
} as const
/** Bits above an SRB status, and not statuses. */
const NO_STATUSES = ['SRB_STATUS_MASK', 'SRB_STATUS_AUTOSENSE_VALID']

const named = (constants: object, prefix: string): ReadonlyMap<number, string> =>
  new Map(
    Object.entries(constants)
      .filter(([name]) => name.startsWith(prefix) && !NO_STATUSES.includes(name))
      .map(([name, value]) => [Number(value), name]),
  )
const SRB_STATUSES = named({ ...srb, ...OTHER_SRB_STATUSES }, 'SRB_STATUS_')
const SCSI_STATUSES = named({ ...srb, ...OTHER_SCSI_STATUSES }, 'SCSISTAT_')

const text = (names: ReadonlyMap<number, string>, value: number): string => {
  const name = names.get(value)
  return name === undefined ? hex(value) : `${name} (${hex(value)})`
}

/** `SRB_STATUS_BUSY (0x5)`; the bits above the status do not count. */
export const srbStatusText = (status: number): string => text(SRB_STATUSES, status & srb.SRB_STATUS_MASK)

/** `SCSISTAT_BUSY (0x8)`. */
export const scsiStatusText = (status: number): string => text(SCSI_STATUSES, status)
