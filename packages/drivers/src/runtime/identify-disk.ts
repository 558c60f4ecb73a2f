// What the class driver asks a disk before anybody uses it: REPORT LUNS, INQUIRY, READ CAPACITY (SPC-4, SBC-3).
import { fromHalves, hex } from '@dumpstack/bytes'
import { SRB_STATUS_DATA_OVERRUN, SRB_STATUS_SUCCESS, srbStatusText } from '@dumpstack/nt'
import { InquiryData, LunList, ReadCapacity16Data, ReadCapacityData } from '@dumpstack/registers'
import { DriversError } from '../errors.ts'
import type { BootDevice } from '../runtime-stack.ts'
import type { SrbBuilder } from '../srb-builder.ts'

const LAST_BLOCK_DOES_NOT_FIT = 0xffffffff
const BLOCK_BYTES: readonly number[] = [512, 1024, 2048, 4096]
const MAX_DISK_BYTES = 2 ** 53

/** Commands with a small buffer, one at a time. */
export interface SmallCommands {
  readonly driverName: string
  readonly patienceSeconds: number
  /** What the last one brought. */
  readonly answer: DataView
  /** SRB status without flags; null where the command never completes. */
  send(byteLength: number, compose: (builder: SrbBuilder) => void): number | null
}

export function identifyDisk(commands: SmallCommands): BootDevice {
  enumerate(commands)
  brings(commands, 'INQUIRY', InquiryData.size, (builder) => builder.inquiry(InquiryData.size))
  const model = String.fromCharCode(...InquiryData.at(commands.answer).productId).trim()
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

/** REPORT LUNS, which a port sends first: storahci looks for its disk on it. One that a miniport does not know is no failure. */
function enumerate(commands: SmallCommands): void {
  const status = commands.send(LunList.size, (builder) => builder.reportLuns(LunList.size))
  if (status === null) throw incomplete(commands, 'REPORT LUNS')
}

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
  // Less data than there is room for is no error.
  if (status === SRB_STATUS_SUCCESS || status === SRB_STATUS_DATA_OVERRUN) return
  if (status === null) throw incomplete(commands, name)
  throw new DriversError('IO_FAILED', `${name} ended with ${srbStatusText(status)}`, { status })
}

function incomplete({ driverName, patienceSeconds }: SmallCommands, name: string): DriversError {
  return new DriversError('IO_FAILED', `${driverName} did not complete ${name} in ${patienceSeconds} s`)
}
