// Commands as a driver issues them: AHCI 1.3.1 sections 5.5 to 5.6, ACS-3 section 7; results by literal offset.
import { gpa } from '@dumpstack/bytes'
import { RawAhci, rawBusOf } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import {
  BUFFER,
  DRIVER_MEMORY,
  diskBytes,
  HIGH_BUFFER,
  pattern,
  TEST_BDF,
  TEST_DISK_BYTES,
  testMachine,
} from '../../test-machine.ts'

function started(options: { logicalSectorBytes?: number } = {}) {
  const { machine, disk } = testMachine(options)
  const ahci = new RawAhci(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY)
  ahci.startPort()
  const ram = (at: number, byteLength: number) => Uint8Array.from(machine.ram.span(gpa(at), byteLength))
  return { machine, disk, ahci, ram }
}
const identify = { command: 0xec, segments: [{ at: BUFFER, byteLength: 512 }] }
const text = (bytes: Uint8Array) => Buffer.from(bytes).swap16().toString('latin1')

describe('IDENTIFY DEVICE', () => {
  it('ends as PIO in: PSS, PIO Setup FIS, PRDBC, slot free', () => {
    const { ahci, machine } = started()
    expect(ahci.run(2, identify)).toBe(0x50)
    expect(ahci.port(0x10)).toBe(0x2)
    expect(ahci.port(0x38)).toBe(0)
    expect([...ahci.received(0x20, 20)]).toEqual([
      0x5f, 0x60, 0x58, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0x50, 0, 2, 0, 0,
    ])
    expect(machine.ram.u32(gpa(DRIVER_MEMORY + 2 * 32 + 4))).toBe(512)
    expect(machine.evidence.dmaLog.length).toBe(0) // no bytes of the disk
  })

  it('describes a 512e disk', () => {
    const { ahci, ram } = started()
    ahci.run(0, identify)
    const bytes = ram(BUFFER, 512)
    const word = (n: number) => bytes[n * 2]! | (bytes[n * 2 + 1]! << 8)
    expect(text(bytes.subarray(20, 40))).toBe('DS-0001'.padEnd(20))
    expect(text(bytes.subarray(54, 94))).toBe('Dumpstack disk'.padEnd(40))
    expect(word(0) & 0x8000).toBe(0) // ATA
    expect(word(49)).toBe(0x0300)
    expect(word(60) + word(61) * 65536).toBe(TEST_DISK_BYTES / 512)
    expect(word(75)).toBe(31)
    expect(word(76) & 0x100).toBe(0x100) // NCQ
    expect(word(83)).toBe(0x7400)
    expect(word(86)).toBe(0x3400)
    expect(word(100) + word(101) * 65536).toBe(TEST_DISK_BYTES / 512)
    expect([word(102), word(103)]).toEqual([0, 0])
    expect(word(106)).toBe(0x6003)
    expect(word(255) & 0xff).toBe(0xa5)
    expect(bytes.reduce((sum, byte) => sum + byte, 0) & 0xff).toBe(0)
  })

  it('describes a 4Kn disk', () => {
    const { ahci, ram } = started({ logicalSectorBytes: 4096 })
    ahci.run(0, identify)
    const bytes = ram(BUFFER, 512)
    const word = (n: number) => bytes[n * 2]! | (bytes[n * 2 + 1]! << 8)
    expect(word(106)).toBe(0x5000)
    expect(word(117) + word(118) * 65536).toBe(2048)
    expect(word(100) + word(101) * 65536).toBe(TEST_DISK_BYTES / 4096)
  })

  it('shows what SET FEATURES changed, even after a COMRESET', () => {
    const { ahci, ram } = started()
    const word85 = () => {
      ahci.run(0, identify)
      return ram(BUFFER + 170, 2)[0]! & 0x60
    }
    expect(word85()).toBe(0x60)
    ahci.run(1, { command: 0xef, features: 0x82 })
    expect(word85()).toBe(0x40)
    ahci.run(1, { command: 0xef, features: 0x55 })
    expect(word85()).toBe(0)
    ahci.stopPort()
    ahci.comreset()
    ahci.setPort(0x18, ahci.port(0x18) | 1)
    expect(word85()).toBe(0)
    ahci.run(1, { command: 0xef, features: 0x02 })
    ahci.run(1, { command: 0xef, features: 0xaa })
    expect(word85()).toBe(0x60)
    expect(ahci.run(1, { command: 0xef, features: 0x03, count: 0x46 })).toBe(0x50)
  })
})

