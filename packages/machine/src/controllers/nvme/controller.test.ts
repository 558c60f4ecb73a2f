// What a driver sees of the NVMe controller: registers by offset, queues, PRPs, limits, phase, shutdown and reset.
import { gpa } from '@dumpstack/bytes'
import { RawNvme, rawBusOf } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import {
  BUFFER,
  DRIVER_MEMORY,
  diskBytes,
  HIGH_BUFFER,
  pattern,
  TEST_BDF,
  TEST_VECTOR,
  type TestMachineOptions,
  testMachine,
} from '../../test-machine.ts'
import { nvme } from './index.ts'

const PAGE = 4096
const WRITE = 1
const READ = 2
const BACK = gpa(BUFFER + 0x40000)
const DNR = 0x4000

function started(options: TestMachineOptions & { pairs?: number; size?: number; interrupts?: boolean } = {}) {
  const { pairs = 1, size, interrupts = false, ...rest } = options
  const { machine, disk } = testMachine({ model: nvme, ...rest })
  const driver = new RawNvme(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY)
  driver.start(pairs, size, { interrupts })
  const pages = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i * PAGE)
  return { machine, disk, driver, pages }
}
const u32 = (bytes: Uint8Array, at: number) => new DataView(bytes.buffer).getUint32(at, true)
const text = (bytes: Uint8Array, at: number, length: number) =>
  Buffer.from(bytes.subarray(at, at + length)).toString('latin1')

it('has the registers of a controller that is off', () => {
  const { machine } = testMachine({
    model: nvme,
    settings: { queueEntries: 64, timeout: 3, doorbellStride: 2 },
  })
  const driver = new RawNvme(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY)
  const offsets = [0x00, 0x04, 0x08, 0x0c, 0x14, 0x1c, 0x24, 0x28, 0x30, 0x38, 0x1000]
  expect(offsets.map((at) => driver.register(at))).toEqual([
    0x0301003f, 0x22, 0x10400, 0, 0, 0, 0, 0, 0, 0, 0,
  ])
  expect(machine.bus.config32(TEST_BDF, 0x08)).toBe(0x01080202)
  expect(machine.bus.config32(TEST_BDF, 0x10) & 0xf).toBe(4)
})

describe('CC.EN', () => {
  it('is followed by CSTS.RDY after a time, both ways', () => {
    const { machine } = testMachine({ model: nvme, settings: { readyNs: 10_000_000 } })
    const driver = new RawNvme(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY)
    const timed = (act: () => void) => {
      const before = machine.nowNs
      act()
      return Math.round((machine.nowNs - before) / 1e6)
    }
    expect(timed(() => driver.enable())).toBe(10)
    expect(timed(() => driver.disable())).toBe(10)
    expect(driver.register(0x24)).toBe(0x001f001f)
  })

  it('is lost while the reset has not ended', () => {
    const { machine, driver } = started({ settings: { readyNs: 10_000_000 } })
    driver.setRegister(0x14, 0)
    expect(driver.register(0x1c)).toBe(1)
    driver.setRegister(0x14, 0x00460001)
    machine.stall(50_000)
    expect([driver.register(0x14), driver.register(0x1c)]).toEqual([0x00460000, 0])
    expect(machine.evidence.refusals.map(({ message }) => message)).toEqual([
      'CC.EN set before the reset has ended, CSTS.RDY is 0',
    ])
  })

  it.each([
    ['an admin queue of one entry', 0x24, 0, 'AQA gives an admin queue one entry, expected at least two'],
    ['an admin queue outside RAM', 0x28, 0xb0000000, 'the admin submission queue lies outside RAM'],
  ])('refuses %s', (_, register, value, reason) => {
    const { machine, driver } = started()
    driver.disable()
    driver.setRegister(register, value)
    driver.setRegister(0x14, 1)
    machine.stall(5000)
    expect(driver.register(0x1c) & 2).toBe(2)
    expect(machine.evidence.stops.map((stop) => stop.reason)).toEqual([
      `controller fatal status (CSTS.CFS): ${reason}`,
    ])
    driver.start()
    expect(driver.run({ opcode: 0 }).status).toBe(0)
  })

  it('drops what is in flight without a completion, and no data of it moves', () => {
    const { machine, disk, driver, pages } = started({ pairs: 2 })
    machine.ram.write(BUFFER, pattern(PAGE, 1))
    for (const queue of [1, 2]) {
      driver.submit(driver.transfer(WRITE, queue * 8, pages(BUFFER, 1)), queue)
      driver.ring(queue)
    }
    expect(machine.evidence.controllers[0]!.outstandingCount).toBe(2)
    driver.setRegister(0x14, 0)
    machine.stall(1e6)
    expect([1, 2].map((queue) => driver.hasCompletion(queue))).toEqual([false, false])
    expect(diskBytes(disk, 0, 3 * PAGE).every((byte) => byte === 0)).toBe(true)
    driver.start()
    expect(driver.run(driver.transfer(WRITE, 8, pages(BUFFER, 1))).status).toBe(0)
    expect(diskBytes(disk, PAGE, PAGE)).toEqual(pattern(PAGE, 1))
  })
})

