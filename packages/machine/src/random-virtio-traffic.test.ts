// Random traffic from a virtio driver that knows nothing, or half: registers of both interfaces, ports, configuration space,
// rings, chains and indirect tables. Whatever it does, nothing throws, nothing hangs, nothing changes outside RAM's runs, the disk
// and the memory that descriptors named, and a driver that resets the device and keeps the rules works again.
import { gpa, hex, PAGE_SIZE, pfn } from '@dumpstack/bytes'
import { RawVirtioBlk, rawBusOf } from '@dumpstack/testkit'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Settings } from './controllers/controller-model.ts'
import { virtioBlk } from './controllers/virtio-blk/index.ts'
import { createMachine } from './create-machine.ts'
import { randomSettings } from './random-settings.test-support.ts'
import { BUFFER, DRIVER_MEMORY, pattern, TEST_BDF, TEST_RUNS, testMachine } from './test-machine.ts'

const MSIX_WINDOW = 0xe0000000
const WINDOW = 0xe0004000
const PORTS = 0xc000
const FEATURES = 0x10000644

const dword = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.constantFrom(0, 1, 2, 4, 8, 0xf, 0x40, 0x80, 0xff, 0x100, 0xffff, 0xffffffff, DRIVER_MEMORY, 0x110),
)
const size = fc.constantFrom(1, 2, 4)
const commonField = fc.constantFrom(0, 4, 8, 12, 16, 18, 20, 21, 22, 24, 26, 28, 30, 32, 36, 40, 44, 48, 52)
const address = fc.oneof(
  { weight: 6, arbitrary: fc.nat(0x7f).map((n) => BUFFER + n * 0x200) },
  { weight: 1, arbitrary: fc.nat(0xffff).map((n) => DRIVER_MEMORY + n) },
  { weight: 1, arbitrary: fc.constantFrom(0, 0x9ffff, 0xa0000, 0x100000000, 0x1000ff000, 2 ** 52, WINDOW) },
)
const length = fc.oneof(
  fc.constantFrom(0, 1, 15, 16, 17, 20, 256, 512, 513, 1024, 4096, 0x10000, 0xffffffff),
  fc.nat(0x2000),
)
const descriptor = fc.record({
  index: fc.nat(20),
  addr: address,
  len: length,
  flags: fc.oneof(fc.nat(7), fc.constantFrom(0, 1, 2, 3, 4)),
  next: fc.oneof(fc.nat(20), fc.constantFrom(255, 256, 0xffff)),
})
const segment = fc.record({ at: address, byteLength: length })
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('common' as const), at: commonField, size, value: dword }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('window' as const), at: fc.nat(0x3fff), size, value: dword }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('port' as const), at: fc.nat(63), size, value: dword }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('config' as const), at: fc.nat(63), value: dword }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('descriptor' as const), descriptor }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('available' as const), head: fc.oneof(fc.nat(20), dword) }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('request' as const),
      type: fc.oneof(
        { weight: 6, arbitrary: fc.constantFrom(0, 1, 4, 8, 11, 0x80000001) },
        { weight: 1, arbitrary: dword },
      ),
      sector: fc.oneof(
        { weight: 6, arbitrary: fc.nat(2000) },
        { weight: 1, arbitrary: fc.constantFrom(131071, 131072, 2 ** 53 - 1) },
      ),
      out: fc.array(segment, { maxLength: 4 }),
      into: fc.array(segment, { maxLength: 4 }),
      indirect: fc.boolean(),
      /** 0 is as wild as it comes; from 5 on its memory is good; from 9 on the driver has just started. */
      care: fc.nat(12),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('notify' as const), at: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('stall' as const), at: fc.nat(500) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('start' as const),
      features: fc.constantFrom(FEATURES, FEATURES | 0x20000000, 0),
    }),
  },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

function fresh(settings: Partial<Settings>) {
  const { machine, disk } = testMachine({ model: virtioBlk, settings })
  restoreConfig(machine.bus)
  const modern = new RawVirtioBlk(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY, false)
  const legacy = new RawVirtioBlk(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY, true)
  return { machine, disk, modern, legacy }
}

/** What firmware had set up. */
function restoreConfig(bus: ReturnType<typeof fresh>['machine']['bus']): void {
  bus.setConfig32(TEST_BDF, 0x10, PORTS)
  bus.setConfig32(TEST_BDF, 0x14, MSIX_WINDOW)
  bus.setConfig32(TEST_BDF, 0x98, 0)
  bus.setConfig32(TEST_BDF, 0x20, WINDOW)
  bus.setConfig32(TEST_BDF, 0x24, 0)
  bus.setConfig32(TEST_BDF, 0x04, 7)
}

