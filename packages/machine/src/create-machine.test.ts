import { gpa, type PageRun, pfn } from '@dumpstack/bytes'
import { RawAhci, rawBusOf } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import { ahci } from './controllers/ahci/index.ts'
import { virtioBlk } from './controllers/virtio-blk/index.ts'
import { createMachine } from './create-machine.ts'
import { createDisk } from './disk/disk.ts'
import { MemoryDiskImage } from './disk/memory-image.ts'
import { MachineError } from './errors.ts'
import {
  BUFFER,
  DRIVER_MEMORY,
  diskBytes,
  pattern,
  TEST_BDF,
  TEST_RUNS,
  TEST_VECTOR,
  testMachine,
} from './test-machine.ts'

const READ = { command: 0x25, count: 1, segments: [{ at: BUFFER, byteLength: 512 }] }

function started() {
  const { machine, disk } = testMachine()
  const ahci = new RawAhci(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY)
  ahci.startPort()
  ahci.setPort(0x14, 0xffffffff)
  ahci.set(0x04, 0x80000002)
  return { machine, disk, ahci }
}

describe('interrupts', () => {
  it('call the routine in stall and run only, and only while enabled', () => {
    const { machine, ahci } = started()
    const calls: number[] = []
    machine.bus.onInterrupt(TEST_VECTOR, () => {
      calls.push(machine.nowNs)
      ahci.setPort(0x10, 0xffffffff)
      ahci.set(0x08, 1)
      return true
    })
    ahci.prepare(0, READ)
    ahci.issue(1)
    for (let i = 0; i < 1000; i++) ahci.port(0x38) // accesses let the device work, but fire no timer
    expect(ahci.port(0x38)).toBe(0)
    expect(calls).toEqual([])
    machine.stall(0)
    expect(calls.length).toBe(1)
    machine.interruptsEnabled = false
    ahci.issue(1)
    machine.stall(1000)
    expect(calls.length).toBe(1)
    machine.interruptsEnabled = true
    machine.run(machine.nowNs)
    expect(calls.length).toBe(2)
    machine.bus.onInterrupt(TEST_VECTOR, null)
    ahci.issue(1)
    machine.stall(1000)
    expect(calls.length).toBe(2)
  })

  it('come as soon as the device is done, not at the end of a stall', () => {
    const { machine, ahci } = started()
    let at = 0
    machine.bus.onInterrupt(TEST_VECTOR, () => {
      at = machine.nowNs
      ahci.setPort(0x10, 0xffffffff)
      ahci.set(0x08, 1)
      return true
    })
    const before = machine.nowNs
    ahci.prepare(0, READ)
    ahci.issue(1)
    machine.stall(10_000)
    expect(at - before).toBeLessThan(100_000)
    expect(machine.nowNs - before).toBeGreaterThanOrEqual(10_000_000)
  })

  it('do not nest, and one that is not cleared does not stop time', () => {
    const { machine, ahci } = started()
    let depth = 0
    let calls = 0
    machine.bus.onInterrupt(TEST_VECTOR, () => {
      expect(++depth).toBe(1)
      calls++
      machine.stall(5)
      depth--
      return false
    })
    ahci.prepare(0, READ)
    ahci.issue(1)
    machine.stall(1000)
    expect(calls).toBeGreaterThan(10)
    expect(calls).toBeLessThan(1000)
  })

  it('are held back by the command register and raised by GHC.IE, PxIE and IS (10.7)', () => {
    const { machine, ahci } = started()
    let calls = 0
    machine.bus.onInterrupt(TEST_VECTOR, () => calls++ >= 0)
    machine.bus.setConfig32(TEST_BDF, 0x04, 0x406)
    ahci.run(0, READ)
    machine.stall(1)
    expect(calls).toBe(0)
    expect(machine.bus.config32(TEST_BDF, 0x04) & 0x00080000).toBe(0x00080000) // interrupt status
    machine.bus.setConfig32(TEST_BDF, 0x04, 0x006)
    machine.stall(1)
    expect(calls).toBeGreaterThan(0)
    ahci.set(0x08, 1) // PxIS still has its cause: IS comes back
    expect(ahci.get(0x08)).toBe(1)
    ahci.setPort(0x10, 0xffffffff)
    expect(ahci.get(0x08)).toBe(1)
    ahci.set(0x08, 1)
    expect(ahci.get(0x08)).toBe(0)
    const before = calls
    machine.stall(10)
    expect(calls).toBe(before)
  })
})

