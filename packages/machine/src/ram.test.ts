import { gpa, pfn } from '@dumpstack/bytes'
import { describe, expect, it } from 'vitest'
import { MachineError } from './errors.ts'
import { GuestRam, Owner } from './ram.ts'
import { TEST_RUNS } from './test-machine.ts'

const SEED = 42
const ram = () => new GuestRam(SEED, TEST_RUNS)
const code = (action: () => unknown): string => {
  try {
    action()
  } catch (error) {
    return error instanceof MachineError ? error.code : String(error)
  }
  return 'none'
}

/** The published fill a second time, in BigInt: fmix32(seed + PFN * 1024 + j) modulo 2^32. */
function fillWord(seed: number, page: number, j: number): number {
  const mod = (value: bigint) => BigInt.asUintN(32, value)
  let h = mod(BigInt(seed) + BigInt(page) * 1024n + BigInt(j))
  h = mod((h ^ (h >> 16n)) * 0x85ebca6bn)
  h = mod((h ^ (h >> 13n)) * 0xc2b2ae35n)
  return Number(h ^ (h >> 16n))
}

describe('what nothing wrote', () => {
  it.each([0x1, 0x9f, 0x100, 0x2ff, 0x300, 0x100000, 0x1000ff])(
    'page %i holds the published fill',
    (page) => {
      const memory = ram()
      for (const j of [0, 1, 511, 1023]) {
        expect(memory.u32(gpa(page * 4096 + j * 4))).toBe(fillWord(SEED, page, j))
      }
      expect(memory.used.size).toBe(0)
    },
  )
})

describe('addresses', () => {
  it.each([
    ['below the first run', 0, 1],
    ['from RAM into the hole', 0xa0000 - 2, 4],
    ['in the hole', 0xb0000, 4],
    ['above the last run', 0x100100000, 4],
    ['past the end by one byte', 0x100100000 - 4095, 4096],
    ['negative', -4, 4],
  ])('%s: every accessor refuses, a read is short', (_, address, length) => {
    const memory = ram()
    const at = gpa(address)
    const bytes = new Uint8Array(length)
    expect(code(() => memory.write(at, bytes))).toBe('RAM_HOLE')
    expect(code(() => memory.span(at, length))).toBe('RAM_HOLE')
    expect(code(() => memory.view(at, length))).toBe('RAM_HOLE')
    expect(memory.read(at, bytes)).toBeLessThan(length)
    if (length === 4) {
      expect(code(() => memory.u32(at))).toBe('RAM_HOLE')
      expect(code(() => memory.setU32(at, 1))).toBe('RAM_HOLE')
      expect(code(() => memory.u64(at))).toBe('RAM_HOLE')
      expect(code(() => memory.setU64(at, 1n))).toBe('RAM_HOLE')
    }
    expect(memory.used.size).toBe(0)
  })

  it('reads and writes across two runs without a gap, but gives no span there', () => {
    const memory = ram()
    const border = 0x300 * 4096
    const bytes = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8])
    memory.write(gpa(border - 4), bytes)
    const back = new Uint8Array(8)
    expect(memory.read(gpa(border - 4), back)).toBe(8)
    expect(back).toEqual(bytes)
    expect(memory.u64(gpa(border - 4))).toBe(0x0807060504030201n)
    memory.setU32(gpa(border - 2), 0xaabbccdd)
    expect(memory.u32(gpa(border - 2))).toBe(0xaabbccdd)
    expect(code(() => memory.span(gpa(border - 4), 8))).toBe('RAM_CHUNK')
    expect(code(() => memory.view(gpa(border - 4), 8))).toBe('RAM_CHUNK')
  })

  it.each([
    ['none', []],
    ['empty', [{ basePage: pfn(1), pageCount: 0 }]],
    [
      'descending',
      [
        { basePage: pfn(9), pageCount: 1 },
        { basePage: pfn(1), pageCount: 1 },
      ],
    ],
    [
      'overlapping',
      [
        { basePage: pfn(1), pageCount: 4 },
        { basePage: pfn(4), pageCount: 1 },
      ],
    ],
    ['of no whole number', [{ basePage: pfn(1), pageCount: 1.5 }]],
    ['past the limit', [{ basePage: pfn(2 ** 28), pageCount: 1 }]],
  ])('runs that are %s are refused', (_, runs) => {
    expect(code(() => new GuestRam(SEED, runs))).toBe('MACHINE_OPTIONS')
  })
})

