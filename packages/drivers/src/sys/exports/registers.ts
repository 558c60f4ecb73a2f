// Register and port accessors that older import libraries name; newer headers have them inline. They are what the bus does. The buffer
// forms move one item after the other: of a port always the same, of registers those that follow.
import { type Gva, gpa, gva } from '@dumpstack/bytes'
import { GuestFault } from '../../guest-fault.ts'
import type { CallFrame } from '../call-frame.ts'
import { type Export, type ExportFamily, exported, NOTHING } from './export.ts'

type Width = 1 | 2 | 4
/** Ports past the last one are unclaimed: reads return ones, writes are ignored. */
const PORTS = 0x10000
const ALL_ONES: Readonly<Record<Width, number>> = { 1: 0xff, 2: 0xffff, 4: 0xffff_ffff }
const NAMES = { Uchar: 1, Ushort: 2, Ulong: 4 } as const
/** Our choice: a count beyond is garbage, and the host's time. */
const MAX_COUNT = 0x1_0000
/** In instructions: what an item takes of the host beside its memory. */
const ITEM_WORK = 20

/** An item of one width, at an address or port. */
interface Accessor {
  readonly step: 0 | 1
  read(call: CallFrame, at: Gva, width: Width): number
  write(call: CallFrame, at: Gva, width: Width, value: number): void
}

const REGISTER: Accessor = {
  step: 1,
  read(call, at, width) {
    const address = gpa(physical(call, at, 'read'))
    const { bus } = call
    const value =
      width === 1 ? bus.read8(address) : width === 2 ? bus.read16(address) : bus.read32(address) >>> 0
    call.port.registerAccess(false, address, width, value)
    return value
  },
  write(call, at, width, value) {
    const address = gpa(physical(call, at, 'write'))
    const { bus } = call
    if (width === 1) bus.write8(address, value)
    else if (width === 2) bus.write16(address, value)
    else bus.write32(address, value)
    call.port.registerAccess(true, address, width, value)
  },
}

const PORT: Accessor = {
  step: 0,
  read(call, at, width) {
    const port = Number(at & 0xffffn)
    const { bus } = call
    const value =
      port + width > PORTS
        ? ALL_ONES[width]
        : width === 1
          ? bus.in8(port)
          : width === 2
            ? bus.in16(port)
            : bus.in32(port) >>> 0
    call.port.registerAccess(false, port, width, value)
    return value
  },
  write(call, at, width, value) {
    const port = Number(at & 0xffffn)
    const { bus } = call
    if (port + width <= PORTS) {
      if (width === 1) bus.out8(port, value)
      else if (width === 2) bus.out16(port, value)
      else bus.out32(port, value)
    }
    call.port.registerAccess(true, port, width, value)
  },
}

export const REGISTER_EXPORTS: ExportFamily = Object.fromEntries(
  Object.entries({ Register: REGISTER, Port: PORT }).flatMap(([kind, accessor]) =>
    Object.entries(NAMES).flatMap(([name, width]): [string, Export][] => [
      // (HwDeviceExtension, Register), (HwDeviceExtension, Register, Value)
      [`StorPortRead${kind}${name}`, exported(2, (call) => BigInt(accessor.read(call, call.va(1), width)))],
      [
        `StorPortWrite${kind}${name}`,
        exported(3, (call) => {
          accessor.write(call, call.va(1), width, call.u32(2) & ALL_ONES[width])
          return NOTHING
        }),
      ],
      // (HwDeviceExtension, Register, Buffer, Count)
      [`StorPortRead${kind}Buffer${name}`, exported(4, (call) => readBuffer(call, accessor, width))],
      [`StorPortWrite${kind}Buffer${name}`, exported(4, (call) => writeBuffer(call, accessor, width))],
    ]),
  ),
)

function readBuffer(call: CallFrame, accessor: Accessor, width: Width): bigint {
  forEachItem(call, accessor, width, (at, item) => {
    const value = accessor.read(call, at, width)
    if (width === 1) call.memory.setU8(item, value)
    else if (width === 2) call.memory.setU16(item, value)
    else call.memory.setU32(item, value)
  })
  return NOTHING
}

function writeBuffer(call: CallFrame, accessor: Accessor, width: Width): bigint {
  const { memory } = call
  forEachItem(call, accessor, width, (at, item) => {
    const value = width === 1 ? memory.u8(item) : width === 2 ? memory.u16(item) : memory.u32(item)
    accessor.write(call, at, width, value)
  })
  return NOTHING
}

function forEachItem(
  call: CallFrame,
  { step }: Accessor,
  width: Width,
  move: (at: Gva, item: Gva) => void,
): void {
  const count = Math.min(call.u32(3), MAX_COUNT)
  for (let i = 0; i < count; i++) {
    call.charge(ITEM_WORK)
    move(gva(call.va(1) + BigInt(i * step * width)), gva(call.va(2) + BigInt(i * width)))
  }
}

function physical(call: CallFrame, va: Gva, access: 'read' | 'write'): number {
  const address = call.translate(va)
  if (address === null) throw new GuestFault(call.instance.image.baseName, access, va)
  return address
}
