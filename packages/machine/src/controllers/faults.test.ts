// The faults that disturb more than one request, the same on each controller: a driver sees an error, a busy device, one that
// restarts, a reset that takes long. And whatever happened, nothing that a reset dropped is reported afterwards.
import { gpa, lba } from '@dumpstack/bytes'
import { RawAhci, RawNvme, RawVirtioBlk, rawBusOf } from '@dumpstack/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Fault } from '../faults.ts'
import { BUFFER, DRIVER_MEMORY, diskBytes, pattern, TEST_BDF, testMachine } from '../test-machine.ts'
import { ahci } from './ahci/index.ts'
import { nvme } from './nvme/index.ts'
import { virtioBlk } from './virtio-blk/index.ts'

const PAGE = 4096
const FEATURES = 0x10000644
const BACK = gpa(BUFFER + 0x8000)

/** What the tests ask of a driver. Each request is of a page, the nth at page n of the disk. */
interface Driver {
  start(): void
  /** Sends a write without waiting. */
  send(page: number): void
  /** Runs a request to its end; whether it was good. */
  run(kind: 'read' | 'write' | 'flush', page: number): boolean
  /** Requests whose end was reported since the last start. */
  ended(): number
}
type Machine = ReturnType<typeof testMachine>['machine']

function ahciDriver(machine: Machine): Driver {
  const raw = new RawAhci(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY)
  let sent = 0
  let hasStarted = false
  const command = (code: number, page: number) => ({
    command: code,
    isWrite: code !== 0x60,
    lba: page * 8,
    features: 8,
    segments: [{ at: code === 0x60 ? BACK : BUFFER, byteLength: PAGE }],
  })
  const isQueuedOut = () => raw.port(0x34) !== 0
  return {
    start() {
      if (hasStarted) {
        raw.stopPort()
        raw.comreset()
      }
      raw.startPort()
      hasStarted = true
      sent = 0
    },
    send(page) {
      raw.prepare(sent, { ...command(0x61, page), count: sent << 3 })
      raw.issue(1 << sent++, true)
    },
    run(kind, page) {
      const code = { read: 0x60, write: 0x61, flush: 0xea }[kind]
      if (kind === 'flush') raw.prepare(31, { command: code })
      else raw.prepare(31, { ...command(code, page), count: 31 << 3 })
      raw.issue((1 << 31) >>> 0, kind !== 'flush')
      raw.waitUntil('the command ends', () => {
        const isOut = kind === 'flush' ? raw.port(0x38) !== 0 : isQueuedOut()
        return !isOut || (raw.port(0x10) & 0x40000000) !== 0
      })
      const isGood = (raw.port(0x20) & 1) === 0
      if (!isGood) {
        raw.recover()
        raw.run(0, {
          command: 0x2f,
          lba: 0x10,
          count: 1,
          segments: [{ at: BACK, byteLength: 512 }],
        })
      }
      return isGood
    },
    ended() {
      let left = 0
      for (let slots = raw.port(0x34); slots !== 0; slots &= slots - 1) left++
      return sent - left
    },
  }
}

function virtioDriver(machine: Machine): Driver {
  const raw = new RawVirtioBlk(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY, false)
  const data = [{ at: BUFFER, byteLength: PAGE }]
  const requests = {
    read: { type: 0, into: [{ at: BACK, byteLength: PAGE }] },
    write: { type: 1, out: data },
    flush: { type: 4 },
  }
  return {
    start: () => raw.start(FEATURES),
    send(page) {
      raw.submit({ ...requests.write, sector: page * 8 })
      raw.notify()
    },
    run(kind, page) {
      const head = raw.submit({ ...requests[kind], sector: page * 8 })
      raw.notify()
      raw.waitUntil('the request ends', () => raw.statusOf(head) !== 0xff)
      return raw.statusOf(head) === 0
    },
    ended: () => raw.usedIndex(),
  }
}

function nvmeDriver(machine: Machine): Driver {
  const raw = new RawNvme(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY)
  const command = (kind: 'read' | 'write' | 'flush', page: number) =>
    kind === 'flush'
      ? { opcode: 0 }
      : raw.transfer(kind === 'read' ? 2 : 1, page * 8, [kind === 'read' ? BACK : BUFFER])
  let taken = 0
  return {
    start() {
      raw.start()
      taken = 0
    },
    send(page) {
      raw.submit(command('write', page))
      raw.ring()
    },
    run(kind, page) {
      const cid = raw.submit(command(kind, page))
      raw.ring()
      for (;;) {
        const ended = raw.take()
        taken++
        if (ended.cid === cid) return ended.status === 0
      }
    },
    ended() {
      while (raw.hasCompletion()) {
        raw.take()
        taken++
      }
      return taken
    },
  }
}

