// Errors of commands and structures (AHCI 1.3.1 section 6) and the fault plan, as a driver sees them.
import { gpa, lba } from '@dumpstack/bytes'
import type { RawAhci } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import { MachineError } from '../../errors.ts'
import { BUFFER, DRIVER_MEMORY, diskBytes, pattern, TEST_DISK_BYTES } from '../../test-machine.ts'
import { queued, started, write } from './ahci-commands.test-support.ts'

const SECTORS = TEST_DISK_BYTES / 512
const zeros = (byteLength: number) => new Uint8Array(byteLength)

const read = (at: number, count = 1) => ({ ...write(at, count), command: 0x25, isWrite: false })

describe('a command that fails', () => {
  it('stops the list with TFES and the cause of its FIS; CI stays; clearing ST goes on (6.2.2.1)', () => {
    const { ahci, disk } = started()
    ahci.setPort(0x10, 0xffffffff)
    ahci.prepare(3, write(SECTORS))
    ahci.prepare(4, write(0))
    ahci.issue(0x18)
    ahci.waitUntil('TFES', () => ahci.port(0x10) !== 0)
    ahci.bus.stall(10_000)
    expect(ahci.port(0x10)).toBe(0x40000001)
    expect([...ahci.received(0x40, 4)]).toEqual([0x34, 0x40, 0x51, 0x10])
    expect(ahci.port(0x20)).toBe(0x1051) // IDNF
    expect(ahci.port(0x38)).toBe(0x18)
    expect((ahci.port(0x18) >>> 8) & 0x1f).toBe(3) // CCS names the slot that failed
    expect(diskBytes(disk, 0, 512)).toEqual(zeros(512))
    ahci.recover()
    expect(ahci.port(0x38)).toBe(0)
    expect(ahci.run(4, write(0))).toBe(0x50)
    expect(diskBytes(disk, 0, 512)).toEqual(pattern(8192, 1).subarray(0, 512))
  })

  it.each([
    ['the last sector is good', SECTORS - 1, 1, 0x50],
    ['one past the end', SECTORS - 1, 2, 0x1051],
    ['count 0 is 65536 sectors', SECTORS - 65535, 0, 0x1051],
    ['all 48 bits', 0xffffffffffff, 1, 0x1051],
  ])('range: %s', (_, at, count, taskFile) => {
    const { ahci, machine } = started()
    expect(ahci.run(0, { ...write(at, 1), count })).toBe(taskFile)
    expect(machine.evidence.dmaLog.length).toBe(taskFile === 0x50 ? 1 : 0)
  })

  it('a queued one: SDB FIS without tags, everything else given up, all aborted until the log is read (ACS-3 4.14.4)', () => {
    const { ahci, machine, disk } = started()
    ahci.prepare(0, queued(0, 0))
    ahci.prepare(6, queued(6, SECTORS - 4))
    ahci.prepare(9, queued(9, 16))
    ahci.issue(0x241, true)
    ahci.waitUntil('TFES', () => (ahci.port(0x10) & 0x40000000) !== 0)
    ahci.bus.stall(10_000)
    expect(machine.evidence.dmaLog.length).toBe(1)
    expect(ahci.port(0x34)).toBe(0x240)
    expect(ahci.port(0x10)).toBe(0x40000008)
    expect(ahci.port(0x20)).toBe(0x1051)
    expect([...ahci.received(0x58, 8)]).toEqual([0xa1, 0x40, 0x51, 0x10, 0, 0, 0, 0])
    expect(diskBytes(disk, 16 * 512, 4096)).toEqual(zeros(4096))
    ahci.recover()
    expect(ahci.run(1, write(0))).toBe(0x0451)
    ahci.recover()
    const log = { command: 0x2f, lba: 0x10, count: 1, segments: [{ at: BUFFER, byteLength: 512 }] }
    expect(ahci.run(1, log)).toBe(0x50)
    const page = machine.ram.span(BUFFER, 512)
    expect([page[0], page[2], page[3]]).toEqual([6, 0x51, 0x10])
    const at = SECTORS - 4
    expect([...page.subarray(4, 11)]).toEqual([at & 0xff, (at >> 8) & 0xff, (at >> 16) & 0xff, 0x40, 0, 0, 0])
    expect(page.reduce((sum, byte) => sum + byte, 0) & 0xff).toBe(0)
    expect(ahci.run(1, write(0))).toBe(0x50)
  })

  it('a command after a reset does not wait for what the reset dropped', () => {
    const { ahci, machine } = started()
    for (let slot = 0; slot < 32; slot++) ahci.prepare(slot, queued(slot, slot * 8))
    ahci.issue(0xffffffff, true)
    ahci.stopPort()
    ahci.comreset()
    ahci.setPort(0x18, ahci.port(0x18) | 1)
    ahci.prepare(0, read(0))
    ahci.issue(1)
    machine.stall(30)
    expect(ahci.port(0x38)).toBe(0)
  })

  it.each([
    ['a command that is not queued', read(0), 1],
    ['a tag that the device holds', queued(6, 0), 6],
  ])('the device keeps its queue over a stop: %s ends it (ACS-3 4.14.4)', (_, command, slot) => {
    const { ahci, machine, disk } = started()
    for (const held of [6, 9]) ahci.prepare(held, queued(held, held * 8))
    ahci.issue(0x240, true)
    ahci.recover()
    expect([ahci.port(0x34), ahci.port(0x38)]).toEqual([0, 0])
    ahci.bus.stall(10_000)
    expect(machine.evidence.dmaLog.length).toBe(0)
    ahci.prepare(slot, command)
    ahci.issue(1 << slot, slot === 6)
    ahci.waitUntil('TFES', () => (ahci.port(0x10) & 0x40000000) !== 0)
    expect(ahci.port(0x20)).toBe(0x0451)
    ahci.recover()
    const log = { command: 0x2f, lba: 0x10, count: 1, segments: [{ at: BUFFER, byteLength: 512 }] }
    expect(ahci.run(1, log)).toBe(0x50)
    expect(machine.ram.span(BUFFER, 1)[0]).toBe(0x80)
    expect(ahci.run(1, read(0))).toBe(0x50)
    expect(diskBytes(disk, 48 * 512, 4096)).toEqual(zeros(4096))
  })

  it.each([
    ['idle without a reset takes a new list: the disk is done with what it held', false, 0x50],
    ['not, while the disk hangs', true, 0xd0],
  ])('a port that was brought to %s (10.1.2)', (_, hangs, taskFile) => {
    const { ahci, machine, disk } = started()
    if (hangs) machine.faults.add({ kind: 'hang', controller: 'ahci0', afterWrites: 0 })
    ahci.prepare(3, write(8))
    ahci.issue(8)
    if (hangs) machine.stall(1000)
    ahci.stopPort()
    expect(ahci.port(0x20)).toBe(0xd0)
    ahci.setPort(0x18, ahci.port(0x18) & ~0x10)
    expect(ahci.port(0x20)).toBe(taskFile)
    if (hangs) return
    ahci.startPort()
    expect(ahci.run(0, write(16))).toBe(0x50)
    machine.stall(10_000)
    expect(diskBytes(disk, 8 * 512, 512)).toEqual(zeros(512))
    expect(machine.evidence.completionCount).toBe(1)
  })

  it('another tag than those that the device holds is good', () => {
    const { ahci, disk } = started()
    ahci.prepare(6, queued(6, 48))
    ahci.issue(1 << 6, true)
    ahci.recover()
    ahci.prepare(7, queued(7, 56))
    ahci.issue(1 << 7, true)
    ahci.waitUntil('tag 7 ends', () => ahci.port(0x34) === 0)
    expect(diskBytes(disk, 56 * 512, 4096)).toEqual(pattern(8192, 1).subarray(0, 4096))
    expect(diskBytes(disk, 48 * 512, 4096)).toEqual(zeros(4096))
  })

  it.each([
    ['COMRESET', (ahci: RawAhci) => ahci.comreset()],
    ['GHC.HR', (ahci: RawAhci) => ahci.resetHba()],
  ])('%s empties the queue that a stop left in the device', (_, reset) => {
    const { ahci } = started()
    ahci.prepare(6, queued(6, 0))
    ahci.issue(1 << 6, true)
    ahci.stopPort()
    reset(ahci)
    ahci.startPort()
    expect(ahci.run(1, write(0))).toBe(0x50)
  })

  it('COMRESET also leaves the error of the queue', () => {
    const { ahci } = started()
    ahci.prepare(6, queued(6, SECTORS))
    ahci.issue(1 << 6, true)
    ahci.waitUntil('TFES', () => (ahci.port(0x10) & 0x40000000) !== 0)
    ahci.stopPort()
    ahci.comreset()
    ahci.setPort(0x10, 0xffffffff)
    ahci.setPort(0x18, ahci.port(0x18) | 1)
    expect(ahci.run(1, write(0))).toBe(0x50)
  })

  it('IDENTIFY PACKET DEVICE, the probe for ATAPI, is aborted and not logged (ACS-3 7.13)', () => {
    const { ahci, machine } = started()
    ahci.setPort(0x10, 0xffffffff)
    expect(ahci.run(0, { command: 0xa1, segments: [{ at: BUFFER, byteLength: 512 }] })).toBe(0x0451)
    expect(ahci.port(0x10)).toBe(0x40000001)
    expect(machine.evidence.notModelled).toEqual([])
  })

  it('logs other than the directory and the NCQ error are aborted', () => {
    const { ahci, machine } = started()
    const log = (address: number, count = 1) => ({
      command: 0x2f,
      lba: address,
      count,
      segments: [{ at: BUFFER, byteLength: 512 }],
    })
    expect(ahci.run(0, log(0))).toBe(0x50)
    expect([...machine.ram.span(gpa(BUFFER), 2), machine.ram.span(BUFFER, 64)[0x20]]).toEqual([1, 0, 1])
    expect(ahci.run(0, log(0x04))).toBe(0x0451)
    ahci.recover()
    expect(ahci.run(0, log(0x10, 2))).toBe(0x0451)
  })
})

