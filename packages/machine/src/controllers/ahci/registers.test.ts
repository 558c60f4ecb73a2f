// Registers as AHCI 1.3.1 sections 3 and 10 describe them, by literal offset.

import { gpa } from '@dumpstack/bytes'
import { RawAhci, rawBusOf } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import { BUFFER, DRIVER_MEMORY, TEST_BDF, testMachine } from '../../test-machine.ts'

function start() {
  const { machine, disk } = testMachine()
  const ahci = new RawAhci(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY)
  return { machine, disk, ahci }
}

describe('generic host control', () => {
  it('after power-on: CAP, GHC, IS, PI, VS (3.1.1 to 3.1.5)', () => {
    const { ahci } = start()
    const cap = ahci.get(0x00)
    expect(cap & 0x1f).toBe(5) // six ports
    expect((cap >>> 8) & 0x1f).toBe(31) // 32 slots
    expect((cap >>> 20) & 0xf).toBe(3) // 6 Gb/s
    expect(cap >>> 30).toBe(3) // S64A, SNCQ
    expect(ahci.get(0x04)).toBe(0)
    expect(ahci.get(0x08)).toBe(0)
    expect(ahci.get(0x0c)).toBe(0x3f)
    expect(ahci.get(0x10)).toBe(0x00010301)
    expect(ahci.get(0x24)).toBe(0)
  })

  it('CAP, PI and VS are read only for software', () => {
    const { ahci } = start()
    ahci.set(0x04, 0x80000000)
    for (const offset of [0x00, 0x0c, 0x10, 0x24]) {
      const before = ahci.get(offset)
      ahci.set(offset, ~before)
      expect(ahci.get(offset)).toBe(before)
    }
  })

  it('nothing but GHC takes writes before GHC.AE is set, and the log says so (3.1.2)', () => {
    const { ahci, machine } = start()
    ahci.setPort(0x00, 0x12345400)
    expect(ahci.port(0x00)).toBe(0)
    expect(machine.evidence.notModelled).toContainEqual(
      expect.objectContaining({ register: 'writes while GHC.AE is 0', count: 1 }),
    )
    ahci.set(0x04, 0x80000000)
    ahci.setPort(0x00, 0x12345678)
    expect(ahci.port(0x00)).toBe(0x12345400) // 1 KiB aligned
    ahci.setPort(0x08, 0xffffffff)
    expect(ahci.port(0x08)).toBe(0xffffff00) // 256 bytes aligned
  })

  it('GHC.HR clears GHC, IS and the ports, keeps PxCLB and PxFB, and takes the link down and up (10.4.3)', () => {
    const { ahci, machine } = start()
    ahci.startPort()
    ahci.setPort(0x14, 0xffffffff)
    ahci.set(0x04, 0x80000002)
    ahci.run(0, { command: 0xec, segments: [{ at: BUFFER, byteLength: 512 }] })
    expect(ahci.get(0x08)).toBe(1)
    ahci.set(0x04, 0x80000003)
    expect(ahci.get(0x04)).toBe(1) // HR reads 1 until the reset is over, AE and IE are gone
    expect(ahci.port(0x28)).toBe(0)
    ahci.waitUntil('HR reads 0', () => ahci.get(0x04) === 0)
    expect(ahci.get(0x08)).toBe(0)
    expect(ahci.port(0x14)).toBe(0)
    expect(ahci.port(0x18)).toBe(0x6) // SUD, POD
    expect(ahci.port(0x00)).toBe(DRIVER_MEMORY)
    expect(ahci.port(0x08)).toBe(DRIVER_MEMORY + 0x400)
    machine.stall(20_000)
    expect(ahci.port(0x28)).toBe(0x133)
    expect(ahci.port(0x30)).toBe(0x04010000) // DIAG.X and DIAG.N
    expect(ahci.port(0x10)).toBe(0x00400040) // PRCS and PCS show them
  })
})

