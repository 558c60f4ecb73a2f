// Settings of the HBA and its disk, and their limits, from AHCI 1.3.1 and ACS-3, by literal offset.
import { gpa } from '@dumpstack/bytes'
import { describe, expect, it } from 'vitest'
import {
  BUFFER,
  DRIVER_MEMORY,
  diskBytes,
  HIGH_BUFFER,
  pattern,
  TEST_BDF,
  TEST_DISK_BYTES,
} from '../../test-machine.ts'
import { made, queued, started, write } from './ahci-commands.test-support.ts'

const HBFS = 0x20000000
const OFS = 0x01000000

const refusals = (machine: ReturnType<typeof made>['machine']) =>
  machine.evidence.refusals.map(({ message }) => message)
const identify = ({ machine, ahci }: ReturnType<typeof made>) => {
  const at = BUFFER + 0x8000
  expect(ahci.run(0, { command: 0xec, segments: [{ at, byteLength: 512 }] })).toBe(0x50)
  const bytes = machine.ram.span(gpa(at), 512)
  return (word: number) => bytes[word * 2]! | (bytes[word * 2 + 1]! << 8)
}

describe('slots', () => {
  it('CAP.NCS says how many; a command in another does nothing (3.1.1, 3.3.14)', () => {
    const { ahci, machine, disk } = started({ slots: 8 })
    expect((ahci.get(0) >>> 8) & 0x1f).toBe(7)
    expect(ahci.run(7, write(0))).toBe(0x50)
    ahci.prepare(8, write(8))
    ahci.prepare(3, write(16))
    ahci.issue(0x108)
    machine.stall(10_000)
    expect(ahci.port(0x38)).toBe(0)
    expect(diskBytes(disk, 8 * 512, 512)).toEqual(new Uint8Array(512))
    expect(diskBytes(disk, 16 * 512, 512)).toEqual(pattern(512, 1))
    expect(refusals(machine)).toEqual(['a command in slot 8, command slots is 8'])
  })
})

describe('native command queuing', () => {
  it('off: neither CAP nor IDENTIFY has it, and a queued command is aborted', () => {
    const parts = started({ ncq: 'off' })
    const { ahci, machine } = parts
    expect(ahci.get(0) & 0x40000000).toBe(0)
    const word = identify(parts)
    expect([word(75), word(76) & 0x100]).toEqual([0, 0])
    expect(ahci.run(0, write(0))).toBe(0x50)
    expect(ahci.run(1, queued(1, 0))).toBe(0x0451)
    expect(refusals(machine)).toEqual(['a queued command, CAP.SNCQ is 0'])
  })

  it('a tag past the queue depth is aborted (ACS-3 7.12.7.31)', () => {
    const parts = started({ queueDepth: 4 })
    const { ahci, machine, disk } = parts
    expect(identify(parts)(75)).toBe(3)
    ahci.prepare(3, queued(3, 0))
    ahci.issue(8, true)
    ahci.waitUntil('tag 3 ends', () => ahci.port(0x34) === 0)
    ahci.prepare(4, queued(4, 64))
    ahci.issue(16, true)
    ahci.waitUntil('TFES', () => (ahci.port(0x10) & 0x40000000) !== 0)
    expect(ahci.port(0x20)).toBe(0x0451)
    expect(diskBytes(disk, 64 * 512, 512)).toEqual(new Uint8Array(512))
    expect(refusals(machine)).toEqual(['a command with tag 4, queue depth is 4'])
  })
})

describe('ports', () => {
  it.each([
    [5, 0, 0x20],
    [2, 0x2a, 0x2e],
    [0, 0, 0x01],
  ])('the disk on port %i, portsImplemented 0x%i: PI is 0x%i', (port, portsImplemented, pi) => {
    const { ahci, machine, disk } = started({ portsImplemented }, port)
    expect(ahci.get(0x0c)).toBe(pi)
    expect(ahci.get(0) & 0x1f).toBe(5) // NP: what the silicon has
    expect(ahci.run(0, write(3))).toBe(0x50)
    expect(diskBytes(disk, 3 * 512, 512)).toEqual(pattern(512, 1))
    for (let other = 0; other < 6; other++) {
      const isThere = (pi & (1 << other)) !== 0
      const sig = ahci.get(0x100 + other * 0x80 + 0x24)
      expect(sig).toBe(other === port ? 0x101 : isThere ? 0xffffffff : 0)
    }
    const holes = machine.evidence.notModelled.map(({ register }) => register)
    expect(holes.length).toBe(pi.toString(2).padStart(6, '0').split('0').length - 1)
  })
})

describe('without 64-bit addresses (CAP.S64A)', () => {
  it('upper halves are 0 and stay so; memory above 4 GiB is refused', () => {
    const { ahci, machine, disk } = started({ addresses64: 'off' })
    expect(ahci.get(0) & 0x80000000).toBe(0)
    ahci.stopPort()
    ahci.setPort(0x04, 1)
    ahci.setPort(0x0c, 1)
    expect([ahci.port(0x04), ahci.port(0x0c)]).toEqual([0, 0])
    ahci.setPort(0x18, ahci.port(0x18) | 1)
    expect(ahci.run(0, write(1))).toBe(0x50)
    ahci.run(0, { ...write(2), segments: [{ at: HIGH_BUFFER, byteLength: 512 }] })
    expect(ahci.port(0x10) & HBFS).toBe(HBFS)
    expect(diskBytes(disk, 1024, 512)).toEqual(new Uint8Array(512))
    ahci.resetHba() // the disk is still busy with the command
    ahci.startPort()
    ahci.prepare(0, write(2))
    machine.ram.setU32(gpa(DRIVER_MEMORY + 12), 1) // CTBAU
    ahci.issue(1)
    machine.stall(100)
    expect(ahci.port(0x10) & HBFS).toBe(HBFS)
    expect(refusals(machine)).toEqual([
      'PxCLBU above 4 GiB, CAP.S64A is 0',
      'PxFBU above 4 GiB, CAP.S64A is 0',
      'a PRD entry of memory above 4 GiB, CAP.S64A is 0',
      'a command table above 4 GiB, CAP.S64A is 0',
    ])
  })
})

