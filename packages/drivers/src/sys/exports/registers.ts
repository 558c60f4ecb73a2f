// Register and port accessors that older import libraries name; newer headers have them inline. They are what the bus does.
import { type Gva, gpa, gva } from '@dumpstack/bytes'
import { GuestFault } from '../../guest-fault.ts'
import { type Export, type ExportFamily, exported, type ImportCall, NOTHING } from '../import-call.ts'

type Width = 1 | 2 | 4
/** Past the last port there is nobody: reads float, writes are lost. */
const PORTS = 0x10000
const ALL_ONES: Readonly<Record<Width, bigint>> = { 1: 0xffn, 2: 0xffffn, 4: 0xffff_ffffn }
const NAMES = { Uchar: 1, Ushort: 2, Ulong: 4 } as const

export const REGISTER_EXPORTS: ExportFamily = Object.fromEntries(
  Object.entries(NAMES).flatMap(([name, width]): [string, Export][] => [
    [`StorPortReadRegister${name}`, exported(2, (call) => readRegister(call, width))],
    [`StorPortWriteRegister${name}`, exported(3, (call) => writeRegister(call, width))],
    [`StorPortReadPort${name}`, exported(2, (call) => readPort(call, width))],
    [`StorPortWritePort${name}`, exported(3, (call) => writePort(call, width))],
  ]),
)

// (HwDeviceExtension, Register, Value)
function readRegister(call: ImportCall, width: Width): bigint {
  const address = physical(call, call.va(1))
  const { bus } = call.machine
  call.port.registerAccess(false, address, width)
  return BigInt(
    width === 1
      ? bus.read8(gpa(address))
      : width === 2
        ? bus.read16(gpa(address))
        : bus.read32(gpa(address)) >>> 0,
  )
}

function writeRegister(call: ImportCall, width: Width): bigint {
  const address = gpa(physical(call, call.va(1)))
  const { bus } = call.machine
  call.port.registerAccess(true, address, width)
  if (width === 1) bus.write8(address, call.u8(2))
  else if (width === 2) bus.write16(address, call.u32(2) & 0xffff)
  else bus.write32(address, call.u32(2))
  return NOTHING
}

function readPort(call: ImportCall, width: Width): bigint {
  const port = call.u32(1) & 0xffff
  const { bus } = call.machine
  call.port.registerAccess(false, port, width)
  if (port + width > PORTS) return ALL_ONES[width]
  return BigInt(width === 1 ? bus.in8(port) : width === 2 ? bus.in16(port) : bus.in32(port) >>> 0)
}

function writePort(call: ImportCall, width: Width): bigint {
  const port = call.u32(1) & 0xffff
  const { bus } = call.machine
  call.port.registerAccess(true, port, width)
  if (port + width > PORTS) return NOTHING
  if (width === 1) bus.out8(port, call.u8(2))
  else if (width === 2) bus.out16(port, call.u32(2) & 0xffff)
  else bus.out32(port, call.u32(2))
  return NOTHING
}

function physical(call: ImportCall, va: Gva): number {
  const address = call.cpu.translate(va)
  if (address === null) throw new GuestFault(call.instance.image.baseName, 'read', gva(va))
  return address
}