describe('data', () => {
  it.each([512, 4096])('moves with DMA EXT, both ways, sectors of %d bytes', (logicalSectorBytes) => {
    const { ahci, machine, disk, ram } = started({ logicalSectorBytes })
    const bytes = pattern(8192, 1)
    machine.ram.write(BUFFER, bytes)
    const count = 8192 / logicalSectorBytes
    const write = {
      command: 0x35,
      isWrite: true,
      lba: 1001,
      count,
      segments: [{ at: BUFFER, byteLength: 8192 }],
    }
    expect(ahci.run(7, write)).toBe(0x50)
    expect(ahci.port(0x10)).toBe(0x1) // DHRS
    expect(diskBytes(disk, 1001 * logicalSectorBytes, 8192)).toEqual(bytes)
    expect(diskBytes(disk, 1001 * logicalSectorBytes - 512, 512)).toEqual(new Uint8Array(512))
    expect(diskBytes(disk, 1001 * logicalSectorBytes + 8192, 512)).toEqual(new Uint8Array(512))
    expect(machine.ram.u32(gpa(DRIVER_MEMORY + 7 * 32 + 4))).toBe(8192)
    expect([...ahci.received(0x40, 8)]).toEqual([0x34, 0x40, 0x50, 0, 0xe9, 3, 0, 0x40])
    const read = { command: 0x25, lba: 1001, count, segments: [{ at: HIGH_BUFFER, byteLength: 8192 }] }
    expect(ahci.run(8, read)).toBe(0x50)
    expect(ram(HIGH_BUFFER, 8192)).toEqual(bytes)
    expect(machine.ram.used.has((HIGH_BUFFER / 4096) as never)).toBe(true)
  })

  it('moves with the 28-bit commands: device bits 27 to 24 of the block, 256 sectors for a count of 0', () => {
    const { ahci, machine, disk, ram } = started()
    const bytes = pattern(0x20000, 5)
    machine.ram.write(BUFFER, bytes)
    const segments = [{ at: BUFFER, byteLength: 0x20000 }]
    expect(ahci.run(2, { command: 0xca, isWrite: true, lba: 77, count: 0, segments })).toBe(0x50)
    expect(diskBytes(disk, 77 * 512, 0x20000)).toEqual(bytes)
    const read = { command: 0xc8, lba: 77, count: 1, segments: [{ at: HIGH_BUFFER, byteLength: 512 }] }
    expect(ahci.run(3, read)).toBe(0x50)
    expect(ram(HIGH_BUFFER, 512)).toEqual(bytes.slice(0, 512))
    // block 0x1000000 is beyond the disk, however small the rest of it looks
    expect(ahci.run(4, { ...read, device: 0x41, lba: 0 })).toBe(0x1051)
  })

  it('is scattered and gathered: odd places, many entries, neighbours, a run border, above 4 GiB', () => {
    const { ahci, machine, disk } = started()
    const places = [
      { at: BUFFER + 2, byteLength: 510 },
      { at: BUFFER + 512, byteLength: 1024 },
      { at: 0x300000 - 256, byteLength: 512 },
      { at: HIGH_BUFFER + 6, byteLength: 2 },
      ...Array.from({ length: 70 }, (_, i) => ({ at: 0x280000 + i * 4096, byteLength: 64 })),
    ]
    const total = places.reduce((sum, { byteLength }) => sum + byteLength, 0)
    const sectors = Math.floor(total / 512)
    const expected = new Uint8Array(total)
    let at = 0
    places.forEach(({ at: where, byteLength }, index) => {
      const bytes = pattern(byteLength, index)
      machine.ram.write(gpa(where), bytes)
      expected.set(bytes, at)
      at += byteLength
    })
    expect(ahci.run(0, { command: 0x35, isWrite: true, lba: 50, count: sectors, segments: places })).toBe(
      0x50,
    )
    expect(diskBytes(disk, 50 * 512, sectors * 512)).toEqual(expected.subarray(0, sectors * 512))
    for (const { at: where, byteLength } of places) machine.ram.write(gpa(where), new Uint8Array(byteLength))
    expect(ahci.run(0, { command: 0x25, lba: 50, count: sectors, segments: places })).toBe(0x50)
    const back = Buffer.concat(
      places.map(({ at: where, byteLength }) => {
        const bytes = new Uint8Array(byteLength)
        machine.ram.read(gpa(where), bytes)
        return bytes
      }),
    )
    expect(Buffer.compare(back.subarray(0, sectors * 512), expected.subarray(0, sectors * 512))).toBe(0)
  })

  it('of a write is what RAM holds when the command ends, not when it was issued', () => {
    const { ahci, machine, disk } = started()
    machine.ram.write(BUFFER, pattern(512, 1))
    ahci.prepare(0, { command: 0x35, isWrite: true, count: 1, segments: [{ at: BUFFER, byteLength: 512 }] })
    ahci.issue(1)
    machine.ram.write(BUFFER, pattern(512, 2))
    ahci.waitUntil('ended', () => ahci.port(0x38) === 0)
    expect(diskBytes(disk, 0, 512)).toEqual(pattern(512, 2))
  })

  it('PxIS.DPS is set for an entry with its I bit (4.2.3.3)', () => {
    const { ahci, machine } = started()
    ahci.prepare(0, { command: 0x25, count: 1, segments: [{ at: BUFFER, byteLength: 512 }] })
    machine.ram.setU32(gpa(DRIVER_MEMORY + 0x800 + 0x80 + 12), 0x800001ff)
    ahci.issue(1)
    ahci.waitUntil('ended', () => ahci.port(0x38) === 0)
    expect(ahci.port(0x10)).toBe(0x21)
  })
})