function play({ machine, modern, legacy }: ReturnType<typeof fresh>, steps: readonly Step[]): number[] {
  const hasIndirect = (modern.offered()[0] & 0x10000000) !== 0
  const { bus } = machine
  const raw = rawBusOf(machine)
  const seen: number[] = []
  let driver = modern
  for (const [index, one] of steps.entries()) {
    switch (one.kind) {
      case 'common':
        raw.writeRegister(WINDOW + one.at, one.size, one.value)
        seen.push(raw.readRegister(WINDOW + one.at, one.size))
        break
      case 'window':
        raw.writeRegister(WINDOW + one.at, one.size, one.value)
        seen.push(raw.readRegister(WINDOW + one.at, one.size))
        break
      case 'port':
        raw.writePort(PORTS + one.at, one.size, one.value)
        seen.push(raw.readPort(PORTS + one.at, one.size))
        break
      case 'config':
        bus.setConfig32(TEST_BDF, one.at * 4, one.value)
        seen.push(bus.config32(TEST_BDF, one.at * 4))
        break
      case 'descriptor':
        driver.setDescriptor(one.descriptor.index, one.descriptor)
        break
      case 'available':
        driver.makeAvailable(one.head & 0xffff)
        break
      case 'request': {
        if (one.care >= 9) {
          restoreConfig(bus)
          driver.start(driver.offered()[0] & FEATURES)
        }
        driver.rewind()
        const good = Array.from({ length: one.count }, (_, i) => ({
          at: BUFFER + (one.count * 7 + i * 3) * 1024,
          byteLength: 512 * one.count,
        }))
        const memory = one.type % 2 === 0 ? { into: good } : { out: good }
        driver.submit(
          one.care >= 5
            ? { type: one.type, sector: one.sector, indirect: one.indirect && hasIndirect, ...memory }
            : one,
        )
        if (one.care < 3) break
        driver.notify()
        machine.stall(one.care * 20)
        break
      }
      case 'notify':
        driver.notify(one.at)
        break
      case 'stall':
        machine.stall(one.at)
        break
      case 'start':
        restoreConfig(bus)
        driver = index % 2 === 0 ? modern : legacy
        driver.start(driver.offered()[0] & one.features)
    }
  }
  machine.stall(10_000)
  seen.push(machine.nowNs, machine.evidence.dmaLog.length, modern.isr())
  return seen
}

it('no exception, no hang, no byte outside, the same traffic gives the same machine, and a reset heals it', () => {
  let transfers = 0
  let broken = 0
  const reference = createMachine({ seed: 1, runs: TEST_RUNS, cpuCount: 1, controllers: [] })
  const bytes = new Uint8Array(PAGE_SIZE)
  const untouched = new Uint8Array(PAGE_SIZE)
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }),
      randomSettings(virtioBlk, ['virtio']),
      (steps, given) => {
        const [one, two] = [fresh(given), fresh(given)]
        one.machine.checkpoint()
        two.machine.checkpoint()
        const seen = play(one, steps)
        expect(play(two, steps)).toEqual(seen)
        transfers += one.machine.evidence.dmaLog.length
        for (const { basePage, pageCount } of TEST_RUNS) {
          for (let page = basePage as number; page < basePage + pageCount; page++) {
            if (one.machine.evidence.writes.pages.has(pfn(page))) continue
            one.machine.ram.read(gpa(page * PAGE_SIZE), bytes)
            reference.ram.read(gpa(page * PAGE_SIZE), untouched)
            if (Buffer.compare(bytes, untouched) !== 0) throw new Error(`page ${hex(page)} changed unseen`)
          }
        }
        restoreConfig(one.machine.bus)
        if ((one.modern.status & 0x40) !== 0) broken++
        for (const driver of [one.legacy, one.modern]) {
          driver.start(driver.offered()[0] & FEATURES)
          one.machine.ram.write(BUFFER, pattern(4096, 3))
          const out = [{ at: BUFFER, byteLength: 4096 }]
          expect(driver.run({ type: 1, sector: 8, out })).toEqual({ status: 0, len: 1 })
          const into = [{ at: BUFFER + 0x4000, byteLength: 4096 }]
          const indirect = given.indirect === 'on'
          expect(driver.run({ type: 0, sector: 8, into, indirect })).toEqual({ status: 0, len: 4097 })
          expect(Buffer.compare(one.machine.ram.span(gpa(BUFFER + 0x4000), 4096), pattern(4096, 3))).toBe(0)
        }
      },
    ),
    { numRuns: 30 },
  )
  expect(transfers).toBeGreaterThan(20) // the traffic is not only refused
  expect(broken).toBeGreaterThan(0)
})