describe('what was written', () => {
  it('is known by page, from every accessor', () => {
    const memory = ram()
    memory.write(gpa(0x1fff), new Uint8Array(2)) // pages 1 and 2
    memory.setU32(gpa(0x4ffe), 7) // 4 and 5
    memory.setU64(gpa(0x7ffc), 7n) // 7 and 8
    memory.view(gpa(0x9800), 0x1000) // 9 and 10
    memory.write(gpa(0xc000), new Uint8Array(0))
    memory.span(gpa(0xd000), 16)
    const pages = [...memory.writes.pages.runs(1)].map((run) => run.basePage)
    expect(pages).toEqual([1, 2, 4, 5, 7, 8, 9, 10])
    expect(memory.used.size).toBe(8)
  })

  it('is forgotten by the log at a checkpoint, not by `used`', () => {
    const memory = ram()
    memory.setU32(gpa(0x1000), 1)
    memory.checkpoint()
    expect(memory.writes.pages.size).toBe(0)
    expect(memory.used.size).toBe(1)
    memory.setU32(gpa(0x1000), 2)
    expect(memory.writes.pages.size).toBe(1)
  })

  it('is fill in the next machine too, whatever the closed one wrote', () => {
    const first = ram()
    first.setU32(gpa(0x1000), 1)
    first.view(gpa(0x100000), 0x2000).setUint32(0x1ffc, 2)
    first.checkpoint()
    first.setU32(gpa(0x2000), 3)
    first.close()
    const next = ram()
    for (const page of [1, 2, 0x100, 0x101]) {
      for (const j of [0, 1023]) expect(next.u32(gpa(page * 4096 + j * 4))).toBe(fillWord(SEED, page, j))
    }
    expect(next.used.size).toBe(0)
    const other = new GuestRam(SEED + 1, TEST_RUNS)
    expect(other.u32(gpa(0x1000))).toBe(fillWord(SEED + 1, 1, 0))
  })

  it('is fill again after power was off, without owners', () => {
    const memory = ram()
    memory.setU32(gpa(0x1000), 1)
    memory.setOwner(pfn(0x101), 2, Owner.kernel)
    memory.refill()
    expect(memory.u32(gpa(0x1000))).toBe(fillWord(SEED, 1, 0))
    expect(memory.used.size).toBe(0)
    expect(memory.owner(pfn(0x101))).toBe(Owner.free)
    memory.setU32(gpa(0x1000), 1)
    expect(memory.used.size).toBe(1)
  })
})

it('owners are kept by page and only for RAM', () => {
  const memory = ram()
  memory.setOwner(pfn(0x2fe), 4, Owner.user)
  memory.setOwner(pfn(0x2ff), 1, Owner.dumpPath)
  expect([0x2fd, 0x2fe, 0x2ff, 0x300, 0x301, 0x302].map((page) => memory.owner(pfn(page)))).toEqual([
    0, 2, 3, 2, 2, 0,
  ])
  expect(code(() => memory.setOwner(pfn(0x9f), 2, Owner.user))).toBe('RAM_HOLE')
})

describe('watch', () => {
  it('reports the next write to a page once, from any writer, and nothing else', () => {
    const memory = ram()
    const seen: number[] = []
    memory.write(gpa(0x100000), new Uint8Array(8))
    memory.watch(pfn(0x100), () => seen.push(memory.u32(gpa(0x100000))))
    memory.u32(gpa(0x100000))
    memory.setU32(gpa(0x101000), 1)
    expect(seen).toEqual([])
    memory.setU32(gpa(0x100000), 7)
    memory.setU32(gpa(0x100000), 8)
    expect(seen).toEqual([0])
    memory.watch(pfn(0x100), () => seen.push(1))
    memory.view(gpa(0x100ff8), 16)
    expect(seen).toEqual([0, 1])
    expect(code(() => memory.watch(pfn(0xb0), () => undefined))).toBe('RAM_HOLE')
  })
})

it('reports once each page outside the dump path that is about to change after a checkpoint', () => {
  const memory = ram()
  memory.setOwner(pfn(0x100), 2, Owner.kernel)
  memory.setOwner(pfn(0x102), 1, Owner.dumpPath)
  const told: (readonly [page: number, before: number])[] = []
  memory.onStrayWrite = (page) => told.push([page, memory.u32(gpa(page * 4096))])
  memory.setU32(gpa(0x100000), 1)
  memory.checkpoint()
  memory.setU32(gpa(0x100000), 2)
  memory.setU32(gpa(0x100004), 3)
  memory.setU32(gpa(0x102000), 4)
  memory.view(gpa(0x101000), 8)
  expect(told).toEqual([
    [0x100, 1],
    [0x101, fillWord(SEED, 0x101, 0)],
  ])
})

it('limits the pages written that are not allocated, or that after a checkpoint lie outside the dump path', () => {
  const runs = [{ basePage: pfn(0), pageCount: 0x9000 }]
  const big = new GuestRam(SEED, runs)
  const touch = (from: number, count: number): void => {
    for (let page = from; page < from + count; page++) big.setU32(gpa(page * 4096), 1)
  }
  big.setOwner(pfn(0), 0x4800, 1) // kernel
  touch(0, 0x4800)
  touch(0x4800, 0x4000)
  expect(() => touch(0x8800, 1)).toThrow(expect.objectContaining({ code: 'STRAY_WRITES' }))
  big.checkpoint()
  touch(0, 0x4000)
  expect(() => touch(0x4000, 1)).toThrow(/after the checkpoint, pages outside the dump path were written/)
  big.refill()
  big.setOwner(pfn(0), 0x9000, 1)
  touch(0, 0x9000)
})
