// Interrupts by message: MSI-X of the virtio device, MSI of the HBA, and where a message goes (PCI 3.0, 6.8; Intel SDM volume 3, 11.11).
import { gpa } from '@dumpstack/bytes'
import { RawAhci, RawVirtioBlk, rawBusOf } from '@dumpstack/testkit'
import { expect, it } from 'vitest'
import { virtioBlk } from './controllers/virtio-blk/index.ts'
import { BUFFER, DRIVER_MEMORY, TEST_BDF, TEST_VECTOR, testMachine } from './test-machine.ts'

const LOCAL_APIC = 0xfee00000
const VECTOR = 0x71
const MSIX_CONTROL = 0x98
const MSIX_ENABLE = 0x80000000
const MSIX_MASK_ALL = 0x40000000

function virtioWithMessages(address = LOCAL_APIC) {
  const { machine } = testMachine({ model: virtioBlk })
  const bus = rawBusOf(machine)
  const driver = new RawVirtioBlk(bus, TEST_BDF, DRIVER_MEMORY, false)
  const table = (bus.config32(TEST_BDF, 0x14) & ~0xf) >>> 0
  const entry = (index: number, dword: number, value: number): void =>
    bus.writeRegister(table + index * 16 + dword * 4, 4, value)
  const control = (bits: number): void => bus.setConfig32(TEST_BDF, MSIX_CONTROL, bits)
  const pending = (): number => bus.readRegister(table + 0x800, 4)
  driver.start(0)
  entry(1, 0, address)
  entry(1, 2, VECTOR)
  driver.setCommon(0x1a, 2, 1)
  control(MSIX_ENABLE)
  let calls = 0
  let lines = 0
  machine.bus.onInterrupt(VECTOR, () => ++calls > 0)
  machine.bus.onInterrupt(TEST_VECTOR, () => ++lines > 0)
  const flush = (): number => {
    driver.run({ type: 4 })
    machine.stall(1)
    return calls
  }
  return { machine, entry, control, pending, flush, lines: () => lines }
}

it('MSI-X: a used buffer sends the message of the vector of its queue, and the line stays low', () => {
  const { entry, flush, lines } = virtioWithMessages()
  entry(1, 3, 0)
  expect([flush(), flush()]).toEqual([1, 2])
  expect(lines()).toBe(0)
})

it('MSI-X: a masked vector is pending until its mask is taken off', () => {
  const { machine, entry, control, pending, flush } = virtioWithMessages()
  expect(flush()).toBe(0)
  expect(pending()).toBe(2)
  control((MSIX_ENABLE | MSIX_MASK_ALL) >>> 0)
  entry(1, 3, 0)
  machine.stall(1)
  expect(pending()).toBe(2)
  control(MSIX_ENABLE)
  expect(pending()).toBe(0)
  expect(flush()).toBe(2)
})

it('a message that goes elsewhere is a store, and one that is not expected is noted', () => {
  const { machine, entry, flush } = virtioWithMessages(BUFFER)
  entry(1, 3, 0)
  expect(flush()).toBe(0)
  expect(machine.ram.u32(gpa(BUFFER))).toBe(VECTOR)
  entry(1, 0, LOCAL_APIC)
  machine.bus.onInterrupt(VECTOR, null)
  flush()
  expect(machine.evidence.notModelled).toContainEqual(
    expect.objectContaining({ register: 'interrupt 0x71 without a routine', count: 1 }),
  )
})

it('messages wait while interrupts are disabled, and are lost in a reset', () => {
  const { machine, entry, flush } = virtioWithMessages()
  entry(1, 3, 0)
  machine.interruptsEnabled = false
  expect(flush()).toBe(0)
  machine.interruptsEnabled = true
  machine.stall(1)
  expect(flush()).toBe(2)
  machine.interruptsEnabled = false
  flush()
  machine.reset({ keepRam: true })
  machine.bus.onInterrupt(VECTOR, () => {
    throw new Error('a message outlived the reset')
  })
  machine.stall(1)
})

it('MSI: each new bit of IS sends the message, and so does clearing one that comes back', () => {
  const { machine } = testMachine()
  const bus = rawBusOf(machine)
  const ahci = new RawAhci(bus, TEST_BDF, DRIVER_MEMORY)
  ahci.startPort()
  expect(bus.config32(TEST_BDF, 0x34) & 0xff).toBe(0x80)
  expect(bus.config32(TEST_BDF, 0x80) & 0xff00ff).toBe(0x800005)
  bus.setConfig32(TEST_BDF, 0x84, LOCAL_APIC)
  bus.setConfig32(TEST_BDF, 0x8c, VECTOR)
  bus.setConfig32(TEST_BDF, 0x80, 0x10000)
  let calls = 0
  machine.bus.onInterrupt(VECTOR, () => ++calls > 0)
  machine.bus.onInterrupt(TEST_VECTOR, () => {
    throw new Error('the line was raised')
  })
  ahci.setPort(0x14, 0xffffffff)
  ahci.set(0x04, 0x80000002)
  const identify = { command: 0xec, segments: [{ at: BUFFER, byteLength: 512 }] }
  ahci.run(0, identify)
  machine.stall(1)
  expect(calls).toBe(1)
  ahci.set(0x08, 1) // PxIS still has its bits
  machine.stall(1)
  expect(calls).toBe(2)
  ahci.setPort(0x10, 0xffffffff)
  ahci.set(0x08, 1)
  machine.stall(1)
  expect(calls).toBe(2)
  ahci.run(0, identify)
  machine.stall(1)
  expect(calls).toBe(3)
})
