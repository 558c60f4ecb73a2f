// Settings of the device and its limits, from VIRTIO 1.2: what each offers, and what happens to a driver that goes beyond it.
import { gpa } from '@dumpstack/bytes'
import { RawVirtioBlk, rawBusOf } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import { MachineError } from '../../errors.ts'
import {
  BUFFER,
  DRIVER_MEMORY,
  diskBytes,
  pattern,
  TEST_BDF,
  TEST_DISK_BYTES,
  TEST_VECTOR,
  testMachine,
} from '../../test-machine.ts'
import type { Settings } from '../controller-model.ts'
import { virtioBlk } from './index.ts'

const BASIC = 0x00000644 // SEG_MAX, BLK_SIZE, FLUSH, TOPOLOGY
const INDIRECT = 0x10000000
const EVENT_IDX = 0x20000000
const FEATURES = BASIC | INDIRECT
const OK = 0
const IOERR = 1
const IN = 0
const OUT = 1

function made(settings: Partial<Settings>, isLegacy = false) {
  const { machine, disk } = testMachine({ model: virtioBlk, settings })
  const driver = new RawVirtioBlk(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY, isLegacy)
  return { machine, disk, driver }
}
function started(settings: Partial<Settings>, isLegacy = false) {
  const parts = made(settings, isLegacy)
  parts.driver.start(parts.driver.offered()[0] & FEATURES)
  parts.machine.ram.write(BUFFER, pattern(0x4000, 1))
  return parts
}
const pieces = (count: number, byteLength = 512) =>
  Array.from({ length: count }, (_, i) => ({ at: BUFFER + i * 1024, byteLength }))
const write = (count: number, byteLength = 512) => ({
  type: OUT,
  sector: 8,
  out: pieces(count, byteLength),
  indirect: true,
})
const refusals = (machine: ReturnType<typeof made>['machine']) =>
  machine.evidence.refusals.map(({ controller, limit, allowed, found, message }) => {
    expect(controller).toBe('virtio-blk0')
    return [limit, allowed, found, message]
  })

describe('a limit that is exceeded fails the request alone', () => {
  it('seg_max: data segments, whatever they share a descriptor with (5.2.4, 5.2.6)', () => {
    const { machine, disk, driver } = started({ segMax: 8 })
    expect(driver.device(12, 4)).toBe(8)
    expect(driver.run(write(8)).status).toBe(OK)
    expect(driver.run(write(9))).toEqual({ status: IOERR, len: 1 })
    const into = pieces(12)
    expect(driver.run({ type: IN, sector: 8, into }).status).toBe(IOERR)
    expect(refusals(machine)).toEqual([
      ['seg_max', 8, 9, 'a request of 9 data segments, seg_max is 8'],
      ['seg_max', 8, 12, 'a request of 12 data segments, seg_max is 8'],
    ])
    expect(machine.evidence.stops).toEqual([])
    expect(diskBytes(disk, (8 + 8) * 512, 512)).toEqual(new Uint8Array(512))
    // header and data in one descriptor, data and status in another: one segment each (2.7.4.2)
    const at = driver.headerAt(0)
    driver.rewind()
    driver.submit({ type: OUT, sector: 8, out: pieces(8) })
    driver.setDescriptor(0, { addr: at, len: 16 + 512, flags: 1, next: 1 })
    driver.notify()
    driver.takeUsed()
    expect(driver.statusOf(0)).toBe(IOERR)
    expect(machine.evidence.refusals.at(-1)?.found).toBe(9)
  })

  it('size_max: the longest segment (5.2.4)', () => {
    const { machine, driver } = started({ sizeMax: 1024 })
    expect(driver.offered()[0] & 2).toBe(2)
    expect(driver.device(8, 4)).toBe(1024)
    expect(driver.run(write(2, 1024)).status).toBe(OK)
    expect(driver.run(write(2, 1536)).status).toBe(IOERR)
    expect(refusals(machine)).toEqual([
      ['size_max', 1024, 1536, 'a data segment of 1536 bytes, size_max is 1024'],
    ])
  })

  it('the ring: no chain is longer, in an indirect table either (2.7.5.3.1)', () => {
    const { machine, driver } = started({})
    driver.start(FEATURES, { queueSize: 16 })
    expect(driver.run(write(14)).status).toBe(OK)
    expect(driver.run(write(15)).status).toBe(IOERR)
    expect(refusals(machine)).toEqual([['queue_size', 16, 17, 'a chain of 17 descriptors, queue_size is 16']])
  })

  it('an indirect table that was offered and not agreed on is taken, as by QEMU, and told', () => {
    const { machine, disk, driver } = started({})
    driver.start(BASIC)
    expect(driver.run(write(2)).status).toBe(OK)
    expect(disk.flushCount).toBe(0)
    expect(machine.evidence.refusals).toMatchObject([
      { limit: 'VIRTIO_F_INDIRECT_DESC of the driver', isTolerated: true },
    ])
    expect(machine.evidence.stops).toEqual([])
  })

  it('tells a driver that starts without FEATURES_OK, or enables a queue later, and works all the same (3.1.1)', () => {
    const { machine, driver } = made({})
    driver.reset()
    driver.status = 3
    driver.negotiate(BASIC, true)
    driver.status = 3
    driver.status = 7
    driver.placeQueue()
    expect(driver.run({ ...write(1), indirect: false }).status).toBe(OK)
    expect(machine.evidence.refusals).toMatchObject([
      { message: 'DRIVER_OK, FEATURES_OK of device_status is 0', isTolerated: true },
      { message: 'queue_enable, DRIVER_OK of device_status is 1', isTolerated: true },
    ])
    driver.start(BASIC)
    expect(machine.evidence.refusals).toHaveLength(2)
  })

  it('capacity: a request that ends past it is known when it comes', () => {
    const { machine, driver } = started({})
    const last = TEST_DISK_BYTES / 512 - 1
    expect(driver.run({ type: OUT, sector: last, out: pieces(1) }).status).toBe(OK)
    driver.rewind()
    driver.submit({ type: OUT, sector: last, out: pieces(2) })
    driver.notify()
    expect(refusals(machine)).toEqual([
      ['capacity', 131072, 131073, 'a request for 2 sectors from 131071 on, capacity is 131072'],
    ])
    expect(driver.takeUsed().len).toBe(1)
    expect(driver.statusOf(0)).toBe(IOERR)
  })
})