describe('port registers', () => {
  it('reset values of a port with a disk: 3.3.7 to 3.3.14', () => {
    const { ahci } = start()
    const values = [0x10, 0x14, 0x18, 0x20, 0x24, 0x28, 0x2c, 0x30, 0x34, 0x38].map((offset) =>
      ahci.port(offset),
    )
    expect(values).toEqual([0, 0, 0x6, 0x7f, 0xffffffff, 0x133, 0, 0, 0, 0])
  })

  it('an empty port has no link and never starts', () => {
    const { ahci } = start()
    ahci.set(0x04, 0x80000000)
    ahci.set(0x180 + 0x18, 0x11)
    ahci.bus.stall(100_000)
    expect(ahci.get(0x180 + 0x28)).toBe(0)
    expect(ahci.get(0x180 + 0x18) & 0x8000).toBe(0)
    ahci.set(0x180 + 0x38, 1)
    ahci.bus.stall(100_000)
    expect(ahci.get(0x180 + 0x38)).toBe(1) // a command there just stays
  })

  it('the signature comes with the first FIS, after FRE (10.1.2)', () => {
    const { ahci } = start()
    ahci.set(0x04, 0x80000000)
    ahci.setPort(0x08, DRIVER_MEMORY + 0x400)
    expect(ahci.port(0x24)).toBe(0xffffffff)
    ahci.setPort(0x18, 0x10)
    expect(ahci.port(0x18)).toBe(0x4016)
    expect(ahci.port(0x24)).toBe(0x101)
    expect(ahci.port(0x20)).toBe(0x150)
    expect([...ahci.received(0x40, 20)]).toEqual([
      0x34, 0, 0x50, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
    ])
  })

  it('PxSACT and PxCI take no bits while ST is 0, and lose them when ST is cleared (3.3.13, 3.3.14)', () => {
    const { ahci } = start()
    ahci.set(0x04, 0x80000000)
    ahci.setPort(0x34, 0xff)
    ahci.setPort(0x38, 0xff)
    expect([ahci.port(0x34), ahci.port(0x38)]).toEqual([0, 0])
    ahci.startPort()
    ahci.prepare(4, { command: 0x25, count: 1, segments: [{ at: BUFFER, byteLength: 512 }] })
    ahci.prepare(5, { command: 0x25, count: 1, segments: [{ at: BUFFER, byteLength: 512 }] })
    ahci.setPort(0x34, 0x8)
    ahci.issue(0x30)
    expect([ahci.port(0x34), ahci.port(0x38)]).toEqual([0x8, 0x30])
    expect((ahci.port(0x18) >>> 8) & 0x1f).toBe(4) // CCS
    expect(ahci.port(0x20) & 0x80).toBe(0x80) // BSY
    ahci.setPort(0x18, ahci.port(0x18) & ~1)
    expect([ahci.port(0x34), ahci.port(0x38)]).toEqual([0, 0])
    expect(ahci.port(0x18)).toBe(0xc016) // the engine stops
    ahci.bus.stall(20)
    expect(ahci.port(0x18)).toBe(0x4016)
  })

  it.each<[what: string, write: number, refused: string | null, after: number]>([
    [
      'takes no start (10.3.1)',
      0x11,
      'a start of a command engine that has not stopped, PxCMD.CR before ST is set is 0',
      0x4016,
    ],
    [
      'has its FISes until then (10.1.2)',
      0,
      'an end of FISes before the command engine has stopped, PxCMD.CR before FRE is cleared is 0',
      0x6,
    ],
    ['is written as it is', 0x10, null, 0x4016],
  ])('an engine that stops %s', (_what, write, refused, after) => {
    const { ahci, machine } = start()
    ahci.set(0x04, 0x80000000)
    ahci.startPort()
    ahci.setPort(0x18, 0x10)
    ahci.setPort(0x18, write)
    expect(machine.evidence.refusals.map(({ message }) => message)).toEqual(refused === null ? [] : [refused])
    ahci.bus.stall(20)
    expect(ahci.port(0x18)).toBe(after)
    ahci.setPort(0x18, 0x11)
    expect(ahci.port(0x18) & 0x8000).toBe(0x8000)
  })

  it('PxCMD.CLO clears BSY and DRQ while ST is 0 (3.3.7); a busy port does not start', () => {
    const { ahci } = start()
    ahci.startPort()
    ahci.prepare(0, { command: 0x25, count: 1, segments: [{ at: BUFFER, byteLength: 512 }] })
    ahci.issue(1)
    ahci.stopPort()
    expect(ahci.port(0x20) & 0x80).toBe(0x80)
    ahci.setPort(0x18, ahci.port(0x18) | 1)
    expect(ahci.port(0x18) & 0x8001).toBe(0x0001)
    ahci.setPort(0x18, ahci.port(0x18) & ~1)
    ahci.setPort(0x18, ahci.port(0x18) | 8)
    expect(ahci.port(0x18) & 8).toBe(0)
    expect(ahci.port(0x20) & 0x88).toBe(0)
    ahci.setPort(0x18, ahci.port(0x18) | 1)
    expect(ahci.port(0x18) & 0x8001).toBe(0x8001)
  })

  it('COMRESET: no link while DET is 1, then the link, then the signature (10.4.2)', () => {
    const { ahci, machine } = start()
    ahci.startPort()
    ahci.stopPort()
    ahci.setPort(0x2c, 1)
    expect([ahci.port(0x28), ahci.port(0x20), ahci.port(0x24)]).toEqual([0, 0x7f, 0xffffffff])
    machine.stall(50_000)
    expect(ahci.port(0x28)).toBe(0)
    ahci.setPort(0x2c, 0)
    machine.stall(1500)
    expect(ahci.port(0x28)).toBe(0x133)
    expect(ahci.port(0x20) & 0x80).toBe(0x80)
    machine.stall(6000)
    expect([ahci.port(0x20), ahci.port(0x24)]).toEqual([0x150, 0x101])
  })

  it('DET 4 takes the interface offline (3.3.11)', () => {
    const { ahci } = start()
    ahci.set(0x04, 0x80000000)
    ahci.setPort(0x2c, 4)
    expect(ahci.port(0x28)).toBe(4)
    ahci.setPort(0x2c, 0)
    ahci.bus.stall(2000)
    expect(ahci.port(0x28)).toBe(0x133)
  })

  it('what is not modelled is logged by name', () => {
    const { ahci, machine } = start()
    ahci.get(0x14)
    ahci.get(0x14)
    ahci.port(0x40)
    ahci.set(0x04, 0x80000000)
    ahci.set(0x28, 1)
    ahci.get(0x100 + 9 * 0x80)
    expect(machine.evidence.notModelled).toEqual([
      { device: 'ahci0', register: 'CCC_CTL', access: 'read', count: 2 },
      { device: 'ahci0', register: 'PxFBS', access: 'read', count: 1 },
      { device: 'ahci0', register: 'BOHC', access: 'write', count: 1 },
      { device: 'ahci0', register: 'registers of port 9', access: 'read', count: 1 },
    ])
  })
})