describe('the PRD table (4.2.3.3)', () => {
  it.each([
    ['an odd count', 0x1fe, 'a PRD entry of 511 bytes, DBC unit is 2'],
    ['more than 4 MiB', 0x4001ff, 'a PRD entry of 4194816 bytes, DBC maximum is 4194304'],
  ])('%s ends the transfer with HBFS', (_, dbc, message) => {
    const { ahci, machine, disk } = started()
    ahci.prepare(0, write(0))
    machine.ram.setU32(gpa(DRIVER_MEMORY + 0x80c + 0x80), dbc)
    ahci.issue(1)
    machine.stall(10_000)
    expect(ahci.port(0x10) & HBFS).toBe(HBFS)
    expect(refusals(machine)).toEqual([message])
    expect(diskBytes(disk, 0, 512)).toEqual(new Uint8Array(512))
  })

  it('4 MiB in one entry is good', () => {
    const { machine, ahci } = started()
    const sectors = 0x200000 / 512 // what this machine has in one piece; the entry says 4 MiB
    ahci.prepare(0, { ...write(0, sectors), segments: [{ at: BUFFER, byteLength: 0x400000 }] })
    ahci.issue(1)
    machine.stall(100_000)
    expect(ahci.port(0x38)).toBe(0)
    expect(machine.evidence.refusals).toEqual([])
  })

  it('that is shorter than the command says so in numbers', () => {
    const { machine, ahci } = started()
    ahci.prepare(0, { ...write(0, 4), segments: [{ at: BUFFER, byteLength: 1024 }] })
    ahci.issue(1)
    machine.stall(1000)
    expect(ahci.port(0x10) & OFS).toBe(OFS)
    expect(machine.evidence.stops[0]?.reason).toBe(
      'overflow (PxIS.OFS): a PRD table of 1024 bytes, the command has 2048',
    )
  })
})

it('capacity: a command that ends past it is known when it is fetched', () => {
  const { ahci, machine } = started()
  const last = TEST_DISK_BYTES / 512 - 1
  ahci.prepare(0, write(last, 2))
  ahci.issue(1)
  expect(refusals(machine)).toEqual([`a request for 2 sectors from ${last} on, capacity is ${last + 1}`])
})

it('MSI off: no capability', () => {
  const { machine } = made({ msi: 'off' })
  const { bus } = machine
  const at = bus.config32(TEST_BDF, 0x34) & 0xff
  expect(bus.config32(TEST_BDF, at) & 0xffff).toBe(0x0001) // power management alone
  bus.setConfig32(TEST_BDF, 0x80, 0x00010000)
  expect(bus.config32(TEST_BDF, 0x80)).toBe(0)
})

describe('time', () => {
  it('resetNs is how long GHC.HR reads 1 (10.4.3)', () => {
    const { ahci, machine } = started({ resetNs: 900_000_000 })
    ahci.set(0x04, 1)
    machine.stall(899_000)
    expect(ahci.get(0x04)).toBe(1)
    machine.stall(2000)
    expect(ahci.get(0x04)).toBe(0)
  })

  it('linkNs to the link, busyNs to the signature', () => {
    const { ahci, machine } = started({ linkNs: 9_000_000, busyNs: 500_000_000 })
    ahci.stopPort()
    ahci.setPort(0x2c, 1)
    machine.stall(1000)
    ahci.setPort(0x2c, 0)
    machine.stall(8900)
    expect(ahci.port(0x28)).toBe(0)
    machine.stall(200)
    expect([ahci.port(0x28), ahci.port(0x20)]).toEqual([0x133, 0x80])
    machine.stall(499_000)
    expect(ahci.port(0x20)).toBe(0x80)
    machine.stall(2000)
    expect([ahci.port(0x20), ahci.port(0x24)]).toEqual([0x0150, 0x101])
  })

  it('staggered spin-up: after GHC.HR the link waits for PxCMD.SUD (10.1.1)', () => {
    const { ahci, machine } = started({ staggeredSpinUp: 'on' })
    expect(ahci.get(0) & 0x08000000).toBe(0x08000000)
    expect(ahci.port(0x18) & 2).toBe(2) // firmware has spun it up
    ahci.resetHba()
    machine.stall(100_000)
    expect([ahci.port(0x18) & 2, ahci.port(0x28)]).toEqual([0, 0])
    ahci.setPort(0x18, 2)
    machine.stall(100_000)
    expect([ahci.port(0x18) & 2, ahci.port(0x28)]).toEqual([2, 0x133])
    ahci.startPort()
    expect(ahci.run(0, write(0))).toBe(0x50)
  })
})