describe('queueSize', () => {
  it.each([8, 16, 64, 512, 1024])('%i entries, through both interfaces, around the ring', (queueSize) => {
    for (const isLegacy of [false, true]) {
      const { machine, disk, driver } = started({ queueSize }, isLegacy)
      expect(isLegacy ? driver.bus.readPort(driver.port + 12, 2) : driver.common(0x18, 2)).toBe(queueSize)
      expect(driver.device(12, 4)).toBe(Math.min(254, queueSize - 2))
      for (let i = 0; i < queueSize + 3; i++) {
        expect(driver.run({ type: OUT, sector: i, out: pieces(1) }).status).toBe(OK)
      }
      expect(diskBytes(disk, (queueSize + 2) * 512, 512)).toEqual(pattern(512, 1))
      expect(machine.evidence.stops).toEqual([])
    }
  })

  it('of a modern driver is no larger than the device says (4.1.4.3.2)', () => {
    const { driver } = started({ queueSize: 64 })
    driver.reset()
    driver.setCommon(0x18, 2, 128)
    expect(driver.common(0x18, 2)).toBe(64)
    driver.setCommon(0x18, 2, 32)
    expect(driver.common(0x18, 2)).toBe(32)
  })
})

describe('queues', () => {
  const queuesOf = (settings: Partial<Settings>, isLegacy: boolean) => {
    const { machine, disk, driver } = made(settings, isLegacy)
    const others = [1, 2, 3].map(
      (n) => new RawVirtioBlk(driver.bus, TEST_BDF, DRIVER_MEMORY + n * 0x10000, isLegacy, n),
    )
    driver.start(driver.offered()[0] & (FEATURES | 0x1000), { others })
    return { machine, disk, queues: [driver, ...others], driver }
  }

  it.each([false, true])('all work, each with its ring; legacy interface %s', (isLegacy) => {
    const { machine, disk, queues, driver } = queuesOf({ queues: 4 }, isLegacy)
    expect(driver.offered()[0] & 0x1000).toBe(0x1000) // MQ
    expect(driver.device(0x22, 2)).toBe(4)
    if (!isLegacy) expect(driver.common(0x12, 2)).toBe(4)
    for (const queue of queues) {
      machine.ram.write(gpa(BUFFER + queue.queue * 1024), pattern(512, queue.queue))
      queue.submit({
        type: OUT,
        sector: queue.queue * 8,
        out: [{ at: BUFFER + queue.queue * 1024, byteLength: 512 }],
      })
    }
    for (const queue of [...queues].reverse()) queue.notify()
    for (const queue of queues) {
      expect(queue.takeUsed().len).toBe(1)
      expect(diskBytes(disk, queue.queue * 8 * 512, 512)).toEqual(pattern(512, queue.queue))
    }
  })

  it('one that is not there has size 0 (4.1.4.3.1), and one queue offers no MQ', () => {
    const { driver } = queuesOf({ queues: 4 }, false)
    driver.setCommon(0x16, 2, 4)
    expect(driver.common(0x18, 2)).toBe(0)
    const { driver: one } = made({})
    expect(one.offered()[0] & 0x1000).toBe(0)
  })

  it('each has a vector of its own', () => {
    const { machine, queues, driver } = queuesOf({ queues: 64 }, false)
    const { bus } = machine
    expect((bus.config32(TEST_BDF, 0x98) >>> 16) & 0x7ff).toBe(64) // table size less one
    const table = (bus.config32(TEST_BDF, 0x14) & ~0xf) >>> 0
    bus.setConfig32(TEST_BDF, 0x98, 0x80000000)
    const seen: number[] = []
    for (const queue of [0, 3]) {
      const vector = queue === 0 ? 64 : 33
      bus.write32(gpa(table + vector * 16), 0xfee00000)
      bus.write32(gpa(table + vector * 16 + 8), 0x60 + queue)
      bus.onInterrupt(0x60 + queue, () => seen.push(queue) > 0)
      driver.setCommon(0x16, 2, queue)
      driver.setCommon(0x1a, 2, vector)
      expect(driver.common(0x1a, 2)).toBe(vector)
      queues[queue]!.run({ type: 4 })
    }
    expect(seen).toEqual([]) // masked since power-on
    expect([bus.read32(gpa(table + 0x804)), bus.read32(gpa(table + 0x808))]).toEqual([2, 1]) // pending
    bus.write32(gpa(table + 64 * 16 + 12), 0)
    bus.write32(gpa(table + 33 * 16 + 12), 0)
    machine.stall(10)
    expect(seen).toEqual([0, 3])
  })
})

