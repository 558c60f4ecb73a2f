// What QEMU cannot be asked: faults of the plan, what a reset loses, time, the DMA log, interrupts. Registers, rings and the
// rules for drivers are compared with QEMU's device in tests/conformance.
import { gpa, lba } from '@dumpstack/bytes'
import { RawVirtioBlk, rawBusOf } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import type { Fault } from '../../faults.ts'
import {
  BUFFER,
  DRIVER_MEMORY,
  diskBytes,
  HIGH_BUFFER,
  pattern,
  TEST_BDF,
  TEST_VECTOR,
  testMachine,
} from '../../test-machine.ts'
import type { Settings } from '../controller-model.ts'
import { virtioBlk } from './index.ts'

const FEATURES = 0x10000644
const OK = 0
const IOERR = 1
const IN = 0
const OUT = 1

function started(
  options: { isLegacy?: boolean; logicalSectorBytes?: number; settings?: Partial<Settings> } = {},
) {
  const { machine, disk } = testMachine({ model: virtioBlk, ...options })
  const driver = new RawVirtioBlk(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY, options.isLegacy ?? false)
  driver.start(FEATURES)
  return { machine, disk, driver }
}
const page = { at: BUFFER, byteLength: 4096 }
const write = (sector: number) => ({ type: OUT, sector, out: [page] })

describe.each([false, true])('data, legacy interface %s', (isLegacy) => {
  it('moves segments from anywhere in RAM to the disk and back, and logs each transfer', () => {
    const { machine, disk, driver } = started({ isLegacy })
    const high = { at: HIGH_BUFFER, byteLength: 1536 }
    machine.ram.write(BUFFER, pattern(4096, 1))
    machine.ram.write(HIGH_BUFFER, pattern(1536, 2))
    expect(driver.run({ type: OUT, sector: 40, out: [high, page] })).toEqual({ status: OK, len: 1 })
    const expected = Buffer.concat([pattern(1536, 2), pattern(4096, 1)])
    expect(Buffer.compare(diskBytes(disk, 40 * 512, 5632), expected)).toBe(0)
    const back = gpa(BUFFER + 0x10000)
    expect(
      driver.run({ type: IN, sector: 40, into: [{ at: back, byteLength: 5632 }], indirect: true }),
    ).toEqual({
      status: OK,
      len: 5633,
    })
    expect(Buffer.compare(machine.ram.span(back, 5632), expected)).toBe(0)
    expect([machine.evidence.dmaLog.at(0), machine.evidence.dmaLog.at(1)]).toMatchObject([
      { device: 'virtio-blk0', direction: 'toDisk', diskOffset: 20480, byteLength: 5632, gpa: HIGH_BUFFER },
      { device: 'virtio-blk0', direction: 'fromDisk', diskOffset: 20480, byteLength: 5632, gpa: back },
    ])
    expect(machine.evidence.dmaLog.length).toBe(2)
  })

  it('flushes when asked, and after each write while writeback is 0', () => {
    const { disk, driver } = started({ isLegacy })
    driver.run(write(0))
    expect(disk.flushCount).toBe(0)
    driver.run({ type: 4 })
    expect(disk.flushCount).toBe(1)
    driver.start(0x800)
    driver.setDevice(32, 1, 0)
    driver.run(write(0))
    expect(disk.flushCount).toBe(2)
    driver.start(0) // neither FLUSH nor CONFIG_WCE: 5.2.5.2
    expect(driver.device(32, 1)).toBe(0)
  })
})

it.each([254, 8])('says that a request has at most %i data segments', (segMax) => {
  const { driver } = started(segMax === 254 ? {} : { settings: { segMax } })
  expect(driver.device(12, 4)).toBe(segMax)
})

it('takes time from the clock and ends in order; the bus alone lets it work', () => {
  const { machine, driver } = started()
  const before = machine.nowNs
  for (let i = 0; i < 8; i++) driver.submit(write(i * 8))
  driver.notify()
  expect(driver.usedIndex()).toBe(0)
  machine.stall(5)
  expect(driver.usedIndex()).toBe(0)
  const ids = Array.from({ length: 8 }, () => driver.takeUsed().id)
  expect(ids).toEqual([0, 3, 6, 9, 12, 15, 18, 21])
  expect(machine.nowNs - before).toBeGreaterThan(20_000)
  driver.rewind()
  driver.submit(write(0))
  driver.notify()
  for (let i = 0; i < 1000 && driver.usedIndex() === 8; i++) driver.common(0x14, 1)
  expect(driver.usedIndex()).toBe(9)
})

