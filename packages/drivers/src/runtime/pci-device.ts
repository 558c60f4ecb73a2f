// Finds what PnP would hand to the port: the PCI function, its ranges of memory and ports, its identity. PCI 3.0, section 6.2.5.
import { fromHalves, type Gpa, gpa, hex } from '@dumpstack/bytes'
import type { Bdf, ControllerOptions, Machine } from '@dumpstack/machine'
import { AccessRange } from '@dumpstack/nt'
import {
  PCI_BASE_ADDRESS_0,
  PCI_BASE_ADDRESS_64,
  PCI_BASE_ADDRESS_COUNT,
  PCI_BASE_ADDRESS_IO,
  PCI_BASE_ADDRESS_IO_MASK,
  PCI_BASE_ADDRESS_MEMORY_MASK,
  PCI_COMMAND,
  PCI_COMMAND_BUS_MASTER,
  PCI_COMMAND_IO_SPACE,
  PCI_COMMAND_MEMORY_SPACE,
  PCI_CONFIG_BYTES,
  PCI_NO_DEVICE,
  PCI_REVISION_ID,
  PCI_VENDOR_ID,
} from '@dumpstack/registers'
import { DriversError } from '../errors.ts'

export interface PciRange {
  /** An I/O port where it is not memory. */
  readonly base: Gpa
  readonly byteLength: number
  readonly isMemory: boolean
}

/** One entry a base address register, null where there is none. Throws DriversError NO_CONTROLLER. */
export function discoverFunction(machine: Machine, { bdf, model }: ControllerOptions): (PciRange | null)[] {
  const { bus } = machine
  const place = `pci ${hex(bdf >>> 8)}:${hex((bdf >>> 3) & 0x1f)}.${bdf & 7}`
  if (bus.config32(bdf, PCI_VENDOR_ID) === PCI_NO_DEVICE) {
    throw new DriversError('NO_CONTROLLER', `${place} has no device`, { bdf })
  }
  const classCode = bus.config32(bdf, PCI_REVISION_ID) >>> 8
  const expected = model.pci.classCode
  if (classCode !== expected) {
    throw new DriversError(
      'NO_CONTROLLER',
      `${place} has class ${hex(classCode)}, expected ${hex(expected)} of controller ${model.kind}`,
      { bdf, classCode },
    )
  }
  const command = bus.config32(bdf, PCI_COMMAND) & 0xffff
  const ranges: (PciRange | null)[] = []
  while (ranges.length < PCI_BASE_ADDRESS_COUNT) {
    const [range, is64Bit] = readRange(machine, bdf, ranges.length)
    ranges.push(range)
    if (is64Bit) ranges.push(null)
  }
  const spaces = PCI_COMMAND_IO_SPACE | PCI_COMMAND_MEMORY_SPACE
  bus.setConfig32(bdf, PCI_COMMAND, command | spaces | PCI_COMMAND_BUS_MASTER)
  return ranges
}

/** ACCESS_RANGEs in `view`, as many as the miniport has room for: one a base address register, zero where there is none. */
export function layAccessRanges(view: DataView, count: number, ranges: readonly (PciRange | null)[]): void {
  for (let index = 0; index < count; index++) {
    const range = ranges[index]
    if (!range) continue
    const entry = AccessRange.at(view, index * AccessRange.size)
    entry.rangeStart = BigInt(range.base)
    entry.rangeLength = range.byteLength
    entry.rangeInMemory = range.isMemory ? 1 : 0
  }
}

/** Sizes a register by writing ones; whether the next one is its upper half. */
function readRange({ bus }: Machine, bdf: Bdf, index: number): [PciRange | null, boolean] {
  const register = PCI_BASE_ADDRESS_0 + index * 4
  const address = bus.config32(bdf, register)
  bus.setConfig32(bdf, register, 0xffffffff)
  const sized = bus.config32(bdf, register)
  bus.setConfig32(bdf, register, address)
  const isMemory = (address & PCI_BASE_ADDRESS_IO) === 0
  const mask = isMemory ? PCI_BASE_ADDRESS_MEMORY_MASK : PCI_BASE_ADDRESS_IO_MASK
  const is64Bit = isMemory && (address & PCI_BASE_ADDRESS_64) !== 0
  const high = is64Bit ? bus.config32(bdf, register + 4) : 0
  const base = fromHalves(high, (address & mask) >>> 0)
  if (sized === 0 || base === 0) return [null, is64Bit]
  return [{ base: gpa(base), byteLength: (~(sized & mask) >>> 0) + 1, isMemory }, is64Bit]
}

/** PCI_SLOT_NUMBER: the device in bits 0 to 4, its function in bits 5 to 7. */
export const slotNumberOf = (bdf: Bdf): number => ((bdf >>> 3) & 0x1f) | ((bdf & 7) << 5)

/** Null where there is no such bus. Bits of the slot number above those of PCI_SLOT_NUMBER are reserved. */
function functionAt(machine: Machine, busNumber: number, slotNumber: number): Bdf | null {
  const hasBus = busNumber === 0 || machine.controllers.some(({ bdf }) => bdf >>> 8 === busNumber)
  return hasBus ? (busNumber << 8) | ((slotNumber & 0x1f) << 3) | ((slotNumber >>> 5) & 7) : null
}

const PCI_INVALID_VENDOR_ID = Uint8Array.of(0xff, 0xff)

/** `length` bytes of configuration space; none where there is no such bus, two of ones where no device answers (StorPortGetBusData). */
export function readConfig(
  machine: Machine,
  busNumber: number,
  slotNumber: number,
  offset: number,
  length: number,
): Uint8Array {
  const bdf = functionAt(machine, busNumber, slotNumber)
  const count = Math.max(0, Math.min(length, PCI_CONFIG_BYTES - offset))
  if (bdf === null || count === 0) return new Uint8Array(0)
  if (machine.bus.config32(bdf, PCI_VENDOR_ID) === PCI_NO_DEVICE)
    return PCI_INVALID_VENDOR_ID.slice(0, length)
  const first = offset - (offset % 4)
  const words = new DataView(new ArrayBuffer(Math.ceil((offset + count - first) / 4) * 4))
  for (let at = 0; at < words.byteLength; at += 4) {
    words.setUint32(at, machine.bus.config32(bdf, first + at), true)
  }
  return new Uint8Array(words.buffer, offset - first, count)
}

/** Writes `from` to configuration space; the count that fits. Only whole words reach a device, as the bus moves them. */
export function writeConfig(
  machine: Machine,
  busNumber: number,
  slotNumber: number,
  offset: number,
  from: Uint8Array,
): number {
  const bdf = functionAt(machine, busNumber, slotNumber)
  const count = Math.max(0, Math.min(from.byteLength, PCI_CONFIG_BYTES - offset))
  if (bdf === null || count === 0 || machine.bus.config32(bdf, PCI_VENDOR_ID) === PCI_NO_DEVICE) return 0
  for (let at = offset - (offset % 4); at < offset + count; at += 4) {
    const word = new DataView(new ArrayBuffer(4))
    const isWhole = at >= offset && at + 4 <= offset + count
    if (!isWhole) word.setUint32(0, machine.bus.config32(bdf, at), true)
    for (let i = 0; i < 4; i++) {
      const source = at + i - offset
      if (source >= 0 && source < count) word.setUint8(i, from[source]!)
    }
    machine.bus.setConfig32(bdf, at, word.getUint32(0, true))
  }
  return count
}