describe('what is not offered', () => {
  it('INDIRECT off: an indirect descriptor breaks the queue (2.7.5.3.1)', () => {
    const { machine, driver } = started({ indirect: 'off' })
    expect(driver.offered()[0] & INDIRECT).toBe(0)
    expect(driver.run({ ...write(4), indirect: false }).status).toBe(OK)
    driver.submit(write(4))
    driver.notify()
    machine.stall(1000)
    expect(driver.status & 0x40).toBe(0x40)
    expect(machine.evidence.stops[0]?.reason).toMatch(/VIRTIO_F_INDIRECT_DESC was not offered/)
  })

  it('EVENT_IDX off: the interrupt is wanted by a flag (2.7.7)', () => {
    const { driver } = made({ eventIdx: 'off' })
    expect(driver.offered()[0] & EVENT_IDX).toBe(0)
    driver.start(FEATURES)
    driver.setAvailFlags(1)
    driver.run({ type: 4 })
    expect(driver.isr()).toBe(0)
  })

  it('no write cache: neither FLUSH nor CONFIG_WCE, and each write is durable (5.2.5.2)', () => {
    const { disk, driver } = started({ writeCache: 'none' })
    expect(driver.offered()[0] & 0xa00).toBe(0)
    expect(driver.device(32, 1)).toBe(0)
    driver.setDevice(32, 1, 1)
    expect(driver.device(32, 1)).toBe(0)
    expect(driver.run(write(1)).status).toBe(OK)
    expect(disk.flushCount).toBe(1)
    expect(driver.run({ type: 4 }).status).toBe(OK) // a flush without a cache is no error, as for QEMU
  })

  it('write cache off: write-through until the driver turns it on', () => {
    const { disk, driver } = made({ writeCache: 'off' })
    driver.start(BASIC | 0x800)
    expect(driver.device(32, 1)).toBe(0)
    driver.run({ ...write(1), indirect: false })
    expect(disk.flushCount).toBe(1)
    driver.setDevice(32, 1, 1)
    driver.run({ ...write(1), indirect: false })
    expect(disk.flushCount).toBe(1)
  })

  it.each(['transitional', 'modern'])('MSI-X off: no capability and no table; %s', (virtio) => {
    const { machine, driver } = made({ msix: 'off', virtio })
    const { bus } = machine
    const ids: number[] = []
    for (
      let at = bus.config32(TEST_BDF, 0x34) & 0xff;
      at !== 0;
      at = (bus.config32(TEST_BDF, at) >>> 8) & 0xff
    )
      ids.push(bus.config32(TEST_BDF, at) & 0xff)
    expect(ids).toEqual([9, 9, 9, 9, 9])
    expect(bus.config32(TEST_BDF, 0x14)).toBe(0)
    driver.start(FEATURES)
    driver.setCommon(0x1a, 2, 0)
    expect(driver.common(0x1a, 2)).toBe(0xffff)
    const seen: number[] = []
    bus.onInterrupt(TEST_VECTOR, () => seen.push(driver.isr()) > 0)
    driver.run({ type: 4 })
    machine.stall(10)
    expect(seen).toEqual([1])
  })
})