describe('Identify', () => {
  it.each([
    [512, 0, 9, 131072],
    [512, 3, 9, 131072],
    [4096, 0, 12, 16384],
    [4096, 1, 12, 16384],
  ])(
    'says what the namespace is: blocks of %i bytes, format %i',
    (logicalSectorBytes, lbaFormat, shift, blocks) => {
      const { driver } = started({ logicalSectorBytes, settings: { lbaFormat } })
      expect(driver.identify(0, 1).status).toBe(0)
      const bytes = driver.dataBytes(4096)
      expect([u32(bytes, 0), u32(bytes, 8), u32(bytes, 16)]).toEqual([blocks, blocks, blocks])
      const format = bytes[26]! & 0xf
      expect([format, bytes[128 + format * 4 + 2]]).toEqual([lbaFormat, shift])
      if (lbaFormat > 0) expect(bytes[130]).not.toBe(shift)
    },
  )

  it('says what the controller is', () => {
    const { driver } = started({ settings: { mdts: 5, writeCache: 'none' } })
    expect(driver.identify(1).status).toBe(0)
    const bytes = driver.dataBytes(4096)
    expect(text(bytes, 4, 20)).toBe('DS-0001'.padEnd(20))
    expect(text(bytes, 24, 40)).toBe('Dumpstack disk'.padEnd(40))
    expect([bytes[77], u32(bytes, 80), bytes[512], bytes[513], u32(bytes, 516), bytes[525]]).toEqual([
      5, 0x10400, 0x66, 0x44, 1, 0,
    ])
  })

  it('lists and describes its namespaces', () => {
    const { driver } = started()
    expect(driver.identify(2, 0).status).toBe(0)
    expect([u32(driver.dataBytes(8), 0), u32(driver.dataBytes(8), 4)]).toEqual([1, 0])
    expect(driver.identify(2, 1).status).toBe(0)
    expect(u32(driver.dataBytes(8), 0)).toBe(0)
    expect(driver.identify(3, 1).status).toBe(0)
    expect([...driver.dataBytes(4)]).toEqual([1, 8, 0, 0])
    expect(
      [driver.identify(0, 2), driver.identify(3, 2), driver.identify(7)].map(({ status }) => status),
    ).toEqual([DNR | 0x0b, DNR | 0x0b, DNR | 0x02])
  })
})

