// What the miniport takes from IDENTIFY DEVICE data (ACS-3, section 7.12.7).
import { fromHalves } from '@dumpstack/bytes'
import {
  IDENTIFY_76_NCQ,
  IDENTIFY_83_48BIT,
  IDENTIFY_106_LONG_LOGICAL,
  IDENTIFY_106_MULTIPLE_LOGICAL,
  IDENTIFY_106_VALID,
  IdentifyDevice,
} from '@dumpstack/registers'

const VALID_MASK = IDENTIFY_106_VALID | (1 << 15)

export interface DiskFacts {
  readonly sectorBytes: number
  readonly logicalPerPhysicalExponent: number
  readonly sectorCount: number
  readonly supportsNcq: boolean
  readonly queueDepth: number
}

/** Null when the disk has no 48-bit commands, which every command of this miniport is. */
export function readIdentify(view: DataView): DiskFacts | null {
  const data = IdentifyDevice.at(view)
  if ((data.commandSet83 & IDENTIFY_83_48BIT) === 0) return null
  const sizes = data.physicalLogicalSectorSize
  const isValid = (sizes & VALID_MASK) === IDENTIFY_106_VALID
  return {
    sectorBytes: isValid && (sizes & IDENTIFY_106_LONG_LOGICAL) !== 0 ? data.logicalSectorWords * 2 : 512,
    logicalPerPhysicalExponent: isValid && (sizes & IDENTIFY_106_MULTIPLE_LOGICAL) !== 0 ? sizes & 0xf : 0,
    sectorCount: fromHalves(data.sectorCount48High, data.sectorCount48Low),
    supportsNcq: (data.sataCapabilities & IDENTIFY_76_NCQ) !== 0,
    queueDepth: (data.queueDepth & 0x1f) + 1,
  }
}

/** ATA strings hold two swapped characters a word. */
export function ataString(field: Uint8Array): string {
  let text = ''
  for (let i = 0; i + 1 < field.byteLength; i += 2) text += String.fromCharCode(field[i + 1]!, field[i]!)
  return text.trim()
}
