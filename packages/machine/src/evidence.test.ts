// What the judge of a driver can see of its controllers: requests that have not ended, completions, interrupts, a cache that is dirty.
import { gpa } from '@dumpstack/bytes'
import { RawAhci, RawVirtioBlk, rawBusOf } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import { ahci } from './controllers/ahci/index.ts'
import { virtioBlk } from './controllers/virtio-blk/index.ts'
import { createMachine } from './create-machine.ts'
import { createDisk } from './disk/disk.ts'
import { MemoryDiskImage } from './disk/memory-image.ts'
import { BUFFER, DRIVER_MEMORY, TEST_BDF, TEST_RUNS, TEST_VECTOR, testMachine } from './test-machine.ts'

const PAGE = 4096
const FEATURES = 0x10000644
const data = [{ at: BUFFER, byteLength: PAGE }]
const queuedWrite = (slot: number) => ({
  command: 0x61,
  isWrite: true,
  lba: slot * 8,
  features: 8,
  count: slot << 3,
  segments: data,
})
const write = { command: 0x35, isWrite: true, count: 8, segments: data }

function ahciMachine() {
  const { machine, disk } = testMachine()
  const raw = new RawAhci(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY)
  raw.startPort()
  return { machine, disk, raw, controller: machine.evidence.controllers[0]! }
}
function virtioMachine(settings = {}) {
  const { machine, disk } = testMachine({ model: virtioBlk, settings })
  const raw = new RawVirtioBlk(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY, false)
  raw.start(FEATURES)
  return { machine, disk, raw, controller: machine.evidence.controllers[0]! }
}

describe('outstanding requests', () => {
  it('are those that the device has not run, in their order', () => {
    const { machine, raw, controller } = ahciMachine()
    for (const slot of [0, 1]) raw.prepare(slot, queuedWrite(slot))
    raw.issue(3, true)
    expect(controller.outstandingCount).toBe(2)
    expect(controller.outstanding).toEqual([
      { disk: 'disk0', kind: 'write', diskOffset: 0, byteLength: PAGE },
      { disk: 'disk0', kind: 'write', diskOffset: PAGE, byteLength: PAGE },
    ])
    machine.stall(1000)
    expect(controller).toMatchObject({ controller: 'ahci0', outstandingCount: 0, completionCount: 2 })
  })

  it('are none after a reset, and none whose end is lost', () => {
    const { machine, raw, controller } = virtioMachine()
    raw.submit({ type: 0, sector: 8, into: data })
    raw.submit({ type: 4 })
    raw.notify()
    expect(controller.outstanding.map(({ kind, diskOffset }) => [kind, diskOffset])).toEqual([
      ['read', PAGE],
      ['flush', 0],
    ])
    raw.reset()
    expect(controller.outstandingCount).toBe(0)
    raw.start(FEATURES)
    machine.faults.add({ kind: 'lostCompletion', controller: 'virtio-blk0', afterWrites: 0 })
    raw.submit({ type: 1, sector: 0, out: data })
    raw.notify()
    machine.stall(1000)
    expect([controller.outstandingCount, controller.completionCount]).toEqual([0, 0])
  })
})

it('completions are counted for each controller', () => {
  const disk = (name: string) =>
    createDisk({
      name,
      model: 'm',
      serialNumber: name,
      logicalSectorBytes: 512,
      image: new MemoryDiskImage(2 ** 20),
    })
  const bdfs = [TEST_BDF, 0x328] // the second one on bus 3, device 5
  const machine = createMachine({
    seed: 1,
    runs: TEST_RUNS,
    cpuCount: 1,
    controllers: bdfs.map((bdf, n) => ({
      model: ahci,
      name: `ahci${n}`,
      bdf,
      interruptVector: 11 + n,
      attachments: [{ disk: disk(`d${n}`) }],
    })),
  })
  const drivers = bdfs.map((bdf, n) => new RawAhci(rawBusOf(machine), bdf, DRIVER_MEMORY + n * 0x10000))
  for (const [n, driver] of drivers.entries()) {
    driver.startPort()
    for (let i = 0; i <= n; i++) expect(driver.run(0, write)).toBe(0x50)
  }
  expect(
    machine.evidence.controllers.map(({ controller, completionCount }) => [controller, completionCount]),
  ).toEqual([
    ['ahci0', 1],
    ['ahci1', 2],
  ])
  expect(machine.evidence.completionCount).toBe(3)
})