describe('structures that are wrong stop the port and name their cause in PxIS', () => {
  const HBFS = 0x20000000
  const IFS = 0x08000000
  const OFS = 0x01000000
  it.each([
    ['command list outside RAM', HBFS, (ahci: RawAhci) => ahci.setPort(0x00, 0xb0000)],
    [
      'command table outside RAM',
      HBFS,
      (ahci: RawAhci) => ahci.bus.writeRam(DRIVER_MEMORY + 8, Uint8Array.of(0, 0, 0x0b, 0)),
    ],
    [
      'command table in the device window',
      HBFS,
      (ahci: RawAhci) => ahci.bus.writeRam(DRIVER_MEMORY + 8, Uint8Array.of(0, 0, 0, 0xe0)),
    ],
    [
      'data outside RAM',
      HBFS,
      (ahci: RawAhci) => ahci.bus.writeRam(DRIVER_MEMORY + 0x880, Uint8Array.of(0, 0, 0x0b, 0)),
    ],
    [
      'data that leaves RAM',
      HBFS,
      (ahci: RawAhci) => ahci.bus.writeRam(DRIVER_MEMORY + 0x880, Uint8Array.of(0, 0xff, 0x09, 0)),
    ],
    ['FIS area outside RAM', HBFS, (ahci: RawAhci) => ahci.setPort(0x08, 0xb0000)],
    ['a FIS of one dword', IFS, (ahci: RawAhci) => ahci.bus.writeRam(DRIVER_MEMORY, Uint8Array.of(0x41))],
    [
      'a FIS of another type',
      IFS,
      (ahci: RawAhci) => ahci.bus.writeRam(DRIVER_MEMORY + 0x800, Uint8Array.of(0x46)),
    ],
    [
      'a write whose header does not say so',
      IFS,
      (ahci: RawAhci) => ahci.bus.writeRam(DRIVER_MEMORY, Uint8Array.of(0x05)),
    ],
    ['a BIST FIS', IFS, (ahci: RawAhci) => ahci.bus.writeRam(DRIVER_MEMORY + 1, Uint8Array.of(0x02))],
    [
      'too few bytes in the table',
      OFS,
      (ahci: RawAhci) => ahci.bus.writeRam(DRIVER_MEMORY + 0x88c, Uint8Array.of(0xff, 0x01)),
    ],
    ['no table', OFS, (ahci: RawAhci) => ahci.bus.writeRam(DRIVER_MEMORY + 2, Uint8Array.of(0, 0))],
  ])('%s', (_, cause, spoil) => {
    const { ahci, machine, disk } = started()
    ahci.setPort(0x10, 0xffffffff)
    ahci.prepare(0, write(0, 2))
    spoil(ahci)
    ahci.issue(1)
    machine.stall(10_000)
    expect(ahci.port(0x10)).toBe(cause)
    expect(ahci.port(0x38)).toBe(1)
    expect(machine.evidence.stops.map(({ reason }) => reason)).toEqual([
      expect.stringContaining(cause === HBFS ? 'PxIS.HBFS' : cause === IFS ? 'PxIS.IFS' : 'PxIS.OFS'),
    ])
    if (cause !== HBFS || ahci.port(0x08) !== 0xb0000) expect(diskBytes(disk, 0, 1024)).toEqual(zeros(1024))
    ahci.resetHba()
    ahci.startPort()
    expect(ahci.run(0, write(0, 2))).toBe(0x50)
  })
})