describe('interrupts', () => {
  /** MSI-X on, vector 1 for the queue and vector 0 for the configuration; calls by vector. */
  const withMessages = (settings: Partial<Settings>) => {
    const parts = started(settings)
    const { machine, driver } = parts
    const { bus } = machine
    const table = (bus.config32(TEST_BDF, 0x14) & ~0xf) >>> 0
    const calls: string[] = []
    for (const [vector, name] of ['config', 'queue'].entries()) {
      bus.write32(gpa(table + vector * 16), 0xfee00000)
      bus.write32(gpa(table + vector * 16 + 8), 0x60 + vector)
      bus.write32(gpa(table + vector * 16 + 12), 0)
      bus.onInterrupt(0x60 + vector, () => calls.push(name) > 0)
    }
    bus.setConfig32(TEST_BDF, 0x98, 0x80000000)
    driver.setCommon(0x10, 2, 0)
    driver.setCommon(0x16, 2, 0)
    driver.setCommon(0x1a, 2, 1)
    return { ...parts, calls }
  }

  it.each([
    ['on', 1],
    ['off', 0],
  ])('isrWithMsix %s: ISR is %i after a message (4.1.5.3)', (isrWithMsix, isr) => {
    const { machine, driver, calls } = withMessages({ isrWithMsix })
    driver.run({ type: 4 })
    machine.stall(10)
    expect(calls).toEqual(['queue'])
    expect(driver.isr()).toBe(isr)
    machine.bus.setConfig32(TEST_BDF, 0x98, 0)
    driver.run({ type: 4 })
    expect(driver.isr()).toBe(1)
  })

  it('configInterrupts: one comes with every n-th completion (4.1.5.4), and the generation counts it', () => {
    const { machine, driver } = started({ configInterrupts: 2 })
    const seen: number[] = []
    machine.bus.onInterrupt(TEST_VECTOR, () => seen.push(driver.isr()) > 0)
    for (let i = 0; i < 4; i++) {
      driver.run({ type: 4 })
      machine.stall(10)
    }
    expect(seen).toEqual([1, 3, 1, 3])
    expect(driver.common(0x15, 1)).toBe(2)
  })

  it('configInterrupts by message', () => {
    const { machine, driver, calls } = withMessages({ configInterrupts: 1, isrWithMsix: 'off' })
    driver.run({ type: 4 })
    machine.stall(10)
    expect(calls).toEqual(['config', 'queue'])
    expect(driver.isr()).toBe(0)
  })
})

describe('resetNs', () => {
  it('device_status keeps its value until the reset is done, and nothing written before is taken (4.1.4.3.2)', () => {
    const { machine, driver } = started({ resetNs: 1_000_000 })
    driver.submit(write(1))
    driver.notify()
    driver.status = 0
    expect(driver.status).toBe(0xf)
    driver.status = 1
    expect(driver.status).toBe(0xf)
    driver.notify()
    machine.stall(999)
    expect(driver.status).toBe(0xf)
    machine.stall(10)
    expect(driver.status).toBe(0)
    expect(machine.evidence.refusals.map(({ limit, found }) => [limit, found])).toEqual([
      ['device_status', 15],
      ['device_status', 15],
    ])
    machine.stall(100_000)
    expect(machine.evidence.completionCount).toBe(0)
    driver.start(FEATURES)
    expect(driver.run(write(1)).status).toBe(OK)
  })

  it('the legacy interface and a device that is reset already are reset at once', () => {
    const { driver } = started({ resetNs: 1_000_000 }, true)
    driver.status = 0
    expect(driver.status).toBe(0)
    const { driver: modern } = made({ resetNs: 1_000_000 })
    modern.status = 0
    modern.status = 1
    expect(modern.status).toBe(1)
  })

  it('a platform reset ends it', () => {
    const { machine, driver } = started({ resetNs: 1_000_000 })
    driver.status = 0
    machine.reset({ keepRam: true })
    expect(driver.status).toBe(0)
    driver.start(FEATURES)
    machine.stall(2000)
    expect(driver.status).toBe(0xf)
  })
})

it.each([
  [{ queueSize: 100 }, /^queueSize of controller virtio-blk0 is 100, expected a power of two, 4 to 1024$/],
  [{ queues: 0 }, /^queues of controller virtio-blk0 is 0, expected 1 to 64$/],
  [{ msix: 'maybe' }, /^msix of controller virtio-blk0 is maybe, expected on or off$/],
])('%o is refused', (settings, message) => {
  expect(() => made(settings)).toThrow(MachineError)
  expect(() => made(settings)).toThrow(message)
})
