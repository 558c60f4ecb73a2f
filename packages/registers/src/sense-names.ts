// What sense data is called in messages: sense keys by SPC-4 table 57, additional sense codes with their qualifiers by annex F.2. Those that
// disks and their drivers give; all others are numbers.
import { hex } from '@dumpstack/bytes'

const SENSE_KEYS = [
  'NO SENSE',
  'RECOVERED ERROR',
  'NOT READY',
  'MEDIUM ERROR',
  'HARDWARE ERROR',
  'ILLEGAL REQUEST',
  'UNIT ATTENTION',
  'DATA PROTECT',
  'BLANK CHECK',
  'VENDOR SPECIFIC',
  'COPY ABORTED',
  'ABORTED COMMAND',
  'reserved',
  'VOLUME OVERFLOW',
  'MISCOMPARE',
  'COMPLETED',
] as const

/** By code and qualifier, 0xaaqq. */
const ADDITIONAL_SENSE: ReadonlyMap<number, string> = new Map([
  [0x0000, 'NO ADDITIONAL SENSE INFORMATION'],
  [0x0300, 'PERIPHERAL DEVICE WRITE FAULT'],
  [0x0400, 'LOGICAL UNIT NOT READY, CAUSE NOT REPORTABLE'],
  [0x0401, 'LOGICAL UNIT IS IN PROCESS OF BECOMING READY'],
  [0x0402, 'LOGICAL UNIT NOT READY, INITIALIZING COMMAND REQUIRED'],
  [0x0403, 'LOGICAL UNIT NOT READY, MANUAL INTERVENTION REQUIRED'],
  [0x0500, 'LOGICAL UNIT DOES NOT RESPOND TO SELECTION'],
  [0x0800, 'LOGICAL UNIT COMMUNICATION FAILURE'],
  [0x0801, 'LOGICAL UNIT COMMUNICATION TIME-OUT'],
  [0x0c00, 'WRITE ERROR'],
  [0x0c02, 'WRITE ERROR - AUTO REALLOCATION FAILED'],
  [0x1000, 'ID CRC OR ECC ERROR'],
  [0x1100, 'UNRECOVERED READ ERROR'],
  [0x1400, 'RECORDED ENTITY NOT FOUND'],
  [0x1401, 'RECORD NOT FOUND'],
  [0x1a00, 'PARAMETER LIST LENGTH ERROR'],
  [0x2000, 'INVALID COMMAND OPERATION CODE'],
  [0x2100, 'LOGICAL BLOCK ADDRESS OUT OF RANGE'],
  [0x2400, 'INVALID FIELD IN CDB'],
  [0x2500, 'LOGICAL UNIT NOT SUPPORTED'],
  [0x2600, 'INVALID FIELD IN PARAMETER LIST'],
  [0x2700, 'WRITE PROTECTED'],
  [0x2800, 'NOT READY TO READY CHANGE, MEDIUM MAY HAVE CHANGED'],
  [0x2900, 'POWER ON, RESET, OR BUS DEVICE RESET OCCURRED'],
  [0x2901, 'POWER ON OCCURRED'],
  [0x2902, 'SCSI BUS RESET OCCURRED'],
  [0x2903, 'BUS DEVICE RESET FUNCTION OCCURRED'],
  [0x2904, 'DEVICE INTERNAL RESET'],
  [0x2a09, 'CAPACITY DATA HAS CHANGED'],
  [0x2c00, 'COMMAND SEQUENCE ERROR'],
  [0x3100, 'MEDIUM FORMAT CORRUPTED'],
  [0x3a00, 'MEDIUM NOT PRESENT'],
  [0x3f0e, 'REPORTED LUNS DATA HAS CHANGED'],
  [0x4400, 'INTERNAL TARGET FAILURE'],
  [0x4700, 'SCSI PARITY ERROR'],
  [0x4703, 'INFORMATION UNIT iuCRC ERROR DETECTED'],
  [0x4e00, 'OVERLAPPED COMMANDS ATTEMPTED'],
  [0x5500, 'SYSTEM RESOURCE FAILURE'],
  [0x5d00, 'FAILURE PREDICTION THRESHOLD EXCEEDED'],
])

/** Response codes (SPC-4 table 47); what errors are deferred from an earlier command is odd. */
const FIXED = 0x70
const DESCRIPTOR = 0x72

/** `MEDIUM ERROR (0x3), WRITE ERROR (0xc, 0x0)`; null for bytes that are no sense data. */
export function senseText(data: DataView): string | null {
  const byte = (at: number): number => (at < data.byteLength ? data.getUint8(at) : 0)
  const format = byte(0) & 0x7e
  if (format !== FIXED && format !== DESCRIPTOR) return null
  const [keyAt, codeAt] = format === FIXED ? [2, 12] : [1, 2]
  const key = byte(keyAt) & 0xf
  const code = byte(codeAt)
  const qualifier = byte(codeAt + 1)
  const name = ADDITIONAL_SENSE.get((code << 8) | qualifier) ?? 'additional sense'
  return `${SENSE_KEYS[key]} (${hex(key)}), ${name} (${hex(code)}, ${hex(qualifier)})`
}