it('a controller on another bus interrupts, and has its windows there', () => {
  const image = new MemoryDiskImage(2 ** 20)
  const attachments = [
    { disk: createDisk({ name: 'd', model: 'm', serialNumber: 's', logicalSectorBytes: 512, image }) },
  ]
  const bdf = 0xff38 // bus 255, device 7
  const machine = createMachine({
    seed: 1,
    runs: TEST_RUNS,
    cpuCount: 1,
    controllers: [{ model: virtioBlk, name: 'blk', bdf, interruptVector: TEST_VECTOR, attachments }],
  })
  expect(machine.bus.config32(bdf, 0)).toBe(0x10011af4)
  expect(machine.bus.config32(0x38, 0)).toBe(0xffffffff) // the same device of bus 0 is absent
  machine.bus.out32(0xcf8, 0x80ff3800)
  expect(machine.bus.in32(0xcfc)).toBe(0x10011af4)
  const raw = new RawVirtioBlk(rawBusOf(machine), bdf, DRIVER_MEMORY, false)
  raw.start(FEATURES)
  const seen: number[] = []
  machine.bus.onInterrupt(TEST_VECTOR, () => seen.push(raw.isr()) > 0)
  expect(raw.run({ type: 1, sector: 0, out: data }).status).toBe(0)
  machine.stall(10)
  expect(seen).toEqual([1])
})

describe('interrupts that are enabled', () => {
  it('ahci: GHC.IE, a cause in PxIE, and a line or a message that may leave', () => {
    const { machine, raw, controller } = ahciMachine()
    expect(controller.isInterruptEnabled).toBe(false)
    raw.set(0x04, 0x80000002)
    expect(controller.isInterruptEnabled).toBe(false)
    raw.setPort(0x14, 1)
    expect(controller.isInterruptEnabled).toBe(true)
    machine.bus.setConfig32(TEST_BDF, 0x04, 0x406) // interrupt disable
    expect(controller.isInterruptEnabled).toBe(false)
    machine.bus.setConfig32(TEST_BDF, 0x80, 0x00010000) // MSI
    expect(controller.isInterruptEnabled).toBe(true)
    raw.set(0x04, 0x80000000)
    expect(controller.isInterruptEnabled).toBe(false)
  })

  it('virtio-blk: a queue that wants one, by line or by a vector that is open', () => {
    const { machine, raw, controller } = virtioMachine()
    const { bus } = machine
    expect(controller.isInterruptEnabled).toBe(true)
    raw.setAvailFlags(1) // VIRTQ_AVAIL_F_NO_INTERRUPT
    expect(controller.isInterruptEnabled).toBe(false)
    raw.setAvailFlags(0)
    bus.setConfig32(TEST_BDF, 0x98, 0x80000000) // MSI-X without a vector
    expect(controller.isInterruptEnabled).toBe(false)
    raw.setCommon(0x16, 2, 0)
    raw.setCommon(0x1a, 2, 1)
    expect(controller.isInterruptEnabled).toBe(false) // masked
    const table = (bus.config32(TEST_BDF, 0x14) & ~0xf) >>> 0
    bus.write32(gpa(table + 16 + 12), 0)
    expect(controller.isInterruptEnabled).toBe(true)
    raw.reset()
    expect(controller.isInterruptEnabled).toBe(false)
  })

  it('virtio-blk with EVENT_IDX: the entry that comes next (2.7.7)', () => {
    const { raw, controller } = virtioMachine()
    raw.start(FEATURES | 0x20000000)
    raw.setUsedEvent(0)
    raw.run({ type: 4 })
    expect(controller.isInterruptEnabled).toBe(false)
    raw.setUsedEvent(1)
    expect(controller.isInterruptEnabled).toBe(true)
  })
})

describe('a write cache', () => {
  it('ahci: is dirty after a write until FLUSH CACHE, STANDBY IMMEDIATE or its end by SET FEATURES (ACS-3 7.45, 7.47)', () => {
    const { disk, raw } = ahciMachine()
    for (const emptying of [{ command: 0xea }, { command: 0xe0 }, { command: 0xef, features: 0x82 }]) {
      expect(raw.run(0, { command: 0xef, features: 0x02 })).toBe(0x50)
      expect(disk.isCacheDirty).toBe(false)
      expect(raw.run(0, write)).toBe(0x50)
      expect(disk.isCacheDirty).toBe(true)
      expect(raw.run(0, emptying)).toBe(0x50)
      expect(disk.isCacheDirty).toBe(false)
    }
    expect(disk.flushCount).toBe(1)
    expect(raw.run(0, write)).toBe(0x50) // the cache is off
    expect([disk.isCacheDirty, disk.flushCount]).toEqual([false, 2])
  })

  it.each([
    ['on', true],
    ['off', false],
    ['none', false],
  ])('virtio-blk, writeCache %s: a write leaves it dirty: %s', (writeCache, isDirty) => {
    const { disk, raw } = virtioMachine({ writeCache })
    raw.start((raw.offered()[0] & 0x800) | 0x44)
    raw.run({ type: 1, sector: 0, out: data })
    expect(disk.isCacheDirty).toBe(isDirty)
    if (isDirty) raw.run({ type: 4 })
    expect(disk.isCacheDirty).toBe(false)
  })
})

