import { gpa, PAGE_SIZE, type PhysicalSpace, pfn } from '@dumpstack/bytes'
import { RawAhci, rawBusOf } from '@dumpstack/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Owner } from './ram.ts'
import { BUFFER, DRIVER_MEMORY, pattern, TEST_BDF, TEST_RUNS, testMachine } from './test-machine.ts'

function wholeOf(space: PhysicalSpace): Uint8Array {
  const parts = TEST_RUNS.map(({ basePage, pageCount }) => {
    const bytes = new Uint8Array(pageCount * PAGE_SIZE)
    expect(space.read(gpa(basePage * PAGE_SIZE), bytes)).toBe(bytes.byteLength)
    return bytes
  })
  return new Uint8Array(Buffer.concat(parts))
}
const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

const address = fc.oneof(
  fc.integer({ min: 0x1000, max: 0xa0000 - 64 }),
  fc.integer({ min: 0x100000, max: 0x400000 - 64 }),
  fc.integer({ min: 0x100000000, max: 0x100100000 - 64 }),
)
const change = fc.tuple(
  fc.constantFrom('write', 'setU32', 'setU64', 'view', 'dma', 'bus'),
  address,
  fc.integer({ min: 1, max: 63 }),
)

it('the truth stays what it was, whatever is written afterwards and however', () => {
  const { machine, disk } = testMachine()
  const { ram, bus } = machine
  disk.image.write(0, [pattern(4096, 9)])
  const ahci = new RawAhci(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY)
  ahci.startPort()
  ram.setOwner(pfn(0x180), 16, Owner.dumpPath)
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), fc.array(change, { maxLength: 40 }), (before, after) => {
      const apply = ([kind, at, length]: [string, number, number]): void => {
        const where = gpa(at)
        if (kind === 'write') ram.write(where, pattern(length, at))
        if (kind === 'setU32') ram.setU32(where, at)
        if (kind === 'setU64') ram.setU64(where, BigInt(at))
        if (kind === 'bus') bus.write16(where, length)
        if (kind === 'view') {
          const inPage = Math.min(length, PAGE_SIZE - (at % PAGE_SIZE))
          ram.view(where, inPage).setUint8(0, length)
        }
        if (kind === 'dma')
          ahci.run(3, { command: 0x25, lba: 0, count: 1, segments: [{ at: at & ~1, byteLength: 512 }] })
      }
      // a buffer of the driver must not be where the DMA goes: keep clear of it
      const isSafe = ([, at]: [string, number, number]) =>
        at + 1024 < DRIVER_MEMORY || at > DRIVER_MEMORY + 0xc000
      const fits = ([kind, at]: [string, number, number]) =>
        kind !== 'dma' || (at % 0x100000) + 1024 < 0xa0000
      for (const one of before) if (isSafe(one) && fits(one)) apply(one)
      const copy = wholeOf(ram)
      const truth = machine.checkpoint()
      for (const one of after) if (isSafe(one) && fits(one)) apply(one)
      expect(equal(wholeOf(truth), copy)).toBe(true)
      // what differs from the truth is in the log
      const now = wholeOf(ram)
      const logged = machine.evidence.writes.pages
      let at = 0
      for (const { basePage, pageCount } of TEST_RUNS) {
        for (let i = 0; i < pageCount; i++, at += PAGE_SIZE) {
          const isSame = equal(now.subarray(at, at + PAGE_SIZE), copy.subarray(at, at + PAGE_SIZE))
          if (!isSame) expect(logged.has(pfn(basePage + i))).toBe(true)
        }
      }
    }),
    { numRuns: 40 },
  )
})

describe('views and spans made before a checkpoint', () => {
  it('throw when they are used after it, and change neither RAM nor truth', () => {
    const { machine } = testMachine()
    const view = machine.ram.view(BUFFER, 16)
    const span = machine.ram.span(BUFFER, 16)
    view.setUint32(0, 0x11223344, true)
    const truth = machine.checkpoint()
    expect(() => view.setUint32(0, 1, true)).toThrow(TypeError)
    expect(() => view.getUint32(0, true)).toThrow(TypeError)
    span[0] = 1
    expect(span.byteLength).toBe(0)
    expect(machine.ram.u32(BUFFER)).toBe(0x11223344)
    const bytes = new Uint8Array(4)
    truth.read(BUFFER, bytes)
    expect([...bytes]).toEqual([0x44, 0x33, 0x22, 0x11])
    expect(machine.evidence.writes.pages.size).toBe(0)
  })

  it('a view made after it may be kept and written at any time: its pages were saved when it was made', () => {
    const { machine } = testMachine()
    const truth = machine.checkpoint()
    const before = machine.ram.u32(BUFFER)
    const view = machine.ram.view(BUFFER, 8192)
    expect(machine.evidence.writes.pages.size).toBe(2)
    view.setUint32(0, 99, true)
    const bytes = new Uint8Array(4)
    truth.read(BUFFER, bytes)
    expect(new DataView(bytes.buffer).getUint32(0, true)).toBe(before)
  })
})

it('the truth outlives a reset without RAM, and ends with the next checkpoint', () => {
  const { machine } = testMachine()
  machine.ram.write(BUFFER, pattern(10000, 3))
  const copy = wholeOf(machine.ram)
  const truth = machine.checkpoint()
  machine.ram.write(BUFFER, pattern(500, 4))
  machine.reset({ keepRam: false })
  machine.ram.write(gpa(0x5000), pattern(500, 5))
  expect(equal(wholeOf(truth), copy)).toBe(true)
  const next = machine.checkpoint()
  expect(truth.read(BUFFER, new Uint8Array(4))).toBe(0)
  expect(next.read(BUFFER, new Uint8Array(4))).toBe(4)
})

it('a read is short at the first hole, as in RAM', () => {
  const { machine } = testMachine()
  const truth = machine.checkpoint()
  machine.ram.setU32(gpa(0x9f000), 1)
  expect(truth.read(gpa(0x9e000), new Uint8Array(0x4000))).toBe(0x2000)
  expect(truth.read(gpa(0xa0000), new Uint8Array(4))).toBe(0)
})