describe('NCQ', () => {
  const write = (slot: number, lba: number) => ({
    command: 0x61,
    isWrite: true,
    lba,
    features: 8,
    count: slot << 3,
    segments: [{ at: BUFFER + slot * 4096, byteLength: 4096 }],
  })

  it('keeps 32 writes in flight: slots free at once, PxSACT as they end (5.6.4)', () => {
    const { ahci, machine, disk } = started()
    for (let slot = 0; slot < 32; slot++) {
      machine.ram.write(gpa(BUFFER + slot * 4096), pattern(4096, slot))
      ahci.prepare(slot, write(slot, 4000 + slot * 8))
    }
    ahci.issue(0xffffffff, true)
    expect(ahci.port(0x38)).toBe(0)
    expect(ahci.port(0x34)).toBe(0xffffffff)
    expect(ahci.port(0x20)).toBe(0x50)
    expect(diskBytes(disk, 4000 * 512, 4096)).toEqual(new Uint8Array(4096))
    machine.stall(100)
    const half = ahci.port(0x34)
    expect(half).not.toBe(0)
    expect(half).not.toBe(0xffffffff)
    ahci.waitUntil('all ended', () => ahci.port(0x34) === 0)
    expect(ahci.port(0x10)).toBe(0x8) // SDBS
    expect(machine.evidence.dmaLog.length).toBe(32)
    for (let slot = 0; slot < 32; slot++) {
      expect(diskBytes(disk, (4000 + slot * 8) * 512, 4096)).toEqual(pattern(4096, slot))
    }
    const last = machine.evidence.dmaLog.at(31)
    expect([...ahci.received(0x58, 4)]).toEqual([0xa1, 0x40, 0x50, 0])
    expect(last.byteLength).toBe(4096)
  })

  it('reads what it wrote, with sectors in Features and the tag in Count', () => {
    const { ahci, machine, ram } = started()
    machine.ram.write(gpa(BUFFER + 5 * 4096), pattern(4096, 77))
    ahci.prepare(5, write(5, 64))
    ahci.issue(1 << 5, true)
    ahci.waitUntil('written', () => ahci.port(0x34) === 0)
    ahci.prepare(9, {
      command: 0x60,
      lba: 64,
      features: 8,
      count: 9 << 3,
      segments: [{ at: HIGH_BUFFER, byteLength: 4096 }],
    })
    ahci.issue(1 << 9, true)
    ahci.waitUntil('read', () => ahci.port(0x34) === 0)
    expect(ram(HIGH_BUFFER, 4096)).toEqual(pattern(4096, 77))
  })

  it.each([
    ['clearing PxCMD.ST', (ahci: RawAhci) => ahci.stopPort(), 0x0451],
    ['COMRESET', (ahci: RawAhci) => ahci.comreset(), 0x50],
    ['GHC.HR', (ahci: RawAhci) => ahci.resetHba(), 0x50],
  ])('what %s drops in flight never reaches the disk, what had ended stays', (_, drop, taskFile) => {
    const { ahci, machine, disk } = started()
    for (let slot = 0; slot < 32; slot++) {
      machine.ram.write(gpa(BUFFER + slot * 4096), pattern(4096, slot))
      ahci.prepare(slot, write(slot, 4000 + slot * 8))
    }
    ahci.issue(0xffffffff, true)
    machine.stall(100)
    const ended = ~ahci.port(0x34) >>> 0
    const before = diskBytes(disk, 4000 * 512, 32 * 4096)
    drop(ahci)
    machine.stall(1_000_000)
    ahci.stopPort() // COMRESET clears neither PxSACT nor PxCI, this does (3.3.13, 3.3.14)
    expect([ahci.port(0x34), ahci.port(0x38)]).toEqual([0, 0])
    const after = diskBytes(disk, 4000 * 512, 32 * 4096)
    expect(Buffer.compare(after, before)).toBe(0)
    for (let slot = 0; slot < 32; slot++) {
      const expected = ((ended >>> slot) & 1) === 1 ? pattern(4096, slot) : new Uint8Array(4096)
      expect(after.subarray(slot * 4096, slot * 4096 + 4096)).toEqual(expected)
    }
    ahci.startPort()
    expect(ahci.run(0, identify)).toBe(taskFile) // the device still has its queue after a mere stop
  })

  it('a command that is not queued among queued ones ends them all with an error (ACS-3 4.14.4)', () => {
    const { ahci, disk } = started()
    ahci.prepare(0, write(0, 0))
    ahci.issue(1, true)
    expect(ahci.run(1, identify)).toBe(0x0451)
    ahci.bus.stall(10_000)
    expect(diskBytes(disk, 0, 4096)).toEqual(new Uint8Array(4096))
    expect(ahci.port(0x34)).toBe(1)
  })
})

