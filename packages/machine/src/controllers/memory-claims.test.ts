import { gpa } from '@dumpstack/bytes'
import { RawVirtioBlk, rawBusOf } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import type { Machine } from '../machine.ts'
import { BUFFER, DRIVER_MEMORY, TEST_BDF, testMachine } from '../test-machine.ts'
import { queued, started } from './ahci/ahci-commands.test-support.ts'
import { MemoryClaims } from './memory-claims.ts'
import { virtioBlk } from './virtio-blk/index.ts'

function toldOf(machine: Machine): string[] {
  const told: string[] = []
  machine.evidence.onOverlap = (controller, message) => told.push(`${controller}: ${message}`)
  return told
}

describe('places', () => {
  const made = () => {
    const told: string[] = []
    return { told, claims: new MemoryClaims(['a list', 'a table'], (message) => told.push(message)) }
  }

  it.each([
    ['after the other', 0x1100, 0x10, []],
    ['before the other', 0xff0, 0x10, []],
    [
      'its last byte in the other',
      0xff1,
      0x10,
      [
        'a table, 16 bytes at physical address 0xff1, overlaps a list, 256 bytes at physical address 0x1000, by 1 bytes',
      ],
    ],
    [
      'around the other',
      0xf00,
      0x1000,
      [
        'a table, 4096 bytes at physical address 0xf00, overlaps a list, 256 bytes at physical address 0x1000, by 256 bytes',
      ],
    ],
  ])('%s', (_what, start, byteLength, expected) => {
    const { told, claims } = made()
    claims.claim(0, 0x1000, 0x100)
    claims.claim(1, start, byteLength)
    expect(told).toEqual(expected)
  })

  it('are told of once until all are released, and may be claimed again', () => {
    const { told, claims } = made()
    for (let life = 0; life < 2; life++) {
      claims.claim(0, 0x1000, 0x100)
      claims.claim(0, 0x1080, 0x100)
      claims.claim(1, 0x1000, 0x100)
      claims.claim(1, 0x1000, 0x100)
      claims.release(0)
      claims.claim(1, 0x1000, 0x100)
      claims.releaseAll()
    }
    expect(told).toHaveLength(2)
  })

  it('are not for data that is read into them', () => {
    const { told, claims } = made()
    claims.claim(0, 0x1000, 0x100)
    claims.write(0x1100, 0x1000)
    claims.write(0x800, 0x804)
    expect(told).toEqual([
      'memory that the device writes, 2052 bytes at physical address 0x800, overlaps a list, 256 bytes at physical address 0x1000, by 4 bytes',
    ])
  })
})

describe('AHCI', () => {
  const read = (at: number) => ({
    command: 0x25,
    lba: 0,
    count: 1,
    segments: [{ at, byteLength: 512 }],
  })

  it('counts the list up to the last slot that was used', () => {
    const { machine, ahci } = started()
    const told = toldOf(machine)
    ahci.stopPort()
    ahci.setPort(0x08, DRIVER_MEMORY + 0x100)
    ahci.setPort(0x18, ahci.port(0x18) | 1)
    ahci.run(7, read(BUFFER))
    expect(told).toEqual([])
    ahci.run(8, read(BUFFER))
    expect(told).toEqual([
      'ahci0: the command list (PxCLB), 288 bytes at physical address 0x110000, overlaps the received FIS structure (PxFB), 256 bytes at physical address 0x110100, by 32 bytes',
    ])
  })

  it('tells of tables of commands that are outstanding at once', () => {
    const { machine, ahci } = started()
    const told = toldOf(machine)
    const table = DRIVER_MEMORY + 0x800
    const place = (slot: number, at: number): void =>
      machine.ram.setU32(gpa(DRIVER_MEMORY + slot * 32 + 8), at)
    ahci.prepare(0, queued(0, 0))
    ahci.prepare(1, queued(1, 8))
    place(1, table + 0x80)
    machine.ram.write(gpa(table + 0x80), machine.ram.span(gpa(table + 0x500), 0x90))
    ahci.issue(3, true)
    expect(told).toEqual([
      'ahci0: the command table of slot 1, 144 bytes at physical address 0x110880, overlaps the command table of slot 0, 144 bytes at physical address 0x110800, by 16 bytes',
    ])
  })

  it('lets the next command have the table of one that has ended', () => {
    const { machine, ahci } = started()
    const told = toldOf(machine)
    for (let slot = 0; slot < 3; slot++) {
      ahci.prepare(slot, read(BUFFER))
      machine.ram.write(
        gpa(DRIVER_MEMORY + 0x800),
        machine.ram.span(gpa(DRIVER_MEMORY + 0x800 + slot * 0x500), 0x90),
      )
      machine.ram.setU32(gpa(DRIVER_MEMORY + slot * 32 + 8), DRIVER_MEMORY + 0x800)
      ahci.issue(1 << slot)
      machine.stall(1e5)
      expect(ahci.port(0x38)).toBe(0)
    }
    expect(told).toEqual([])
  })

  it('tells of data that goes to its own structures, and not of data that comes from there', () => {
    const { machine, ahci } = started()
    const told = toldOf(machine)
    ahci.run(0, { ...read(DRIVER_MEMORY), command: 0x35, isWrite: true })
    expect(told).toEqual([])
    ahci.run(0, read(DRIVER_MEMORY))
    expect(told).toEqual([
      'ahci0: memory that the device writes, 512 bytes at physical address 0x110000, overlaps the command list (PxCLB), 32 bytes at physical address 0x110000, by 32 bytes',
    ])
  })
})

