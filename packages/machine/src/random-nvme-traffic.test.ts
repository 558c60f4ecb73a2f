// Random traffic from an NVMe driver that knows nothing, or half: registers, doorbells, configuration space, queue entries and PRP lists.
// Whatever it does, nothing throws, nothing hangs, nothing changes outside RAM's runs, the disk and the memory that commands named, and a
// driver that resets the controller and keeps the rules works again.
import { gpa, hex, PAGE_SIZE, pfn } from '@dumpstack/bytes'
import { RawNvme, rawBusOf } from '@dumpstack/testkit'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Settings } from './controllers/controller-model.ts'
import { nvme } from './controllers/nvme/index.ts'
import { createMachine } from './create-machine.ts'
import { randomSettings } from './random-settings.test-support.ts'
import { BUFFER, DRIVER_MEMORY, pattern, TEST_BDF, TEST_RUNS, testMachine } from './test-machine.ts'

const WINDOW = 0xe0000000
const WINDOW_BYTES = 0x4000

const dword = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.constantFrom(0, 1, 2, 7, 0xff, 0x1f001f, 0x460001, 0x464001, 0xffff, 0xffffffff, DRIVER_MEMORY),
)
const address = fc.oneof(
  { weight: 8, arbitrary: fc.nat(0x7f).map((n) => BUFFER + n * 0x1000) },
  { weight: 2, arbitrary: fc.nat(0x7fff).map((n) => BUFFER + n * 4) },
  { weight: 1, arbitrary: fc.nat(0xbfff).map((n) => DRIVER_MEMORY + n) },
  { weight: 1, arbitrary: fc.constantFrom(0, 0x9f000, 0xa0000, 0x100000000, 0x1000ff000, 2 ** 52, WINDOW) },
)
const command = fc.record({
  opcode: fc.oneof(fc.constantFrom(0, 1, 1, 2, 2, 4, 5, 6, 8, 9, 0xa, 0xc), fc.nat(0xff)),
  nsid: fc.oneof({ weight: 8, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: dword }),
  flags: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(0xff) }),
  prp1: address,
  prp2: address,
  dwords: fc.tuple(
    fc.oneof(fc.nat(2000), dword),
    fc.oneof({ weight: 6, arbitrary: fc.constantFrom(0, 0, 0, 1, 3) }, { weight: 1, arbitrary: dword }),
    fc.oneof({ weight: 6, arbitrary: fc.nat(31) }, { weight: 1, arbitrary: dword }),
  ),
})
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('window' as const),
      at: fc.oneof(
        fc.nat(0x3f),
        fc.nat(0x3f).map((n) => 0x1000 + n),
        fc.nat(WINDOW_BYTES - 5),
      ),
      size: fc.constantFrom(1, 2, 4),
      value: dword,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('config' as const), at: fc.nat(63), value: dword }) },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('command' as const),
      queue: fc.nat(1),
      command,
      rings: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('transfer' as const),
      opcode: fc.constantFrom<(1 | 2)[]>(1, 2),
      lba: fc.nat(2000),
      pages: fc.array(
        fc.nat(0x7f).map((n) => BUFFER + n * 0x1000),
        { minLength: 1, maxLength: 5 },
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('list' as const),
      at: fc.constantFrom(0, 0xff0, 0xff8, 0x1000),
      pages: fc.array(address, { minLength: 1, maxLength: 8 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('take' as const), queue: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('stall' as const), at: fc.nat(500) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('start' as const), size: fc.constantFrom(2, 4, 16) }),
  },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

function fresh(settings: Partial<Settings>) {
  const { machine } = testMachine({ model: nvme, settings })
  return { machine, driver: new RawNvme(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY) }
}
type Fresh = ReturnType<typeof fresh>

/** What firmware had set up. */
function restoreConfig({ machine: { bus } }: Fresh): void {
  bus.setConfig32(TEST_BDF, 0x10, WINDOW)
  bus.setConfig32(TEST_BDF, 0x14, 0)
  bus.setConfig32(TEST_BDF, 0x40, 0)
  bus.setConfig32(TEST_BDF, 0x64, 0)
  bus.setConfig32(TEST_BDF, 0x04, 6)
}

function start(one: Fresh, size: number): void {
  restoreConfig(one)
  one.driver.start(1, size)
}

function play(one: Fresh, steps: readonly Step[]): number[] {
  const { machine, driver } = one
  const raw = rawBusOf(machine)
  const seen: number[] = []
  start(one, 4)
  for (const each of steps) {
    switch (each.kind) {
      case 'window':
        raw.writeRegister(WINDOW + each.at, each.size, each.value)
        seen.push(raw.readRegister(WINDOW + each.at, each.size))
        break
      case 'config':
        machine.bus.setConfig32(TEST_BDF, each.at * 4, each.value)
        seen.push(machine.bus.config32(TEST_BDF, each.at * 4))
        break
      case 'command':
        driver.submit(each.command, each.queue)
        if (each.rings) driver.ring(each.queue)
        break
      case 'transfer':
        driver.submit(driver.transfer(each.opcode, each.lba, each.pages))
        driver.ring()
        break
      case 'list':
        driver.list(each.pages, each.at)
        break
      case 'take':
        if (driver.hasCompletion(each.queue)) seen.push(driver.take(each.queue).status)
        break
      case 'stall':
        machine.stall(each.at)
        break
      case 'start':
        start(one, each.size)
    }
  }
  machine.stall(10_000)
  seen.push(machine.nowNs, machine.evidence.dmaLog.length, driver.register(0x1c))
  return seen
}

it('no exception, no hang, no byte outside, the same traffic gives the same machine, and a reset heals it', () => {
  let transfers = 0
  let refused = 0
  const reference = createMachine({ seed: 1, runs: TEST_RUNS, cpuCount: 1, controllers: [] })
  const bytes = new Uint8Array(PAGE_SIZE)
  const untouched = new Uint8Array(PAGE_SIZE)
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }),
      randomSettings(nvme, ['queueEntries', 'readyNs', 'shutdownNs']),
      (steps, given) => {
        const [one, two] = [fresh(given), fresh(given)]
        one.machine.checkpoint()
        two.machine.checkpoint()
        const seen = play(one, steps)
        expect(play(two, steps)).toEqual(seen)
        transfers += one.machine.evidence.dmaLog.length
        refused += one.machine.evidence.stops.length + one.machine.evidence.refusals.length
        for (const { basePage, pageCount } of TEST_RUNS) {
          for (let page = basePage as number; page < basePage + pageCount; page++) {
            if (one.machine.evidence.writes.pages.has(pfn(page))) continue
            one.machine.ram.read(gpa(page * PAGE_SIZE), bytes)
            reference.ram.read(gpa(page * PAGE_SIZE), untouched)
            if (Buffer.compare(bytes, untouched) !== 0) throw new Error(`page ${hex(page)} changed unseen`)
          }
        }
        start(one, 16)
        one.machine.ram.write(BUFFER, pattern(PAGE_SIZE, 3))
        expect(one.driver.run(one.driver.transfer(1, 8, [BUFFER])).status).toBe(0)
        expect(one.driver.run(one.driver.transfer(2, 8, [BUFFER + 0x4000])).status).toBe(0)
        expect(
          Buffer.compare(one.machine.ram.span(gpa(BUFFER + 0x4000), PAGE_SIZE), pattern(PAGE_SIZE, 3)),
        ).toBe(0)
      },
    ),
    { numRuns: 30 },
  )
  expect(transfers).toBeGreaterThan(20) // the traffic is not only refused
  expect(refused).toBeGreaterThan(0)
})