describe('faults', () => {
  const after = { controller: 'ahci0', afterWrites: 1 }

  it('badSector: UNC for reads, IDNF for writes, with the LBA; neighbours are good', () => {
    const { ahci, machine, disk } = started()
    machine.faults.add({ kind: 'badSector', controller: 'ahci0', lba: lba(100), sectorCount: 2 })
    expect(ahci.run(0, write(98, 2))).toBe(0x50)
    expect(ahci.run(0, write(98, 3))).toBe(0x1051)
    expect([...ahci.received(0x44, 3)]).toEqual([100, 0, 0])
    expect(diskBytes(disk, 100 * 512, 512)).toEqual(zeros(512))
    ahci.recover()
    expect(ahci.run(0, read(101, 1))).toBe(0x4051)
    ahci.recover()
    expect(ahci.run(0, read(102, 1))).toBe(0x50)
    machine.faults.clear()
    expect(ahci.run(0, write(100, 1))).toBe(0x50)
  })

  it('transientError: once, then the retry is good', () => {
    const { ahci, machine, disk } = started()
    machine.faults.add({ kind: 'transientError', ...after })
    expect(ahci.run(0, write(1))).toBe(0x50)
    expect(ahci.run(0, write(2))).toBe(0x8451)
    expect(diskBytes(disk, 1024, 512)).toEqual(zeros(512))
    ahci.recover()
    expect(ahci.run(0, write(2))).toBe(0x50)
  })

  it('hang: the write and those after it never end; COMRESET brings the disk back', () => {
    const { ahci, machine, disk } = started()
    machine.faults.add({ kind: 'hang', ...after, count: 1 })
    for (const slot of [0, 1, 2]) ahci.prepare(slot, queued(slot, slot * 8))
    ahci.issue(7, true)
    machine.stall(10_000_000)
    expect(ahci.port(0x34)).toBe(6)
    expect(machine.evidence.dmaLog.length).toBe(1)
    ahci.prepare(5, read(0))
    ahci.issue(1 << 5)
    machine.stall(1_000_000)
    expect(ahci.port(0x38)).toBe(1 << 5)
    expect(ahci.port(0x20) & 0x80).toBe(0x80)
    ahci.stopPort()
    ahci.setPort(0x18, ahci.port(0x18) | 8) // CLO helps the port, not the disk
    ahci.setPort(0x18, ahci.port(0x18) | 1)
    ahci.issue(1 << 5)
    machine.stall(1_000_000)
    expect(ahci.port(0x38)).toBe(1 << 5)
    ahci.stopPort()
    ahci.comreset()
    ahci.setPort(0x18, ahci.port(0x18) | 1)
    expect(ahci.run(0, write(8))).toBe(0x50)
    expect(diskBytes(disk, 16 * 512, 512)).toEqual(zeros(512))
  })

  it('lostCompletion: the data is on the disk, the slot stays busy', () => {
    const { ahci, machine, disk } = started()
    machine.faults.add({ kind: 'lostCompletion', ...after, count: 1 })
    for (const slot of [0, 1, 2]) ahci.prepare(slot, queued(slot, slot * 8))
    ahci.issue(7, true)
    machine.stall(1_000_000)
    expect(ahci.port(0x34)).toBe(2)
    expect(diskBytes(disk, 8 * 512, 4096)).toEqual(pattern(8192, 1).subarray(0, 4096))
    expect(machine.evidence.dmaLog.length).toBe(3)
  })

  it('wrongStatus: reported good, nothing written', () => {
    const { ahci, machine, disk } = started()
    machine.faults.add({ kind: 'wrongStatus', ...after, count: 1 })
    for (const at of [0, 1, 2]) expect(ahci.run(0, write(at))).toBe(0x50)
    expect(diskBytes(disk, 512, 512)).toEqual(zeros(512))
    expect(diskBytes(disk, 1024, 512)).not.toEqual(zeros(512))
    expect(machine.evidence.dmaLog.length).toBe(2)
  })

  it('wrongPage: the first page comes from the other page of its pair', () => {
    const { ahci, machine, disk } = started()
    machine.faults.add({ kind: 'wrongPage', controller: 'ahci0', afterWrites: 0, count: 1 })
    machine.ram.write(gpa(BUFFER + 8192), pattern(4096, 5))
    expect(ahci.run(0, write(0, 24))).toBe(0x50)
    const second = pattern(8192, 1).subarray(4096)
    expect(diskBytes(disk, 0, 4096)).toEqual(second)
    expect(diskBytes(disk, 4096, 4096)).toEqual(second)
    expect(diskBytes(disk, 8192, 4096)).toEqual(pattern(4096, 5))
  })

  it('latency: every command takes longer', () => {
    const { ahci, machine } = started()
    const timeOf = () => {
      ahci.prepare(0, write(0))
      const before = machine.nowNs
      ahci.issue(1)
      while (ahci.port(0x38) !== 0) machine.stall(1)
      return machine.nowNs - before
    }
    const plain = timeOf()
    machine.faults.add({ kind: 'latency', controller: 'ahci0', nanoseconds: 5_000_000 })
    const slow = timeOf() - plain
    expect(slow).toBeGreaterThan(4_990_000)
    expect(slow).toBeLessThan(5_010_000)
  })

  it('throttle: the data of `count` commands moves at that rate', () => {
    const { ahci, machine, disk } = started()
    const timeOf = (count: number) => {
      ahci.prepare(0, write(0, count))
      const before = machine.nowNs
      ahci.issue(1)
      for (let i = 0; i < 1e6 && ahci.port(0x38) !== 0; i++) machine.stall(1)
      return machine.nowNs - before
    }
    machine.faults.add({ kind: 'throttle', controller: 'ahci0', bytesPerSecond: 1_000_000, count: 2 })
    const sixteen = timeOf(16)
    expect(Math.abs(sixteen - timeOf(8) - 4_096_000)).toBeLessThan(10_000)
    expect(diskBytes(disk, 0, 8192)).toEqual(pattern(8192, 1))
    expect(timeOf(16)).toBeLessThan(100_000)
  })

  it('linkDown: no link, PRCS, nothing in flight ends; the first `count` COMRESETs fail', () => {
    const { ahci, machine, disk } = started()
    ahci.prepare(0, write(0))
    ahci.issue(1)
    machine.faults.add({ kind: 'linkDown', controller: 'ahci0', count: 2 })
    expect(ahci.port(0x28)).toBe(0)
    expect(ahci.port(0x10) & 0x00400000).toBe(0x00400000)
    machine.stall(100_000)
    expect(diskBytes(disk, 0, 512)).toEqual(zeros(512))
    expect(ahci.port(0x38)).toBe(1) // only clearing ST clears it (3.3.14)
    ahci.stopPort()
    expect(ahci.port(0x38)).toBe(0)
    const links = [0, 0, 0].map(() => {
      ahci.setPort(0x2c, 1)
      machine.stall(1000)
      ahci.setPort(0x2c, 0)
      machine.stall(20_000)
      return ahci.port(0x28)
    })
    expect(links).toEqual([0, 0x133, 0x133])
  })

  it('linkDown ends when the plan is cleared', () => {
    const { ahci, machine } = started()
    machine.faults.add({ kind: 'linkDown', controller: 'ahci0' })
    ahci.resetHba()
    machine.stall(100_000)
    expect(ahci.port(0x28)).toBe(0)
    machine.faults.clear()
    machine.stall(20_000)
    expect(ahci.port(0x28)).toBe(0x133)
    ahci.startPort()
    expect(ahci.run(0, write(0))).toBe(0x50)
  })

  it('a plan for another controller or with impossible numbers is refused', () => {
    const { machine } = started()
    expect(() => machine.faults.add({ kind: 'hang', controller: 'ahci7', afterWrites: 0 })).toThrow(/ahci7/)
    expect(() => machine.faults.add({ kind: 'hang', controller: 'ahci0', afterWrites: -1 })).toThrow(
      MachineError,
    )
    expect(() => machine.faults.add({ kind: 'throttle', controller: 'ahci0', bytesPerSecond: 0 })).toThrow(
      MachineError,
    )
    expect(() =>
      machine.faults.add({ kind: 'hang', controller: 'ahci0', afterWrites: 0, count: Number.NaN }),
    ).toThrow(MachineError)
  })
})
