// How the running system finds its disk: a bus scan by REPORT LUNS and INQUIRY, then READ CAPACITY (SPC-4, SBC-3).
import { fromHalves, hex } from '@dumpstack/bytes'
import {
  type PortConfigurationInformation,
  SRB_STATUS_DATA_OVERRUN,
  SRB_STATUS_INVALID_LUN,
  SRB_STATUS_INVALID_PATH_ID,
  SRB_STATUS_INVALID_TARGET_ID,
  SRB_STATUS_NO_DEVICE,
  SRB_STATUS_SELECTION_TIMEOUT,
  SRB_STATUS_SUCCESS,
  srbStatusText,
} from '@dumpstack/nt'
import {
  DIRECT_ACCESS_DEVICE,
  InquiryData,
  LunList,
  ReadCapacity16Data,
  ReadCapacityData,
} from '@dumpstack/registers'
import { DriversError } from '../errors.ts'
import type { BootDevice, ScsiPlace } from '../runtime-stack.ts'
import type { SrbBuilder } from '../srb-builder.ts'

const LAST_BLOCK_DOES_NOT_FIT = 0xffffffff
const BLOCK_BYTES: readonly number[] = [512, 1024, 2048, 4096]
const MAX_DISK_BYTES = 2 ** 53

/** Bytes of a LUN in REPORT LUNS. */
const LUN_BYTES = 8
/** SCSI_MAXIMUM_BUSES; SCSI_MAXIMUM_LOGICAL_UNITS, which REPORT LUNS is asked for too. */
const MAX_PATHS = 8
const MAX_LUNS = 8
/** By which a port knows that nothing is at a place. */
const NOTHING_THERE: readonly number[] = [
  SRB_STATUS_INVALID_PATH_ID,
  SRB_STATUS_NO_DEVICE,
  SRB_STATUS_SELECTION_TIMEOUT,
  SRB_STATUS_INVALID_LUN,
  SRB_STATUS_INVALID_TARGET_ID,
]

/** Commands with a small buffer, one at a time. */
export interface SmallCommands {
  readonly driverName: string
  readonly patienceSeconds: number
  /** How far a bus scan goes, as the miniport says. */
  readonly config: Pick<
    PortConfigurationInformation,
    'numberOfBuses' | 'maximumNumberOfTargets' | 'maximumNumberOfLogicalUnits'
  >
  /** Where the last one went, and the next ones go. */
  place: ScsiPlace
  /** What the last one brought. */
  readonly answer: DataView
  /** SRB status without flags; null where the command never completes. */
  send(byteLength: number, compose: (builder: SrbBuilder) => void): number | null
}

/** Scans paths, targets and logical units up to the first disk, and leaves `commands` at its place. */
export function identifyDisk(commands: SmallCommands): BootDevice {
  const model = scan(commands)
  const capacity = capacityOf(commands)
  const { sectorBytes, sectorCount } = capacity
  const isBlock = BLOCK_BYTES.includes(sectorBytes)
  if (!isBlock || sectorBytes * sectorCount > MAX_DISK_BYTES) {
    throw new DriversError(
      'IO_FAILED',
      `${commands.driverName} answered READ CAPACITY with ${hex(BigInt(sectorCount))} blocks of ${hex(sectorBytes)} bytes, expected blocks of ${BLOCK_BYTES.join(', ')} bytes and at most 2^53 bytes`,
      { sectorBytes, sectorCount },
    )
  }
  return { model, ...capacity }
}