describe.each([
  { model: ahci, driverOf: ahciDriver },
  { model: nvme, driverOf: nvmeDriver },
  { model: virtioBlk, driverOf: virtioDriver },
])('$model.kind', ({ model, driverOf }) => {
  const controller = `${model.kind}0`
  const faulty = (fault?: Fault) => {
    const { machine, disk } = testMachine({ model })
    const driver = driverOf(machine)
    driver.start()
    machine.ram.write(BUFFER, pattern(PAGE, 1))
    if (fault !== undefined) machine.faults.add(fault)
    return { machine, disk, driver }
  }
  const isWritten = (disk: ReturnType<typeof testMachine>['disk'], page: number) =>
    Buffer.compare(diskBytes(disk, page * PAGE, PAGE), pattern(PAGE, 1)) === 0

  it('persistentError: from a write on everything fails, a reset does not help, clearing the plan does', () => {
    const { machine, disk, driver } = faulty({ kind: 'persistentError', controller, afterWrites: 1 })
    expect(driver.run('read', 0)).toBe(true)
    expect(driver.run('write', 0)).toBe(true)
    expect(driver.run('write', 1)).toBe(false)
    expect(driver.run('read', 0)).toBe(false)
    expect(driver.run('flush', 0)).toBe(false)
    driver.start()
    expect(driver.run('write', 2)).toBe(false)
    expect([0, 1, 2].map((page) => isWritten(disk, page))).toEqual([true, false, false])
    expect(disk.flushCount).toBe(0)
    machine.faults.clear()
    expect(driver.run('write', 1)).toBe(true)
  })

  it('persistentError of a count is an error that stays for so many requests', () => {
    const { driver } = faulty({ kind: 'persistentError', controller, afterWrites: 0, count: 2 })
    const results = [0, 1, 2].map((page) => driver.run('write', page))
    expect(results).toEqual([false, false, true])
  })

  it('busy: nothing ends for that time, then all goes on', () => {
    const fault: Fault = { kind: 'busy', controller, afterWrites: 1, nanoseconds: 50_000_000 }
    const { machine, disk, driver } = faulty(fault)
    for (const page of [0, 1, 2]) driver.send(page)
    machine.stall(49_000)
    expect(driver.ended()).toBe(1)
    driver.send(3)
    machine.stall(2000)
    expect(driver.ended()).toBe(4)
    expect([0, 1, 2, 3].every((page) => isWritten(disk, page))).toBe(true)
    expect(driver.run('write', 4)).toBe(true)
  })

  it('a reset ends busy', () => {
    const fault: Fault = { kind: 'busy', controller, afterWrites: 0, nanoseconds: 3_600_000_000_000 }
    const { machine, driver } = faulty(fault)
    driver.send(0)
    machine.stall(1000)
    driver.start()
    expect(driver.run('write', 1)).toBe(true)
    expect(machine.nowNs).toBeLessThan(1e9)
  })

  it('hang: nothing ends until a reset', () => {
    const { machine, driver } = faulty({ kind: 'hang', controller, afterWrites: 0, count: 1 })
    for (const page of [0, 1]) driver.send(page)
    machine.stall(60_000_000)
    expect(driver.ended()).toBe(0)
    driver.start()
    expect(driver.run('write', 1)).toBe(true)
  })

  it('surpriseReset: what was in flight is gone, and nothing ends until the driver resets', () => {
    const { machine, disk, driver } = faulty({ kind: 'surpriseReset', controller, afterWrites: 1 })
    for (const page of [0, 1, 2]) driver.send(page)
    machine.stall(1_000_000)
    expect(driver.ended()).toBe(1)
    expect([0, 1, 2].map((page) => isWritten(disk, page))).toEqual([true, false, false])
    expect(machine.evidence.stops).toEqual([]) // not the driver's doing
    driver.start()
    expect(driver.run('write', 1)).toBe(true)
  })

  it('slowReset: the driver waits that much longer, for `count` resets', () => {
    const { machine, driver } = faulty({ kind: 'slowReset', controller, nanoseconds: 400_000_000, count: 1 })
    const timed = () => {
      const before = machine.nowNs
      driver.start()
      return machine.nowNs - before
    }
    expect(timed()).toBeGreaterThan(400_000_000)
    expect(timed()).toBeLessThan(100_000_000)
    expect(driver.run('write', 1)).toBe(true)
  })

  it('whatever a fault did, nothing of before a reset ends or reaches the disk after it', () => {
    const controllerFault = fc.constantFrom<Fault[]>(
      { kind: 'busy', controller, afterWrites: 1, nanoseconds: 30_000 },
      { kind: 'hang', controller, afterWrites: 1, count: 1 },
      { kind: 'lostCompletion', controller, afterWrites: 1, count: 1 },
      { kind: 'transientError', controller, afterWrites: 1 },
      { kind: 'surpriseReset', controller, afterWrites: 1 },
      { kind: 'slowReset', controller, nanoseconds: 1_000_000 },
      { kind: 'latency', controller, nanoseconds: 2_000_000 },
      { kind: 'throttle', controller, bytesPerSecond: 1_000_000 },
      { kind: 'badSector', controller, lba: lba(8), sectorCount: 1 },
    )
    const faults = fc.uniqueArray(controllerFault, { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(faults, fc.integer({ min: 1, max: 6 }), fc.nat(6000), (planned, requests, wait) => {
        const { machine, driver } = faulty()
        for (const fault of planned) machine.faults.add(fault)
        for (let page = 0; page < requests; page++) driver.send(page)
        machine.stall(wait)
        driver.start()
        const { completionCount, dmaLog } = machine.evidence
        const moved = dmaLog.length
        machine.stall(30_000_000)
        expect([driver.ended(), machine.evidence.completionCount]).toEqual([0, completionCount])
        expect(dmaLog.length).toBe(moved)
        machine.faults.clear()
        expect(driver.run('write', 9)).toBe(true)
        machine.close()
      }),
      { numRuns: 20 },
    )
  })
})

describe('how the registers show it', () => {
  const started = (fault: Fault) => {
    const { machine } = testMachine()
    const raw = new RawAhci(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY)
    raw.startPort()
    machine.faults.add(fault)
    const out = { isWrite: true, segments: [{ at: BUFFER, byteLength: PAGE }] }
    return {
      machine,
      raw,
      write: { ...out, command: 0x35, count: 8 },
      queued: { ...out, command: 0x61, features: 8 },
    }
  }
  const fault = { controller: 'ahci0', afterWrites: 0 } as const

  it('ahci, persistentError: DF and ERR, ABRT (ACS-3 6.3)', () => {
    const { raw, write } = started({ kind: 'persistentError', ...fault })
    expect(raw.run(0, write)).toBe(0x0471)
    expect([...raw.received(0x40, 4)]).toEqual([0x34, 0x40, 0x71, 0x04])
  })

  it('ahci, busy: BSY while it lasts, also after queued commands have left it clear', () => {
    const { machine, raw, queued } = started({ kind: 'busy', ...fault, nanoseconds: 50_000_000 })
    raw.prepare(0, queued)
    raw.issue(1, true)
    expect(raw.port(0x20) & 0x80).toBe(0)
    machine.stall(1000)
    expect(raw.port(0x20) & 0x80).toBe(0x80)
    raw.prepare(1, { ...queued, count: 1 << 3 })
    raw.issue(2, true)
    expect(raw.port(0x38)).toBe(2)
    machine.stall(60_000)
    expect([raw.port(0x20), raw.port(0x34), raw.port(0x38)]).toEqual([0x50, 0, 0])
  })

  it('ahci, surpriseReset: PhyRdy changes, COMINIT comes; PxCI stays until PxCMD.ST is cleared', () => {
    const { machine, raw, write } = started({ kind: 'surpriseReset', ...fault })
    raw.prepare(0, write)
    raw.issue(1)
    machine.stall(100)
    expect([raw.port(0x28), raw.port(0x30)]).toEqual([0, 0x00010000])
    expect(raw.port(0x10) & 0x00400000).toBe(0x00400000) // PRCS
    machine.stall(1000)
    expect([raw.port(0x28), raw.port(0x30)]).toEqual([0x133, 0x04010000])
    machine.stall(10_000)
    expect([raw.port(0x20), raw.port(0x38)]).toEqual([0x0150, 1])
    raw.recover()
    expect(raw.port(0x38)).toBe(0)
    expect(raw.run(0, write)).toBe(0x50)
  })

  it('virtio-blk, surpriseReset: DEVICE_NEEDS_RESET and a configuration interrupt (2.1.2); silence for a legacy driver', () => {
    for (const isLegacy of [false, true]) {
      const { machine } = testMachine({ model: virtioBlk })
      const raw = new RawVirtioBlk(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY, isLegacy)
      raw.start(FEATURES)
      machine.faults.add({ kind: 'surpriseReset', controller: 'virtio-blk0', afterWrites: 0 })
      raw.submit({ type: 1, sector: 0, out: [{ at: BUFFER, byteLength: PAGE }] })
      raw.notify()
      machine.stall(1000)
      expect([raw.status & 0x40, raw.isr()]).toEqual(isLegacy ? [0, 0] : [0x40, 3])
      expect(raw.usedIndex()).toBe(0)
    }
  })
})