describe('features and log pages', () => {
  const feature = (id: number, value?: number) => ({
    opcode: value === undefined ? 0x0a : 0x09,
    dwords: [id, value ?? 0],
  })

  it('grants queues once, before there are any', () => {
    const { machine } = testMachine({ model: nvme, settings: { queues: 4 } })
    const driver = new RawNvme(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY)
    driver.enable()
    expect(driver.admin(feature(7, 0x00ff00ff))).toMatchObject({ status: 0, result: 0x00030003 })
    expect(driver.admin(feature(7, 0xffff)).status).toBe(DNR | 0x02)
    driver.createCompletionQueue(1, 16, 0, false)
    expect(driver.admin(feature(7, 1)).status).toBe(DNR | 0x0c)
    expect(driver.admin(feature(7))).toMatchObject({ status: 0, result: 0x00030003 })
  })

  it('switches the write cache', () => {
    const { machine, disk, driver, pages } = started()
    machine.ram.write(BUFFER, pattern(PAGE, 1))
    expect(driver.admin(feature(6))).toMatchObject({ status: 0, result: 1 })
    driver.run(driver.transfer(WRITE, 0, pages(BUFFER, 1)))
    expect(disk.isCacheDirty).toBe(true)
    expect(driver.run({ opcode: 0, nsid: 0xffffffff }).status).toBe(0)
    expect(disk.isCacheDirty).toBe(false)
    const { dwords, ...rest } = driver.transfer(WRITE, 0, pages(BUFFER, 1))
    driver.run({ ...rest, dwords: [dwords![0]!, 0, (dwords![2]! | 0x40000000) >>> 0] })
    expect(disk.isCacheDirty).toBe(false)
    expect(driver.admin(feature(6, 0)).status).toBe(0)
    driver.run(driver.transfer(WRITE, 0, pages(BUFFER, 1)))
    expect(disk.isCacheDirty).toBe(false)
  })

  it.each([
    [0x01, 64],
    [0x02, 512],
    [0x03, 512],
  ])('has log page %i', (id, byteLength) => {
    const { driver } = started()
    const get = (page: number) =>
      driver.admin({
        opcode: 0x02,
        nsid: 0xffffffff,
        prp1: driver.data,
        dwords: [((byteLength / 4 - 1) << 16) | page],
      })
    expect([get(id).status, get(0xc0).status]).toEqual([0, DNR | 0x109])
    get(0x02)
    expect(driver.dataBytes(4)[1]! + driver.dataBytes(4)[2]! * 256).toBe(323)
  })

  it('refuses what it does not know', () => {
    const { driver } = started()
    const statuses = [feature(0x7f), feature(0x7f, 1), { opcode: 0x80 }].map(
      (one) => driver.admin(one).status,
    )
    expect(statuses).toEqual([DNR | 2, DNR | 2, DNR | 1])
    expect(driver.admin({ opcode: 0x08, dwords: [1] })).toMatchObject({ status: 0, result: 1 })
  })
})