/** The model of the first disk. */
function scan(commands: SmallCommands): string {
  const { numberOfBuses, maximumNumberOfTargets } = commands.config
  let first: number | null = null
  let placeCount = 0
  for (let pathId = 0; pathId < Math.min(Math.max(1, numberOfBuses), MAX_PATHS); pathId++) {
    for (let targetId = 0; targetId < Math.max(1, maximumNumberOfTargets); targetId++) {
      commands.place = { pathId, targetId, lun: 0 }
      for (const lun of logicalUnits(commands)) {
        placeCount++
        commands.place = { pathId, targetId, lun }
        const status = commands.send(InquiryData.size, (builder) => builder.inquiry(InquiryData.size))
        if (status === null) throw incomplete(commands, 'INQUIRY')
        if (isAnswer(status)) {
          const { deviceType, productId } = InquiryData.at(commands.answer)
          if (deviceType === DIRECT_ACCESS_DEVICE) return String.fromCharCode(...productId).trim()
          continue
        }
        if (!NOTHING_THERE.includes(status)) throw failed('INQUIRY', status)
        first ??= status
        if (lun === 0) break
      }
    }
  }
  if (placeCount === 1 && first !== null) throw failed('INQUIRY', first)
  const what = `${commands.driverName} has no disk at any of ${placeCount} places that a bus scan asked`
  throw new DriversError('IO_FAILED', what, { placeCount })
}

/**
 * REPORT LUNS, which a port sends first: storahci looks for its disk on it. One that a miniport does not know is no failure: its units
 * are asked one by one.
 */
function logicalUnits(commands: SmallCommands): readonly number[] {
  const most = Math.min(Math.max(1, commands.config.maximumNumberOfLogicalUnits), MAX_LUNS)
  const report = (byteLength: number): number | null => {
    const status = commands.send(byteLength, (builder) => builder.reportLuns(byteLength))
    if (status === null) throw incomplete(commands, 'REPORT LUNS')
    if (!isAnswer(status)) return null
    return Math.min(Math.floor(LunList.at(commands.answer).lunListLength / LUN_BYTES), MAX_LUNS)
  }
  let count = report(LunList.size)
  if (count !== null && count > 1) count = report(LUN_BYTES + count * LUN_BYTES)
  if (count === null) return Array.from({ length: most }, (_, lun) => lun)
  if (count === 0) return [0] // the unit that was asked
  const listed = Array.from({ length: count }, (_, index) =>
    commands.answer.getUint8(LUN_BYTES + index * LUN_BYTES + 1),
  )
  return listed.filter((lun) => lun < most)
}

// Less data than there is room for is no error.
const isAnswer = (status: number): boolean =>
  status === SRB_STATUS_SUCCESS || status === SRB_STATUS_DATA_OVERRUN

/** READ CAPACITY (10), and (16) where the last block does not fit, as a miniport for small disks knows only the first. */
function capacityOf(commands: SmallCommands): { sectorBytes: number; sectorCount: number } {
  brings(commands, 'READ CAPACITY (10)', ReadCapacityData.size, (builder) => builder.readCapacity10())
  const small = ReadCapacityData.at(commands.answer)
  if (small.logicalBlockAddress !== LAST_BLOCK_DOES_NOT_FIT) {
    return { sectorBytes: small.bytesPerBlock, sectorCount: small.logicalBlockAddress + 1 }
  }
  brings(commands, 'READ CAPACITY (16)', ReadCapacity16Data.size, (builder) =>
    builder.readCapacity16(ReadCapacity16Data.size),
  )
  const large = ReadCapacity16Data.at(commands.answer)
  return {
    sectorBytes: large.bytesPerBlock,
    sectorCount: fromHalves(large.logicalBlockAddressHigh, large.logicalBlockAddressLow) + 1,
  }
}

function brings(
  commands: SmallCommands,
  name: string,
  byteLength: number,
  compose: (builder: SrbBuilder) => void,
): void {
  const status = commands.send(byteLength, compose)
  if (status === null) throw incomplete(commands, name)
  if (!isAnswer(status)) throw failed(name, status)
}

const failed = (name: string, status: number): DriversError =>
  new DriversError('IO_FAILED', `${name} ended with ${srbStatusText(status)}`, { status })

function incomplete({ driverName, patienceSeconds }: SmallCommands, name: string): DriversError {
  return new DriversError('IO_FAILED', `${driverName} did not complete ${name} in ${patienceSeconds} s`)
}
