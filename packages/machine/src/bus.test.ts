import { gpa } from '@dumpstack/bytes'
import { describe, expect, it } from 'vitest'
import { MachineError } from './errors.ts'
import { BUFFER, TEST_BDF, testMachine } from './test-machine.ts'

const address = (bdf: number, offset: number) => 0x80000000 + bdf * 256 + offset

describe('PCI configuration', () => {
  it('shows an ICH9 AHCI function that firmware has set up', () => {
    const { bus } = testMachine().machine
    expect(bus.config32(TEST_BDF, 0x00)).toBe(0x29228086)
    expect(bus.config32(TEST_BDF, 0x08)).toBe(0x01060102)
    expect(bus.config32(TEST_BDF, 0x04)).toBe(0x00100006) // memory, bus master; capabilities list
    expect(bus.config32(TEST_BDF, 0x24)).toBe(0xe0000000)
    expect(bus.config32(TEST_BDF, 0x3c)).toBe(0x0000010b) // INTA#, line 11
    expect(bus.config32(TEST_BDF, 0x34) & 0xff).toBe(0x80) // MSI, then
    expect((bus.config32(TEST_BDF, 0x80) >>> 8) & 0xff).toBe(0x70)
    expect(bus.config32(TEST_BDF, 0x70) & 0xffff).toBe(0x0001) // power management, the last capability
  })

  it('by CF8 and CFC gives the same, in all sizes; other ports do not answer', () => {
    const { bus } = testMachine().machine
    bus.out32(0xcf8, address(TEST_BDF, 0x08))
    expect(bus.in32(0xcf8)).toBe(address(TEST_BDF, 0x08))
    expect(bus.in32(0xcfc)).toBe(bus.config32(TEST_BDF, 0x08))
    expect(bus.in16(0xcfe)).toBe(0x0106)
    expect(bus.in8(0xcff)).toBe(0x01)
    bus.out32(0xcf8, address(TEST_BDF, 0x3c))
    bus.out8(0xcfc, 0x2a)
    expect(bus.config32(TEST_BDF, 0x3c)).toBe(0x12a)
    bus.out32(0xcf8, 0)
    expect(bus.in32(0xcfc)).toBe(0xffffffff)
    expect(bus.in8(0x60)).toBe(0xff)
  })

  it('reads all ones where no function is', () => {
    const { bus } = testMachine().machine
    bus.setConfig32(0x10, 0x04, 7)
    expect(bus.config32(0x10, 0)).toBe(0xffffffff)
  })

  it('sizes BAR5 and moves the window with it; other bits and BARs are read only (6.2.5.1)', () => {
    const { bus } = testMachine().machine
    bus.setConfig32(TEST_BDF, 0x24, 0xffffffff)
    expect(bus.config32(TEST_BDF, 0x24)).toBe(0xfffff000)
    bus.setConfig32(TEST_BDF, 0x10, 0xffffffff)
    expect(bus.config32(TEST_BDF, 0x10)).toBe(0)
    bus.setConfig32(TEST_BDF, 0x24, 0xd0000000)
    expect(bus.read32(gpa(0xd0000010))).toBe(0x00010301)
    expect(bus.read32(gpa(0xe0000010))).toBe(0xffffffff)
    bus.setConfig32(TEST_BDF, 0x04, 0)
    expect(bus.read32(gpa(0xd0000010))).toBe(0xffffffff)
    bus.setConfig32(TEST_BDF, 0x00, 0)
    expect(bus.config32(TEST_BDF, 0x00)).toBe(0x29228086)
  })

  it('D3hot decodes no memory, D0 does again with everything kept', () => {
    const { bus } = testMachine().machine
    bus.write32(gpa(0xe0000004), 0x80000000)
    bus.setConfig32(TEST_BDF, 0x74, 3)
    expect(bus.read32(gpa(0xe0000004))).toBe(0xffffffff)
    bus.setConfig32(TEST_BDF, 0x74, 0)
    expect(bus.read32(gpa(0xe0000004))).toBe(0x80000000)
  })

  it.each([
    [TEST_BDF, 256],
    [TEST_BDF, 2],
    [TEST_BDF, -4],
    [0x10000, 0],
    [Number.NaN, 0],
  ])('an access that no bus cycle expresses is our misuse: function %d, offset %d', (bdf, offset) => {
    const { bus } = testMachine().machine
    expect(() => bus.config32(bdf, offset)).toThrow(MachineError)
    expect(() => bus.setConfig32(bdf, offset, 0)).toThrow(MachineError)
  })
})

describe('memory and ports', () => {
  it('reaches RAM in all sizes, and logs what is nowhere', () => {
    const { machine } = testMachine()
    const { bus, ram } = machine
    bus.write32(BUFFER, 0x11223344)
    bus.write16(gpa(BUFFER + 1), 0xaabb)
    bus.write8(gpa(BUFFER + 3), 0xcc)
    expect(ram.u32(BUFFER)).toBe(0xccaabb44)
    expect([bus.read8(BUFFER), bus.read16(BUFFER), bus.read32(BUFFER)]).toEqual([0x44, 0xbb44, 0xccaabb44])
    bus.write32(gpa(0xfee00020), 1)
    expect(bus.read32(gpa(0xfee00020))).toBe(0xffffffff)
    bus.out8(0x80, 1)
    expect(machine.evidence.notModelled.map(({ register, access }) => `${register} ${access}`)).toEqual([
      'memory 0xfee00000 write',
      'memory 0xfee00000 read',
      'port 0x80 write',
    ])
  })

  it.each([-1, 0x10000, 0.5, Number.NaN])('port %d is our misuse', (port) => {
    const { bus } = testMachine().machine
    expect(() => bus.in8(port)).toThrow(MachineError)
    expect(() => bus.out8(port, 0)).toThrow(MachineError)
  })

  it('every access takes virtual time', () => {
    const { machine } = testMachine()
    let before = machine.nowNs
    for (const access of [
      () => machine.bus.read32(BUFFER),
      () => machine.bus.write8(BUFFER, 1),
      () => machine.bus.in8(0x60),
      () => machine.bus.out32(0xcf8, 0),
      () => machine.bus.config32(TEST_BDF, 0),
      () => machine.bus.setConfig32(TEST_BDF, 0x3c, 0),
    ]) {
      access()
      expect(machine.nowNs).toBeGreaterThan(before)
      before = machine.nowNs
    }
  })
})