it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('time of %d is our misuse', (time) => {
  const { machine } = testMachine()
  expect(() => machine.stall(time)).toThrow(MachineError)
  expect(() => machine.run(time)).toThrow(MachineError)
})

it('run until a time that has passed does nothing', () => {
  const { machine } = testMachine()
  machine.stall(100)
  machine.run(50)
  expect(machine.nowNs).toBe(100_000)
})

describe('platform reset', () => {
  it('drops pending commands, clears registers and routines, assigns windows, keeps RAM when asked', () => {
    const { machine, disk, ahci } = started()
    machine.ram.write(BUFFER, pattern(512, 1))
    machine.bus.onInterrupt(TEST_VECTOR, () => {
      throw new Error('a routine of the system before')
    })
    machine.interruptsEnabled = false
    ahci.prepare(0, {
      command: 0x35,
      isWrite: true,
      lba: 9,
      count: 1,
      segments: [{ at: BUFFER, byteLength: 512 }],
    })
    ahci.issue(1)
    machine.bus.setConfig32(TEST_BDF, 0x24, 0xd0000000)
    const before = machine.nowNs
    machine.reset({ keepRam: true })
    expect(machine.nowNs).toBe(before)
    expect(machine.interruptsEnabled).toBe(true)
    machine.stall(100_000)
    expect(diskBytes(disk, 9 * 512, 512)).toEqual(new Uint8Array(512))
    expect(machine.evidence.dmaLog.length).toBe(0)
    expect(machine.bus.config32(TEST_BDF, 0x24)).toBe(0xe0000000)
    expect(ahci.get(0x04)).toBe(0)
    expect([ahci.port(0x00), ahci.port(0x18), ahci.port(0x38)]).toEqual([0, 0x6, 0])
    expect(Buffer.compare(machine.ram.span(BUFFER, 512), pattern(512, 1))).toBe(0)
    ahci.startPort()
    expect(ahci.run(0, READ) & 0x81).toBe(0)
  })
})

describe('two controllers before one disk', () => {
  it('each sees what the other wrote, and the log tells them apart', () => {
    const disk = createDisk({
      name: 'd',
      model: 'm',
      serialNumber: 's',
      logicalSectorBytes: 512,
      image: new MemoryDiskImage(2 ** 20),
    })
    const machine = createMachine({
      seed: 1,
      runs: TEST_RUNS,
      cpuCount: 1,
      controllers: [
        { model: ahci, name: 'ahci0', bdf: 0xfa, interruptVector: 11, attachments: [{ disk }] },
        { model: ahci, name: 'ahci1', bdf: 0x20, interruptVector: 10, attachments: [{ disk }] },
      ],
    })
    expect(machine.disks).toEqual([disk])
    const first = new RawAhci(rawBusOf(machine), 0xfa, DRIVER_MEMORY)
    const second = new RawAhci(rawBusOf(machine), 0x20, DRIVER_MEMORY + 0x10000)
    expect(second.abar).toBe(first.abar + 0x1000)
    first.startPort()
    second.startPort()
    machine.ram.write(BUFFER, pattern(512, 5))
    first.run(0, {
      command: 0x35,
      isWrite: true,
      lba: 3,
      count: 1,
      segments: [{ at: BUFFER, byteLength: 512 }],
    })
    second.run(0, { command: 0x25, lba: 3, count: 1, segments: [{ at: BUFFER + 4096, byteLength: 512 }] })
    expect(Buffer.compare(machine.ram.span(gpa(BUFFER + 4096), 512), pattern(512, 5))).toBe(0)
    expect([machine.evidence.dmaLog.at(0), machine.evidence.dmaLog.at(1)]).toMatchObject([
      { device: 'ahci0', direction: 'toDisk', diskOffset: 3 * 512, byteLength: 512, gpa: BUFFER },
      { device: 'ahci1', direction: 'fromDisk', diskOffset: 3 * 512, byteLength: 512, gpa: BUFFER + 4096 },
    ])
  })
})