it('raises its line with a used buffer and lowers it when ISR is read', () => {
  const { machine, driver } = started()
  const seen: number[] = []
  machine.bus.onInterrupt(TEST_VECTOR, () => seen.push(driver.isr()) > 0)
  driver.run(write(0))
  machine.stall(100)
  expect(seen).toEqual([1])
})

describe('what is lost', () => {
  it.each<[string, (driver: RawVirtioBlk, machine: ReturnType<typeof started>['machine']) => void]>([
    ['a device reset', (driver) => driver.reset()],
    ['a platform reset', (_, machine) => machine.reset({ keepRam: true })],
    ['queue address 0 through the legacy interface', ({ bus, port }) => bus.writePort(port + 8, 4, 0)],
    [
      'a driver that breaks the queue',
      (driver) => {
        driver.makeAvailable(999)
        driver.notify()
      },
    ],
  ])('%s drops what is in flight: disk, RAM and log keep what had ended', (_, drop) => {
    const { machine, disk, driver } = started()
    machine.ram.write(BUFFER, pattern(4096, 5))
    driver.run(write(0))
    driver.submit(write(64))
    driver.submit({ type: IN, sector: 0, into: [{ at: BUFFER + 0x8000, byteLength: 4096 }] })
    driver.notify()
    const before = machine.ram.span(gpa(BUFFER + 0x8000), 4096).slice()
    drop(driver, machine)
    machine.stall(1_000_000)
    expect(diskBytes(disk, 64 * 512, 4096)).toEqual(new Uint8Array(4096))
    expect(Buffer.compare(diskBytes(disk, 0, 4096), pattern(4096, 5))).toBe(0)
    expect(Buffer.compare(machine.ram.span(gpa(BUFFER + 0x8000), 4096), before)).toBe(0)
    expect(machine.evidence.dmaLog.length).toBe(1)
    driver.start(FEATURES)
    expect(driver.run(write(8)).status).toBe(OK)
  })

  it('nothing, while bus mastering is off: requests wait', () => {
    const { machine, driver } = started()
    driver.submit(write(0))
    driver.notify()
    machine.bus.setConfig32(TEST_BDF, 4, 3)
    machine.stall(1000)
    expect(driver.usedIndex()).toBe(0)
    machine.bus.setConfig32(TEST_BDF, 4, 7)
    machine.stall(1000)
    expect(driver.usedIndex()).toBe(1)
  })

  it('nothing that was made available before DRIVER_OK', () => {
    const { machine, driver } = started()
    driver.reset()
    driver.status = 3
    driver.negotiate(FEATURES, true)
    driver.placeQueue()
    driver.submit(write(0))
    driver.notify()
    machine.stall(1000)
    expect(driver.usedIndex()).toBe(0)
    driver.status = 0xf
    machine.stall(1000)
    expect(driver.usedIndex()).toBe(1)
  })
})

it.each<[string, RegExp, (driver: RawVirtioBlk) => void]>([
  ['a head past the table', /^head 999 in the available ring/, (driver) => driver.makeAvailable(999)],
  [
    'memory that is not there',
    /^512 bytes at 0x20000000, outside RAM$/,
    (driver) => driver.submit({ type: OUT, out: [{ at: 0x20000000, byteLength: 512 }] }),
  ],
  [
    'a loop',
    /^a chain of more than 256 descriptors: a loop$/,
    (driver) => {
      driver.setDescriptor(0, { addr: BUFFER, len: 512, flags: 1, next: 0 })
      driver.makeAvailable(0)
    },
  ],
  [
    'no status byte',
    /^a request without room for its header of 16 bytes and its status byte$/,
    (driver) => {
      driver.setDescriptor(0, { addr: BUFFER, len: 16, flags: 0, next: 0 })
      driver.makeAvailable(0)
    },
  ],
])('the machine says why it stopped: %s', (_, reason, mistake) => {
  const { machine, driver } = started()
  mistake(driver)
  driver.notify()
  driver.notify()
  expect(machine.evidence.stops).toEqual([
    { controller: 'virtio-blk0', reason: expect.stringMatching(reason), atNs: expect.any(Number) },
  ])
})