describe('accesses that are not aligned dwords', () => {
  it('read their bytes of the register', () => {
    const { ahci, machine } = start()
    const at = (offset: number) => gpa(ahci.abar + offset)
    expect(machine.bus.read16(at(0x12))).toBe(0x0001)
    expect(machine.bus.read8(at(0x11))).toBe(0x03)
    expect(machine.bus.read32(at(0x0e))).toBe(0x03010000) // PI's upper half, then VS's lower
    expect(machine.bus.read16(at(0x0f))).toBe(0x0100)
  })

  it('write their bytes only', () => {
    const { ahci, machine } = start()
    const at = (offset: number) => gpa(ahci.abar + offset)
    machine.bus.write8(at(0x07), 0x80) // GHC.AE is bit 31
    expect(ahci.get(0x04)).toBe(0x80000000)
    ahci.setPort(0x00, 0xaabbcc00)
    machine.bus.write8(at(0x102), 0x11)
    expect(ahci.port(0x00)).toBe(0xaa11cc00)
    machine.bus.write16(at(0x103), 0x2233) // CLB's highest byte and CLBU's lowest
    expect(ahci.port(0x00)).toBe(0x3311cc00)
    expect(ahci.port(0x04)).toBe(0x22)
    machine.bus.write32(at(0x106), 0x44556677) // CLBU's upper half and FB's lower
    expect(ahci.port(0x04)).toBe(0x66770022)
    expect(ahci.port(0x08)).toBe(0x4400) // 0x4455 with FB's alignment
  })

  it('clear only the bits whose bytes are enabled', () => {
    const { ahci, machine } = start()
    ahci.set(0x04, 0x80000000)
    ahci.setPort(0x2c, 1)
    ahci.setPort(0x2c, 0)
    machine.stall(3000)
    expect(ahci.port(0x30)).toBe(0x04010000)
    machine.bus.write8(gpa(ahci.abar + 0x132), 0xff)
    expect(ahci.port(0x30)).toBe(0x04000000)
  })
})
