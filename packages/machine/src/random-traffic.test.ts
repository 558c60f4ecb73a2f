// Random traffic from a driver that knows nothing: registers, ports, configuration space, command structures in RAM.
// Whatever it does, nothing throws, nothing hangs, and nothing changes outside RAM's runs and the disk.
import { gpa, hex, PAGE_SIZE, pfn } from '@dumpstack/bytes'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ahci } from './controllers/ahci/index.ts'
import type { Settings } from './controllers/controller-model.ts'
import { createMachine } from './create-machine.ts'
import { createDisk, type DiskImage } from './disk/disk.ts'
import { MemoryDiskImage } from './disk/memory-image.ts'
import { MachineError } from './errors.ts'
import type { Machine } from './machine.ts'
import { randomSettings } from './random-settings.test-support.ts'
import { DRIVER_MEMORY, TEST_BDF, TEST_RUNS } from './test-machine.ts'

const DISK_BYTES = 2 ** 20

/** Refuses to hide a write outside: the image itself would throw DISK_RANGE, which the property lets through as failure. */
class WatchedImage implements DiskImage {
  readonly byteLength = DISK_BYTES
  readonly #image = new MemoryDiskImage(DISK_BYTES)
  readonly digest: number[] = []
  read(offset: number, into: Uint8Array): void {
    this.#image.read(offset, into)
  }
  write(offset: number, parts: readonly Uint8Array[]): void {
    this.#image.write(offset, parts)
    this.digest.push(offset, ...parts.map((part) => part.byteLength))
  }
  sync(): void {}
  close(): void {}
}

