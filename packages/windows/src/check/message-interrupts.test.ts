// A driver file that brings a routine for interrupt messages gets them while the system runs, on each controller; in a dump it is polled.
import { buildPe } from '@dumpstack/testkit'
import { expect, it } from 'vitest'
import {
  at,
  behind,
  callback,
  config,
  extension,
  held,
  portCallsWith,
  result,
  resultAt,
  type Step,
} from './port-calls.test-support.ts'

const BDF = 0x10
const AHCI_MSI = 0x80
const VIRTIO_MSIX = 0x98
const INVALID_PARAMETER = 0xc100_0006n
const NOT_IMPLEMENTED = 0xc100_0002n
const HW_MS_INTERRUPT_ROUTINE = 0x98

const machineWith = portCallsWith(buildPe)

/** HwFindAdapter leaves the address of the routine in the configuration. */
const takesMessages: readonly Step[] = [
  ['memcpy', callback, at(0), 0], // returns the address
  ['memcpy', behind(config, HW_MS_INTERRUPT_ROUTINE), resultAt(0), 8],
]
const information = (messageId: number, to: number): Step => [
  'StorPortExtendedFunction',
  13,
  extension,
  messageId,
  at(to),
]
/** Of the HBA; five calls before it. */
const registers = result(4)
const mapped: readonly Step[] = [
  ['RtlCopyMemory', at(0x200), config, 0xe0],
  ['RtlCopyMemory', at(0x300), held(0x238), 0x60],
  ['StorPortGetDeviceBase', extension, 5, 0, held(0x350), 0x1000, 0],
]
const write = (register: number, value: number): Step => [
  'StorPortWriteRegisterUlong',
  extension,
  behind(registers, register),
  value,
]
/** GHC.AE, power and spin-up of port 0, its causes, GHC.IE, then COMRESET: the link that comes back is a cause. */
const interrupting: readonly Step[] = [
  write(0x04, 0x8000_0000),
  write(0x118, 0x6),
  write(0x114, 0xffff_ffff),
  write(0x04, 0x8000_0002),
  write(0x12c, 1),
  ['StorPortStallExecution', 1000],
  write(0x12c, 0),
]

it('MSI: the routine is called with its message, at the level of the device, and the line stays unused', () => {
  const calls = machineWith(
    {
      finds: true,
      findAdapter: [...takesMessages, ...mapped],
      initialize: [information(0, 0x400), information(1, 0x420), ...interrupting],
    },
    'ahci',
  ).run()
  expect(calls.callback).toMatchObject({ irql: 5, count: 1 })
  expect(calls.callback.args[1]! & 0xffff_ffffn).toBe(0n)
  expect([calls.result(5), calls.result(6)]).toEqual([0n, INVALID_PARAMETER])
  const told = new DataView(calls.bytes(0x400, 0x20).buffer)
  expect([told.getUint32(0, true), told.getUint32(8, true), told.getUint32(0x18, true)]).toEqual([
    0, 0xfee00000, 1,
  ])
  const { bus } = calls.machine
  expect(bus.config32(BDF, AHCI_MSI) >>> 16).toBe(0x81)
  expect(bus.config32(BDF, AHCI_MSI + 0xc)).toBe(told.getUint32(4, true))
})

it('MSI-X: each vector has a message, and the table says where to', () => {
  const calls = machineWith(
    {
      finds: true,
      findAdapter: takesMessages,
      initialize: [information(0, 0x400), information(1, 0x420), information(2, 0x440)],
    },
    'virtio-blk',
  ).run()
  expect([2, 3, 4].map((index) => calls.result(index))).toEqual([0n, 0n, INVALID_PARAMETER])
  expect(calls.u32(0x424) - calls.u32(0x404)).toBe(1)
  expect(calls.machine.bus.config32(BDF, VIRTIO_MSIX) >>> 16).toBe(0x8001)
})

it.each([
  ['ahci', AHCI_MSI, 0x80],
  ['virtio-blk', VIRTIO_MSIX, 1],
] as const)('and keeps the line of %s where its messages are not asked for', (kind, capability, control) => {
  const routines = { finds: true, findAdapter: takesMessages, initialize: [information(0, 0x400)] }
  const calls = machineWith(routines, kind).run(true)
  expect(calls.result(2)).toBe(INVALID_PARAMETER)
  expect(calls.machine.bus.config32(BDF, capability) >>> 16).toBe(control)
})

it.each([
  ['ahci', AHCI_MSI, 0x80],
  ['virtio-blk', VIRTIO_MSIX, 1],
] as const)('a driver without such a routine keeps the line of %s', (kind, capability, control) => {
  const calls = machineWith({ finds: true, initialize: [information(0, 0x400)] }, kind).run()
  expect(calls.result(0)).toBe(INVALID_PARAMETER)
  expect(calls.machine.bus.config32(BDF, capability) >>> 16).toBe(control)
})

it('a dump has no messages to tell of', () => {
  const calls = machineWith({ findAdapter: [...takesMessages, information(0, 0x400)] }, 'ahci').crash()
  expect(calls.result(2)).toBe(NOT_IMPLEMENTED)
  expect(calls.findings).toEqual([])
})