describe('features', () => {
  it('that were not offered cannot be agreed on', () => {
    const { driver } = started()
    driver.reset()
    driver.status = 3
    driver.negotiate(0x1000, true) // MQ
    expect(driver.status & 8).toBe(0)
    driver.negotiate(FEATURES, true)
    expect(driver.status & 8).toBe(8)
    driver.negotiate(0, true) // too late
    driver.setCommon(8, 4, 0)
    expect(driver.common(12, 4)).toBe(FEATURES)
  })

  it('4Kn: requests are of whole blocks, capacity is in sectors of 512 bytes', () => {
    const { driver } = started({ logicalSectorBytes: 4096 })
    expect(driver.device(20, 4)).toBe(4096)
    expect(driver.device(0, 4)).toBe((64 * 2 ** 20) / 512)
    expect(driver.run({ type: OUT, sector: 8, out: [page] }).status).toBe(OK)
    expect(driver.run({ type: OUT, sector: 1, out: [page] }).status).toBe(IOERR)
  })
})

describe('faults', () => {
  const controller = 'virtio-blk0'
  const faulty = (fault: Fault) => {
    const parts = started()
    parts.machine.ram.write(BUFFER, pattern(4096, 9))
    parts.machine.faults.add(fault)
    return parts
  }
  const written = (disk: ReturnType<typeof started>['disk'], sector: number) =>
    Buffer.compare(diskBytes(disk, sector * 512, 4096), pattern(4096, 9)) === 0

  it('badSector fails reads and writes that touch it', () => {
    const { disk, driver } = faulty({ kind: 'badSector', controller, lba: lba(12), sectorCount: 1 })
    expect(driver.run(write(8))).toEqual({ status: IOERR, len: 1 })
    expect(driver.run({ type: IN, sector: 12, into: [page] }).status).toBe(IOERR)
    expect(driver.run(write(16)).status).toBe(OK)
    expect([written(disk, 8), written(disk, 16)]).toEqual([false, true])
  })

  it('transientError fails one write, its retry is good', () => {
    const { disk, driver } = faulty({ kind: 'transientError', controller, afterWrites: 1 })
    const statuses = [0, 8, 8].map((sector) => driver.run(write(sector)).status)
    expect(statuses).toEqual([OK, IOERR, OK])
    expect(written(disk, 8)).toBe(true)
  })

  it('hang ends nothing more until the device is reset', () => {
    const { machine, disk, driver } = faulty({ kind: 'hang', controller, afterWrites: 0, count: 1 })
    driver.submit(write(0))
    driver.submit(write(8))
    driver.notify()
    machine.stall(1e6)
    expect([driver.usedIndex(), written(disk, 0), written(disk, 8)]).toEqual([0, false, false])
    driver.start(FEATURES)
    expect(driver.run(write(0)).status).toBe(OK)
  })

  it('lostCompletion writes and never says so; what is after it ends', () => {
    const { disk, driver } = faulty({ kind: 'lostCompletion', controller, afterWrites: 0, count: 1 })
    driver.submit(write(0))
    const second = driver.submit(write(8))
    driver.notify()
    expect(driver.takeUsed().id).toBe(second)
    expect([written(disk, 0), written(disk, 8)]).toEqual([true, true])
  })

  it('wrongStatus says good and writes nothing', () => {
    const { machine, disk, driver } = faulty({ kind: 'wrongStatus', controller, afterWrites: 0 })
    expect(driver.run(write(0)).status).toBe(OK)
    expect([written(disk, 0), machine.evidence.dmaLog.length]).toEqual([false, 0])
  })

  it('wrongPage writes the other page of the pair', () => {
    const { machine, disk, driver } = faulty({ kind: 'wrongPage', controller, afterWrites: 0 })
    machine.ram.write(gpa(BUFFER + 4096), pattern(4096, 77))
    expect(driver.run(write(0)).status).toBe(OK)
    expect(Buffer.compare(diskBytes(disk, 0, 4096), pattern(4096, 77))).toBe(0)
  })

  it('latency and throttle take time', () => {
    const time = (fault?: Fault) => {
      const { machine, driver } = started()
      if (fault !== undefined) machine.faults.add(fault)
      const before = machine.nowNs
      driver.submit(write(0))
      driver.notify()
      while (driver.usedIndex() === 0) machine.stall(10)
      return machine.nowNs - before
    }
    const plain = time()
    expect(time({ kind: 'latency', controller, nanoseconds: 2e6 })).toBeGreaterThan(plain + 1.9e6)
    expect(time({ kind: 'throttle', controller, bytesPerSecond: 1e6 })).toBeGreaterThan(plain + 3.9e6)
  })

  it('linkDown is refused by name: there is no link', () => {
    const { machine } = started()
    expect(() => machine.faults.add({ kind: 'linkDown', controller })).toThrow(
      /^fault linkDown names controller 'virtio-blk0' of kind virtio-blk, expected one with a link$/,
    )
  })
})