const dword = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.constantFrom(0, 1, 0xffffffff, 0x80000000, DRIVER_MEMORY, DRIVER_MEMORY + 0x400, 0x11, 0x17, 0x10, 8),
)
const register = fc.oneof(
  fc.integer({ min: 0, max: 0xfff }),
  fc.constantFrom(
    0x04,
    0x08,
    ...[0, 4, 8, 0xc, 0x10, 0x14, 0x18, 0x2c, 0x30, 0x34, 0x38].map((offset) => 0x100 + offset),
  ),
)
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('mmio' as const),
      at: register,
      size: fc.constantFrom(1, 2, 4),
      value: dword,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('command' as const),
      slot: fc.nat(31),
      fis: fc.uint8Array({ minLength: 20, maxLength: 20 }),
      flags: fc.nat(0xffff),
      wild: fc.nat(20),
      table: dword,
      dba: dword,
      dbc: dword,
      command: fc.constantFrom(0x25, 0x35, 0x60, 0x61, 0xec, 0x2f, 0xea, 0xef),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('config' as const), at: fc.nat(63), value: dword }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('port' as const),
      at: fc.oneof(fc.nat(0xfffc), fc.constantFrom(0xcf8, 0xcfc, 0xcfd, 0xcfe)),
      size: fc.constantFrom(1, 2, 4),
      value: fc.oneof(
        dword,
        fc.nat(63).map((n) => 0x80000000 + TEST_BDF * 256 + n * 4),
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('stall' as const), at: fc.nat(3000) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('start' as const), at: fc.constant(0) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** What a driver does right, so that random commands are run at all. */
function startPort(machine: Machine): void {
  const { bus } = machine
  bus.setConfig32(TEST_BDF, 0x24, 0xe0000000)
  bus.setConfig32(TEST_BDF, 0x04, 6)
  bus.setConfig32(TEST_BDF, 0x74, 0)
  const set = (offset: number, value: number) => bus.write32(gpa(0xe0000000 + offset), value)
  machine.stall(2000)
  set(0x04, 0x80000002)
  set(0x12c, 0)
  set(0x118, 0)
  set(0x100, DRIVER_MEMORY)
  set(0x104, 0)
  set(0x108, DRIVER_MEMORY + 0x400)
  set(0x10c, 0)
  machine.stall(10_000)
  set(0x118, 0x18)
  set(0x118, 0x11)
}

function play(machine: Machine, steps: readonly Step[]): number[] {
  const { bus, ram } = machine
  const seen: number[] = []
  machine.bus.onInterrupt(11, () => {
    seen.push(bus.read32(gpa(0xe0000110)))
    bus.write32(gpa(0xe0000110), 0xffffffff)
    bus.write32(gpa(0xe0000008), 0xffffffff)
    return true
  })
  for (const one of steps) {
    if (one.kind === 'start') startPort(machine)
    if (one.kind === 'stall') machine.stall(one.at)
    if (one.kind === 'config') {
      bus.setConfig32(TEST_BDF, one.at * 4, one.value)
      seen.push(bus.config32(TEST_BDF, one.at * 4))
    }
    if (one.kind === 'port') {
      if (one.size === 1) bus.out8(one.at, one.value)
      if (one.size === 2) bus.out16(one.at, one.value)
      if (one.size === 4) bus.out32(one.at, one.value)
      seen.push(one.size === 1 ? bus.in8(one.at) : one.size === 2 ? bus.in16(one.at) : bus.in32(one.at))
    }
    if (one.kind === 'mmio') {
      const at = gpa(0xe0000000 + one.at)
      if (one.size === 1) bus.write8(at, one.value)
      if (one.size === 2) bus.write16(at, one.value)
      if (one.size === 4) bus.write32(at, one.value)
      seen.push(one.size === 1 ? bus.read8(at) : one.size === 2 ? bus.read16(at) : bus.read32(at))
    }
    if (one.kind === 'command') {
      if (one.wild > 12) startPort(machine)
      const table = one.wild === 0 ? one.table : DRIVER_MEMORY + 0x1000
      const header = gpa(DRIVER_MEMORY + one.slot * 32)
      ram.setU32(header, one.wild === 1 ? one.flags : ((40 << 16) | 0x45) >>> 0)
      ram.setU32(gpa(header + 8), table)
      ram.setU32(gpa(header + 12), one.wild === 2 ? 1 : 0)
      const fis = Uint8Array.from(one.fis)
      if (one.wild !== 3) {
        const sectors = one.command === 0x2f ? 1 : fis[12]! // one page, or up to 255 sectors
        fis.set([0x27, 0x80, one.command])
        fis.set([fis[4]! & 0x7f, fis[5]! & 1, 0, 0x40, 0, 0, 0, 0, sectors, 0], 4)
      }
      ram.write(gpa(DRIVER_MEMORY + 0x1000), fis)
      for (let i = 0; i < 40; i++) {
        const entry = gpa(DRIVER_MEMORY + 0x1080 + i * 16)
        ram.setU32(entry, one.wild === 4 ? one.dba : 0x200000 + ((one.dba + i * 8192) % 0x100000))
        ram.setU32(gpa(entry + 4), one.wild === 5 ? 1 : 0)
        ram.setU32(gpa(entry + 12), one.wild === 6 ? one.dbc : 0x1fff)
      }
      if (one.flags % 2 === 0) bus.write32(gpa(0xe0000134), 1 << one.slot)
      bus.write32(gpa(0xe0000138), (1 << one.slot) >>> 0)
      if (one.flags % 3 !== 0) machine.stall(1000)
      seen.push(bus.read32(gpa(0xe0000120)))
    }
  }
  machine.stall(100_000)
  seen.push(machine.nowNs, machine.evidence.dmaLog.length)
  return seen
}

function fresh(settings: Partial<Settings> = {}) {
  const image = new WatchedImage()
  const disk = createDisk({ name: 'd', model: 'm', serialNumber: 's', logicalSectorBytes: 512, image })
  const machine = createMachine({
    seed: 1,
    runs: TEST_RUNS,
    cpuCount: 1,
    controllers: [
      { model: ahci, name: 'ahci0', bdf: TEST_BDF, interruptVector: 11, attachments: [{ disk }], settings },
    ],
  })
  return { machine, image }
}

it('no exception, no hang, no byte outside, and the same traffic gives the same machine', () => {
  let transfers = 0
  const reference = createMachine({ seed: 1, runs: TEST_RUNS, cpuCount: 1, controllers: [] })
  const bytes = new Uint8Array(PAGE_SIZE)
  const untouched = new Uint8Array(PAGE_SIZE)
  const isRam = (page: number) =>
    TEST_RUNS.some(({ basePage, pageCount }) => page >= basePage && page < basePage + pageCount)
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }),
      randomSettings(ahci, []),
      (steps, given) => {
        const [one, two] = [fresh(given), fresh(given)]
        one.machine.checkpoint()
        two.machine.checkpoint()
        const seen = play(one.machine, steps)
        expect(play(two.machine, steps)).toEqual(seen)
        expect(two.image.digest).toEqual(one.image.digest)
        transfers += one.machine.evidence.dmaLog.length
        expect(one.machine.evidence.notModelled.length).toBeLessThanOrEqual(1001)
        // every page that differs from the fill was logged as written, and lies in a run
        for (const run of one.machine.evidence.writes.pages.runs()) {
          expect(isRam(run.basePage) && isRam(run.basePage + run.pageCount - 1)).toBe(true)
        }
        for (const { basePage, pageCount } of TEST_RUNS) {
          for (let page = basePage as number; page < basePage + pageCount; page++) {
            if (one.machine.evidence.writes.pages.has(pfn(page))) continue
            one.machine.ram.read(gpa(page * PAGE_SIZE), bytes)
            reference.ram.read(gpa(page * PAGE_SIZE), untouched)
            if (Buffer.compare(bytes, untouched) !== 0) throw new Error(`page ${hex(page)} changed unseen`)
          }
        }
      },
    ),
    { numRuns: 30 },
  )
  expect(transfers).toBeGreaterThan(5) // the traffic is not only refused
})

it('the bus takes any address and value; only what no cycle can express is refused', () => {
  const { machine } = fresh()
  const anyNumber = fc.oneof(
    fc.integer(),
    fc.double(),
    fc.nat(0xffff),
    fc.constantFrom(Number.NaN, -1, 2 ** 53),
  )
  fc.assert(
    fc.property(anyNumber, anyNumber, fc.integer({ min: 0, max: 13 }), (at, value, which) => {
      const { bus } = machine
      const address = gpa(at)
      const accesses = [
        () => bus.in8(at),
        () => bus.in16(at),
        () => bus.in32(at),
        () => bus.out8(at, value),
        () => bus.out16(at, value),
        () => bus.out32(at, value),
        () => bus.read8(address),
        () => bus.read16(address),
        () => bus.read32(address),
        () => bus.write8(address, value),
        () => bus.write16(address, value),
        () => bus.write32(address, value),
        () => bus.config32(at, value),
        () => bus.setConfig32(value, at, 1),
      ]
      try {
        accesses[which]!()
      } catch (error) {
        expect(error).toBeInstanceOf(MachineError)
      }
    }),
    { numRuns: 2000 },
  )
})