describe('queues', () => {
  const create = (driver: RawNvme, opcode: number, dwords: number[], prp1 = DRIVER_MEMORY + 0x4000) =>
    driver.admin({ opcode, prp1, dwords }).status

  it.each<[string, number, number[], number, number?]>([
    ['a completion queue that is there', 5, [(7 << 16) | 1, 1], 0x101],
    ['completion queue 0', 5, [7 << 16, 1], 0x101],
    ['a completion queue past the last', 5, [(7 << 16) | 9, 1], 0x101],
    ['a queue of one entry', 5, [2, 1], 0x102],
    ['a queue larger than CAP.MQES', 5, [(2048 << 16) | 2, 1], 0x102],
    ['a queue that is not contiguous', 5, [(7 << 16) | 2, 0], 0x02],
    ['a queue that begins inside a page', 5, [(7 << 16) | 2, 1], 0x13, DRIVER_MEMORY + 0x4010],
    ['a vector without MSI-X', 5, [(7 << 16) | 2, (1 << 16) | 3], 0x108],
    ['a submission queue without completion queue', 1, [(7 << 16) | 2, (2 << 16) | 1], 0x100],
    ['a submission queue that is there', 1, [(7 << 16) | 1, (1 << 16) | 1], 0x101],
    ['the deletion of a queue that is not there', 0, [2], 0x101],
    ['the deletion of a completion queue in use', 4, [1], 0x10c],
  ])('refuses %s', (_, opcode, dwords, status, prp1) => {
    const { driver } = started()
    expect(create(driver, opcode, dwords, prp1)).toBe(DNR | status)
  })

  it('are deleted and created again, with their commands done before', () => {
    const { machine, driver, pages } = started()
    driver.submit(driver.transfer(WRITE, 0, pages(BUFFER, 1)))
    driver.ring()
    expect(create(driver, 0, [1])).toBe(0)
    expect(driver.take(1, false).status).toBe(0)
    expect(create(driver, 4, [1])).toBe(0)
    driver.createCompletionQueue(1, 8, 0, false)
    driver.createSubmissionQueue(1, 8, 1)
    expect(driver.run({ opcode: 0 })).toMatchObject({ status: 0, sqid: 1, sqhd: 1 })
    expect(machine.evidence.stops).toEqual([])
  })

  it('flip their phase at each turn', () => {
    const { driver } = started({ size: 4 })
    const seen = Array.from({ length: 11 }, () => driver.run({ opcode: 0 }))
    expect(seen.map(({ sqhd }) => sqhd)).toEqual([1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3])
    expect(seen.every(({ status }) => status === 0)).toBe(true)
  })

  it('hold completions while they are full, and lose none', () => {
    const { machine, driver } = started({ size: 4 })
    for (const count of [3, 3]) {
      for (let i = 0; i < count; i++) driver.submit({ opcode: 0 })
      driver.ring()
      machine.stall(1000)
    }
    const cids: number[] = []
    for (let i = 0; i < 3; i++) cids.push(driver.take(1, false).cid)
    expect(driver.hasCompletion()).toBe(false)
    driver.setDoorbell(3, 3)
    for (let i = 0; i < 3; i++) cids.push(driver.take().cid)
    expect(cids.map((cid) => cid - cids[0]!)).toEqual([0, 1, 2, 3, 4, 5])
  })

  it('refuse an identifier that is in flight, once', () => {
    const { driver } = started()
    for (const cid of [7, 7]) driver.submit({ opcode: 0, cid })
    driver.ring()
    const statuses = [driver.take(), driver.take()].map(({ status }) => status)
    expect(statuses.sort()).toEqual([0, DNR | 0x03])
    expect(driver.run({ opcode: 0, cid: 7 }).status).toBe(0)
  })

  it('tell of a bad doorbell by an asynchronous event, each kind until its log is read', () => {
    const { machine, driver } = started()
    driver.submit({ opcode: 0x0c }, 0)
    driver.ring(0)
    machine.stall(1000)
    expect(driver.hasCompletion(0)).toBe(false)
    driver.setDoorbell(2, 32)
    expect(driver.take(0)).toMatchObject({ status: 0, result: 0x00010100 })
    driver.setDoorbell(12, 1)
    driver.submit({ opcode: 0x0c }, 0)
    driver.ring(0)
    machine.stall(1000)
    expect(driver.hasCompletion(0)).toBe(false)
    driver.setDoorbell(12, 1)
    const log = { opcode: 2, nsid: 0xffffffff, prp1: driver.data, dwords: [(15 << 16) | 1] }
    expect(driver.admin(log).status).toBe(0)
    driver.setDoorbell(12, 1)
    expect(driver.take(0)).toMatchObject({ status: 0, result: 0x00010000 })
    expect(machine.evidence.refusals[0]!.message).toBe(
      '32 in the doorbell of I/O submission queue 1, the doorbell is 31',
    )
  })

  it('take four asynchronous event requests', () => {
    const { driver } = started()
    for (let i = 0; i < 5; i++) driver.submit({ opcode: 0x0c }, 0)
    driver.ring(0)
    expect(driver.take(0).status).toBe(DNR | 0x105)
  })
})