describe('disks that are larger than their bytes in memory', () => {
  const far = 2 ** 32 + 2 ** 28 + 5 // sectors of 512 bytes: 2.1 TiB
  const machineWith = (model: typeof ahci | typeof virtioBlk) => {
    const image = new MemoryDiskImage(3 * 2 ** 40)
    const disk = createDisk({ name: 'd', model: 'm', serialNumber: 's', logicalSectorBytes: 512, image })
    const controllers = [
      { model, name: 'c', bdf: TEST_BDF, interruptVector: TEST_VECTOR, attachments: [{ disk }] },
    ]
    const machine = createMachine({ seed: 1, runs: TEST_RUNS, cpuCount: 1, controllers })
    machine.ram.write(BUFFER, new Uint8Array(PAGE).fill(0x5a))
    return { machine, image }
  }
  const byteAt = (image: MemoryDiskImage, sector: number) => {
    const bytes = new Uint8Array(1)
    image.read(sector * 512, bytes)
    return bytes[0]
  }

  it('ahci: 48-bit addresses reach past sector 2^32; those of 28 bits are not enough', () => {
    const { machine, image } = machineWith(ahci)
    const raw = new RawAhci(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY)
    raw.startPort()
    expect(raw.run(0, { ...write, lba: far })).toBe(0x50)
    expect([byteAt(image, far), byteAt(image, far % 2 ** 32), byteAt(image, far % 2 ** 28)]).toEqual([
      0x5a, 0, 0,
    ])
    expect(
      raw.run(0, { command: 0xca, isWrite: true, lba: far, count: 8, device: 0x40, segments: data }),
    ).toBe(0x50)
    expect(byteAt(image, far % 2 ** 24)).toBe(0x5a)
    const identity = BUFFER + 0x8000
    raw.run(0, { command: 0xec, segments: [{ at: identity, byteLength: 512 }] })
    const words = machine.ram.span(gpa(identity), 512)
    expect([...words.subarray(200, 208)]).toEqual([0, 0, 0, 0x80, 1, 0, 0, 0]) // 3 TiB in sectors
    expect([...words.subarray(120, 124)]).toEqual([0xff, 0xff, 0xff, 0x0f])
  })

  it('virtio-blk: sectors of 64 bits', () => {
    const { machine, image } = machineWith(virtioBlk)
    const raw = new RawVirtioBlk(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY, false)
    raw.start(FEATURES)
    expect([raw.device(0, 4), raw.device(4, 4)]).toEqual([0x80000000, 1])
    expect(raw.run({ type: 1, sector: far, out: data }).status).toBe(0)
    expect([byteAt(image, far), byteAt(image, far % 2 ** 32)]).toEqual([0x5a, 0])
  })
})

it.each([
  [512, 512, 0x4000, 0],
  [512, 4096, 0x6003, 3],
  [4096, 4096, 0x5000, 0],
] as const)(
  'sectors of %i on physical ones of %i: IDENTIFY word 106 and physical_block_exp',
  (logical, physical, word, exponent) => {
    const image = new MemoryDiskImage(2 ** 20)
    const disk = createDisk({
      name: 'd',
      model: 'm',
      serialNumber: 's',
      logicalSectorBytes: logical,
      physicalSectorBytes: physical,
      image,
    })
    const machineOf = (model: typeof ahci | typeof virtioBlk) =>
      createMachine({
        seed: 1,
        runs: TEST_RUNS,
        cpuCount: 1,
        controllers: [
          { model, name: 'c', bdf: TEST_BDF, interruptVector: TEST_VECTOR, attachments: [{ disk }] },
        ],
      })
    const ata = machineOf(ahci)
    const raw = new RawAhci(rawBusOf(ata), TEST_BDF, DRIVER_MEMORY)
    raw.startPort()
    raw.run(0, { command: 0xec, segments: [{ at: BUFFER, byteLength: 512 }] })
    const words = ata.ram.span(BUFFER, 512)
    expect(words[212]! | (words[213]! << 8)).toBe(word)
    expect(words[234]! | (words[235]! << 8)).toBe(logical === 4096 ? 2048 : 0)
    const blk = new RawVirtioBlk(rawBusOf(machineOf(virtioBlk)), TEST_BDF, DRIVER_MEMORY, false)
    expect([blk.device(20, 4), blk.device(24, 1)]).toEqual([logical, exponent])
  },
)