it('two disks on one controller are told apart, on their ports and in the log', () => {
  const [system, other] = ['system', 'other'].map((name) =>
    createDisk({
      name,
      model: name,
      serialNumber: 's',
      logicalSectorBytes: 512,
      image: new MemoryDiskImage(2 ** 20),
    }),
  )
  const machine = createMachine({
    seed: 1,
    runs: TEST_RUNS,
    cpuCount: 1,
    controllers: [
      {
        model: ahci,
        name: 'ahci0',
        bdf: TEST_BDF,
        interruptVector: 11,
        attachments: [{ disk: system! }, { port: 3, disk: other! }],
      },
    ],
  })
  expect(machine.disks).toEqual([system, other])
  const bus = rawBusOf(machine)
  const status = (port: number): number => machine.bus.read32(gpa(0xe0000100 + port * 0x80 + 0x28))
  expect([0, 1, 2, 3].map(status)).toEqual([0x133, 0, 0, 0x133])
  machine.ram.write(BUFFER, pattern(512, 5))
  for (const port of [0, 3]) {
    const driver = new RawAhci(bus, TEST_BDF, DRIVER_MEMORY + port * 0x10000, port)
    driver.startPort()
    const segments = [{ at: BUFFER, byteLength: 512 }]
    expect(driver.run(0, { command: 0x35, isWrite: true, lba: port, count: 1, segments }) & 1).toBe(0)
  }
  expect(diskBytes(system!, 0, 512)).toEqual(pattern(512, 5))
  expect(diskBytes(other!, 3 * 512, 512)).toEqual(pattern(512, 5))
  expect([machine.evidence.dmaLog.at(0), machine.evidence.dmaLog.at(1)]).toMatchObject([
    { device: 'ahci0', disk: 'system', diskOffset: 0 },
    { device: 'ahci0', disk: 'other', diskOffset: 3 * 512 },
  ])
})

it('the same traffic gives the same bytes, registers and times', () => {
  const play = () => {
    const { machine, disk } = started()
    const ahci = new RawAhci(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY)
    for (let slot = 0; slot < 32; slot++) {
      ahci.prepare(slot, {
        command: 0x61,
        isWrite: true,
        lba: ((slot * 7) % 32) * 8,
        features: 8,
        count: slot << 3,
        segments: [{ at: BUFFER + slot * 4096, byteLength: 4096 }],
      })
    }
    ahci.issue(0xffffffff, true)
    ahci.waitUntil('all ended', () => ahci.port(0x34) === 0)
    const log = Array.from({ length: machine.evidence.dmaLog.length }, (_, i) =>
      machine.evidence.dmaLog.at(i),
    )
    return { log, nowNs: machine.nowNs, bytes: Buffer.from(diskBytes(disk, 0, 2 ** 20)).toString('base64') }
  }
  expect(play()).toEqual(play())
})

describe('options that make no machine are refused', () => {
  const disk = createDisk({
    name: 'd',
    model: 'm',
    serialNumber: 's',
    logicalSectorBytes: 512,
    image: new MemoryDiskImage(2 ** 20),
  })
  const controller = { model: ahci, name: 'a', bdf: 8, interruptVector: 1, attachments: [{ disk }] }
  const good = { seed: 1, runs: TEST_RUNS, cpuCount: 1, controllers: [controller] }
  const windowRun: PageRun[] = [{ basePage: pfn(0xe0000), pageCount: 1 }]
  it.each([
    ['no CPU', { cpuCount: 0 }],
    ['half a CPU', { cpuCount: 1.5 }],
    ['a seed that is no number', { seed: Number.NaN }],
    ['no RAM', { runs: [] }],
    ['RAM under the device windows', { runs: windowRun }],
    ['two controllers of one name', { controllers: [controller, { ...controller, bdf: 16 }] }],
    ['two controllers in one place', { controllers: [controller, { ...controller, name: 'b' }] }],
    ['a place outside the bus', { controllers: [{ ...controller, bdf: 0x10000 }] }],
    ['no disk', { controllers: [{ ...controller, attachments: [] }] }],
    [
      'a disk on a port that is not there',
      { controllers: [{ ...controller, attachments: [{ port: 6, disk }] }] },
    ],
    [
      'a place that AHCI does not have',
      { controllers: [{ ...controller, attachments: [{ target: 1, disk }] }] },
    ],
    [
      'two disks on one port',
      { controllers: [{ ...controller, attachments: [{ disk }, { port: 0, disk }] }] },
    ],
    ['a setting that AHCI does not have', { controllers: [{ ...controller, settings: { segMax: 8 } }] }],
    [
      'a setting without meaning',
      { controllers: [{ ...controller, model: virtioBlk, settings: { virtio: 'old' } }] },
    ],
    [
      'a setting out of range',
      { controllers: [{ ...controller, model: virtioBlk, settings: { segMax: 0 } }] },
    ],
    ['a disk of unknown make', { controllers: [{ ...controller, attachments: [{ disk: { ...disk } }] }] }],
  ])('%s', (_, wrong) => {
    expect(() => createMachine({ ...good, ...wrong })).toThrow(MachineError)
  })
})