describe('transfers', () => {
  it.each([
    ['one page', 1],
    ['two pages', 2],
    ['a list', 32],
  ])('by %s arrive', (_, count) => {
    const { machine, disk, driver, pages } = started()
    const bytes = pattern(count * PAGE, count)
    machine.ram.write(BUFFER, bytes)
    expect(driver.run(driver.transfer(WRITE, 64, pages(BUFFER, count))).status).toBe(0)
    expect(Buffer.compare(diskBytes(disk, 64 * 512, bytes.byteLength), bytes)).toBe(0)
    const back = pages(BACK, count).reverse()
    expect(driver.run(driver.transfer(READ, 64, back)).status).toBe(0)
    for (const [i, page] of back.entries())
      expect(
        Buffer.compare(machine.ram.span(gpa(page), PAGE), bytes.subarray(i * PAGE, (i + 1) * PAGE)),
      ).toBe(0)
  })

  it('begin inside a page, and end inside one', () => {
    const { machine, disk, driver } = started()
    machine.ram.write(gpa(BUFFER + 0xe00), pattern(1024, 5))
    const status = driver.run({
      opcode: WRITE,
      prp1: BUFFER + 0xe00,
      prp2: BUFFER + 0x1000,
      dwords: [3, 0, 1],
    }).status
    expect(status).toBe(0)
    expect(Buffer.compare(diskBytes(disk, 3 * 512, 1024), pattern(1024, 5))).toBe(0)
  })

  it('follow a list to its next page where its last entry names it', () => {
    const { machine, disk, driver, pages } = started()
    const bytes = pattern(8 * PAGE, 9)
    machine.ram.write(BUFFER, bytes)
    const [first, ...rest] = pages(BUFFER, 8)
    const more = driver.list(rest.slice(3), 0x1000)
    const list = driver.list([...rest.slice(0, 3), more], 0xfe0)
    expect(driver.run({ opcode: WRITE, prp1: first!, prp2: list, dwords: [0, 0, 63] }).status).toBe(0)
    expect(Buffer.compare(diskBytes(disk, 0, bytes.byteLength), bytes)).toBe(0)
  })

  it('reach memory above 4 GiB', () => {
    const { machine, disk, driver } = started()
    machine.ram.write(HIGH_BUFFER, pattern(PAGE, 2))
    expect(driver.run(driver.transfer(WRITE, 0, [HIGH_BUFFER])).status).toBe(0)
    expect(Buffer.compare(diskBytes(disk, 0, PAGE), pattern(PAGE, 2))).toBe(0)
  })

  it.each<[string, Parameters<RawNvme['run']>[0], number]>([
    ['data outside RAM', { opcode: WRITE, prp1: 0xa0000, dwords: [0, 0, 7] }, 0x04],
    ['a list outside RAM', { opcode: WRITE, prp1: BUFFER, prp2: 0xa0000, dwords: [0, 0, 31] }, 0x04],
    [
      'a second page that begins inside one',
      { opcode: WRITE, prp1: BUFFER, prp2: BUFFER + 8, dwords: [0, 0, 15] },
      0x13,
    ],
    ['blocks past the end', { opcode: WRITE, prp1: BUFFER, dwords: [131072, 0, 0] }, 0x80],
    ['blocks far past the end', { opcode: WRITE, prp1: BUFFER, dwords: [0, 0xffffffff, 0] }, 0x80],
    ['zeroes past the end', { opcode: 8, dwords: [131071, 0, 1] }, 0x80],
    ['another namespace', { opcode: WRITE, nsid: 2, prp1: BUFFER, dwords: [0, 0, 0] }, 0x0b],
    ['an SGL', { opcode: WRITE, flags: 0x40, prp1: BUFFER, dwords: [0, 0, 0] }, 0x02],
    ['an opcode that it does not have', { opcode: 0x7f }, 0x01],
  ])('refuse %s', (_, command, status) => {
    const { machine, disk, driver } = started()
    expect(driver.run(command).status).toBe(DNR | status)
    expect(machine.evidence.dmaLog.length).toBe(0)
    expect(disk.isCacheDirty).toBe(false)
  })

  it('are no larger than MDTS', () => {
    const { machine, driver, pages } = started({ settings: { mdts: 1 } })
    expect(driver.run(driver.transfer(WRITE, 0, pages(BUFFER, 2))).status).toBe(0)
    expect(driver.run(driver.transfer(WRITE, 0, pages(BUFFER, 3))).status).toBe(DNR | 0x02)
    expect(machine.evidence.refusals.map(({ limit, allowed, found }) => [limit, allowed, found])).toEqual([
      ['MDTS', 8192, 12288],
    ])
  })

  it('write zeroes, and take ranges to deallocate', () => {
    const { machine, disk, driver, pages } = started()
    machine.ram.write(BUFFER, pattern(2 * PAGE, 1))
    driver.run(driver.transfer(WRITE, 0, pages(BUFFER, 2)))
    expect(driver.run({ opcode: 8, dwords: [1, 0, 13] }).status).toBe(0)
    const expected = pattern(2 * PAGE, 1).fill(0, 512, 15 * 512)
    expect(Buffer.compare(diskBytes(disk, 0, 2 * PAGE), expected)).toBe(0)
    const range = new DataView(new ArrayBuffer(16))
    range.setUint32(4, 8, true)
    range.setUint32(8, 131064, true)
    machine.ram.write(BACK, new Uint8Array(range.buffer))
    expect(driver.run({ opcode: 9, prp1: BACK, dwords: [0, 4] }).status).toBe(0)
    range.setUint32(4, 9, true)
    machine.ram.write(BACK, new Uint8Array(range.buffer))
    expect(driver.run({ opcode: 9, prp1: BACK, dwords: [0, 4] }).status).toBe(DNR | 0x80)
  })
})