describe('other commands', () => {
  it.each([0xe7, 0xea])('FLUSH CACHE 0x%s is counted by the disk', (command) => {
    const { ahci, disk } = started()
    expect(ahci.run(0, { command })).toBe(0x50)
    expect(disk.flushCount).toBe(1)
  })

  it('STANDBY IMMEDIATE ends well', () => {
    const { ahci } = started()
    expect(ahci.run(0, { command: 0xe0 })).toBe(0x50)
    expect(ahci.port(0x10)).toBe(0x1)
  })

  it.each([0xe1, 0xe2, 0xe3])('command 0x%s of power management ends well', (command) => {
    const { ahci } = started()
    expect(ahci.run(0, { command })).toBe(0x50)
  })

  it('CHECK POWER MODE says that the disk is active', () => {
    const { ahci } = started()
    expect(ahci.run(0, { command: 0xe5 })).toBe(0x50)
    expect(ahci.received(0x4c, 1)[0]).toBe(0xff)
  })

  it.each([
    ['READ VERIFY', 0x40],
    ['READ VERIFY EXT', 0x42],
  ])('%s moves nothing and fails beyond the end', (_name, command) => {
    const { ahci, machine } = started()
    const { sectorCount } = machine.disks[0]!
    expect(ahci.run(0, { command, lba: sectorCount - 2, count: 2 })).toBe(0x50)
    expect(ahci.run(0, { command, lba: sectorCount - 2, count: 3 })).toBe(0x1051)
  })

  it('what the disk does not know is aborted and logged', () => {
    const { ahci, machine } = started()
    expect(ahci.run(0, { command: 0x06 })).toBe(0x0451)
    ahci.recover()
    expect(ahci.run(0, { command: 0xef, features: 0x77 })).toBe(0x0451)
    expect(machine.evidence.notModelled.map(({ register }) => register)).toEqual([
      'ATA command 0x6',
      'SET FEATURES 0x77',
    ])
  })

  it('software reset: two control FISes, then the signature (10.4.1)', () => {
    const { ahci } = started()
    const control = (value: number) => {
      const fis = new Uint8Array(20)
      fis[0] = 0x27
      fis[15] = value
      return fis
    }
    ahci.stopPort()
    ahci.setPort(0x18, ahci.port(0x18) | 1)
    ahci.prepareFis(0, control(4), 0x505)
    ahci.issue(1)
    expect(ahci.port(0x38)).toBe(0)
    ahci.prepareFis(1, control(0), 5)
    ahci.issue(2)
    expect(ahci.port(0x38)).toBe(2)
    expect(ahci.port(0x20) & 0x80).toBe(0x80)
    ahci.waitUntil('the device is ready', () => ahci.port(0x38) === 0)
    expect(ahci.port(0x20)).toBe(0x150)
    expect(ahci.run(2, identify)).toBe(0x50)
  })
})

describe('bus mastering', () => {
  it('is needed to fetch and to move data; what waits goes on when it is back', () => {
    const { ahci, machine, disk } = started()
    const write = { command: 0x35, isWrite: true, count: 1, segments: [{ at: BUFFER, byteLength: 512 }] }
    machine.ram.write(BUFFER, pattern(512, 8))
    ahci.prepare(0, write)
    ahci.issue(1)
    machine.bus.setConfig32(TEST_BDF, 0x04, 0x2)
    machine.stall(1000)
    expect(diskBytes(disk, 0, 512)).toEqual(new Uint8Array(512))
    machine.bus.setConfig32(TEST_BDF, 0x04, 0x6)
    expect(diskBytes(disk, 0, 512)).toEqual(pattern(512, 8))
    machine.bus.setConfig32(TEST_BDF, 0x04, 0x2)
    ahci.issue(1)
    machine.stall(1000)
    expect(ahci.port(0x38)).toBe(1)
    machine.bus.setConfig32(TEST_BDF, 0x04, 0x6)
    machine.stall(1000)
    expect(ahci.port(0x38)).toBe(0)
  })
})