describe('virtio-blk', () => {
  const IN = 0
  const OUT = 1
  function startedDisk() {
    const { machine } = testMachine({ model: virtioBlk })
    const told = toldOf(machine)
    const driver = new RawVirtioBlk(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY, false)
    return { machine, told, driver }
  }

  it('tells of rings that overlap, and leaves them unguarded', () => {
    const { machine, told, driver } = startedDisk()
    driver.start(0)
    driver.reset()
    driver.setCommon(0x18, 2, 64)
    for (const [field, at] of [
      [0x20, DRIVER_MEMORY],
      [0x28, DRIVER_MEMORY + 64 * 16],
      [0x30, DRIVER_MEMORY + 64 * 16 + 4 + 64],
    ] as const)
      driver.setCommon(field, 4, at)
    expect(told).toEqual([])
    driver.setCommon(0x1c, 2, 1)
    expect(told).toEqual([
      'virtio-blk0: the used ring of queue 0, 516 bytes at physical address 0x110444, overlaps the available ring of queue 0, 132 bytes at physical address 0x110400, by 64 bytes',
    ])
    expect(machine.ram.guards.has(DRIVER_MEMORY / 0x1000)).toBe(false)
  })

  it.each([false, true])(
    'guards the used ring from its start to the reset, legacy interface %s',
    (isLegacy) => {
      const { machine } = testMachine({ model: virtioBlk })
      const driver = new RawVirtioBlk(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY, isLegacy)
      const used = (DRIVER_MEMORY + 0x2000) / 0x1000
      const told: unknown[] = []
      machine.evidence.onStore = (...all) => told.push(all)
      expect(machine.ram.guards.has(used)).toBe(false)
      driver.start(0)
      expect([used - 1, used, used + 1].map((page) => machine.ram.guards.has(page))).toEqual([
        false,
        true,
        false,
      ])
      machine.ram.guards.stored(used * 0x1000 - 2, 4)
      expect(told).toEqual([
        [
          'virtio-blk0',
          'wrote to the used ring of queue 0, at offset 0x0, physical address 0x111ffe, which the device alone writes',
          0x111,
        ],
      ])
      driver.start(0)
      driver.reset()
      expect(machine.ram.guards.has(used)).toBe(false)
    },
  )

  it('tells of data that is read into a ring, in both kinds of chain', () => {
    const { told, driver } = startedDisk()
    driver.start(0x10000000)
    const segment = { at: DRIVER_MEMORY + 0x800, byteLength: 512 }
    driver.run({ type: OUT, sector: 0, out: [segment] })
    driver.run({ type: IN, sector: 0, into: [{ at: BUFFER, byteLength: 512 }], indirect: true })
    expect(told).toEqual([])
    driver.run({ type: IN, sector: 0, into: [{ ...segment, at: DRIVER_MEMORY + 0x2000 }], indirect: true })
    expect(told).toEqual([
      'virtio-blk0: memory that the device writes, 512 bytes at physical address 0x112000, overlaps the used ring of queue 0, 2052 bytes at physical address 0x112000, by 512 bytes',
    ])
  })
})