describe('interrupts', () => {
  it('raise the line until the queue is empty, unless INTMS masks it', () => {
    const { machine, driver } = started({ interrupts: true })
    let calls = 0
    machine.bus.onInterrupt(TEST_VECTOR, () => {
      calls++
      if (driver.hasCompletion()) driver.take()
      return true
    })
    driver.submit({ opcode: 0 })
    driver.ring()
    machine.stall(1000)
    expect(calls).toBe(1)
    driver.setRegister(0x0c, 1)
    driver.submit({ opcode: 0 })
    driver.ring()
    machine.stall(1000)
    expect([calls, driver.register(0x10)]).toEqual([1, 1])
    driver.setRegister(0x10, 1)
    machine.stall(1000)
    expect(calls).toBe(2)
  })

  it('are messages with MSI-X, one vector for each queue that has one', () => {
    const { machine } = testMachine({ model: nvme })
    const driver = new RawNvme(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY)
    const table = driver.bar + 0x2000
    for (const vector of [1, 2]) {
      machine.bus.write32(gpa(table + vector * 16), BACK + vector * 4)
      machine.bus.write32(gpa(table + vector * 16 + 8), 0x40 + vector)
      machine.bus.write32(gpa(table + vector * 16 + 12), 0)
    }
    machine.bus.setConfig32(TEST_BDF, 0x40, 0x80000000)
    machine.ram.write(BACK, new Uint8Array(12))
    driver.start(2, 16, { interrupts: true, firstVector: 1 })
    expect([1, 2].map((vector) => machine.ram.u32(gpa(BACK + vector * 4)))).toEqual([0, 0])
    driver.run({ opcode: 0 }, 2)
    expect([1, 2].map((vector) => machine.ram.u32(gpa(BACK + vector * 4)))).toEqual([0, 0x42])
    driver.run({ opcode: 0 }, 1)
    expect(machine.ram.u32(gpa(BACK + 4))).toBe(0x41)
    expect(machine.controllerState('nvme0').interrupts).toBe('message')
  })
})

it('CC.SHN empties the cache, then SHST says so, and nothing is done until a reset', () => {
  const { machine, disk, driver, pages } = started({ settings: { shutdownNs: 5_000_000 } })
  driver.run(driver.transfer(WRITE, 0, pages(BUFFER, 1)))
  expect(disk.isCacheDirty).toBe(true)
  driver.setRegister(0x14, 0x00464001)
  expect(driver.register(0x1c)).toBe(0x05)
  machine.stall(6000)
  expect([driver.register(0x1c), disk.isCacheDirty]).toEqual([0x09, false])
  driver.submit({ opcode: 0 })
  driver.ring()
  machine.stall(1e5)
  expect(driver.hasCompletion()).toBe(false)
  driver.start()
  expect(driver.run({ opcode: 0 }).status).toBe(0)
})
