import { gpa, gva, MemorySource, type PageRun, PageSet, type Pfn, pfn } from '@dumpstack/bytes'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DumpFacts } from './compose-header.ts'
import { openDump } from './open-dump.ts'
import type { DumpPlan } from './plan.ts'
import { planDump } from './plan-dump.ts'
import { verifyDump } from './verify-dump.ts'

const context = new Uint8Array(0x4d0).map((_, i) => i)
const exception = new Uint8Array(0x98).map((_, i) => 255 - i)

function facts(runs: readonly PageRun[]): DumpFacts {
  return {
    build: 19041,
    processorCount: 4,
    bugcheckCode: 0xe2,
    bugcheckParameters: [1n, 2n, 3n, 0xffffffffffffffffn],
    directoryTableBase: gpa(0x1ad000),
    pfnDataBase: gva(0xfffff804_7c6fc500n),
    psLoadedModuleList: gva(0xfffff804_7c62a390n),
    psActiveProcessHead: gva(0xfffff804_7c61e200n),
    kdDebuggerDataBlock: gva(0xfffff804_7c600b20n),
    contextRecord: context,
    exceptionRecord: exception,
    systemTime: 0x1d707f23dbb3399n,
    systemUpTime: 0x23bc1e9n,
    productType: 1,
    suiteMask: 0x110,
    physicalMemory: runs,
  }
}

const run = (base: number, count: number): PageRun => ({ basePage: pfn(base), pageCount: count })
const setOf = (runs: readonly PageRun[]) =>
  PageSet.ofRuns(runs, Math.max(...runs.map((r) => r.basePage + r.pageCount)))

/** Writes the extents as a broker would; a page's content is its number. */
function write(plan: DumpPlan): { bytes: Buffer; order: number[] } {
  const bytes = Buffer.alloc(plan.byteLength)
  const order: number[] = []
  for (const extent of plan.extents()) {
    order.push(extent.at)
    if ('bytes' in extent) bytes.set(extent.bytes, extent.at)
    else {
      expect(extent.pageCount).toBeLessThanOrEqual(256)
      for (let i = 0; i < extent.pageCount; i++) bytes.writeUInt32LE(extent.pfn + i, extent.at + i * 4096)
    }
  }
  return { bytes, order }
}

const RUNS = [run(1, 0x9f), run(0x100, 700), run(0x100000, 300)]

describe('the header', () => {
  it.each([1, 5, 6] as const)('of type %i stands byte by byte where readers look', (dumpType) => {
    const { bytes } = write(
      planDump({ dumpType, facts: facts(RUNS), promised: setOf(RUNS), fileByteLength: 2 ** 40 }),
    )
    expect(bytes.toString('latin1', 0, 8)).toBe('PAGEDU64')
    expect(bytes.readUInt32LE(0x8)).toBe(0xf)
    expect(bytes.readUInt32LE(0xc)).toBe(19041)
    expect(bytes.readBigUInt64LE(0x10)).toBe(0x1ad000n)
    expect(bytes.readBigUInt64LE(0x18)).toBe(0xfffff8047c6fc500n)
    expect(bytes.readBigUInt64LE(0x20)).toBe(0xfffff8047c62a390n)
    expect(bytes.readBigUInt64LE(0x28)).toBe(0xfffff8047c61e200n)
    expect(bytes.readUInt32LE(0x30)).toBe(0x8664)
    expect(bytes.readUInt32LE(0x34)).toBe(4)
    expect(bytes.readUInt32LE(0x38)).toBe(0xe2)
    expect(bytes.readBigUInt64LE(0x58)).toBe(0xffffffffffffffffn)
    expect(bytes.readBigUInt64LE(0x80)).toBe(0xfffff8047c600b20n)
    expect(bytes.readUInt32LE(0x88)).toBe(3)
    expect(bytes.readBigUInt64LE(0x90)).toBe(BigInt(0x9f + 700 + 300))
    expect(bytes.readBigUInt64LE(0xb8)).toBe(0x100000n)
    expect(bytes.readBigUInt64LE(0xc0)).toBe(300n)
    expect(bytes.subarray(0x348, 0x348 + 0x4d0)).toEqual(Buffer.from(context))
    expect(bytes.subarray(0x348 + 0x4d0, 0xf00).every((byte) => byte === 0)).toBe(true)
    expect(bytes.subarray(0xf00, 0xf98)).toEqual(Buffer.from(exception))
    expect(bytes.readUInt32LE(0xf98)).toBe(dumpType)
    expect(bytes.readBigUInt64LE(0xfa0)).toBe(BigInt(bytes.length))
    expect(bytes.readBigUInt64LE(0xfa8)).toBe(0x1d707f23dbb3399n)
    expect(bytes.readBigUInt64LE(0x1030)).toBe(0x23bc1e9n)
    expect(bytes.readUInt32LE(0x1040)).toBe(1)
    expect(bytes.readUInt32LE(0x1044)).toBe(0x110)
    expect(bytes.readUInt32LE(0x1048)).toBe(0)
    expect(bytes.readUInt32LE(0x1050)).toBe(0)
    for (const at of [0x3c, 0x60, 0x8c, 0xc8, 0x340, 0xf9c, 0xfb0, 0x102c, 0x1038, 0x103c, 0x1054, 0x1ffc]) {
      expect(`${at.toString(16)} ${bytes.toString('latin1', at, at + 4)}`).toBe(`${at.toString(16)} PAGE`)
    }
  })

  it('comes first, unfinished, and once more at the end', () => {
    const plan = planDump({ dumpType: 5, facts: facts(RUNS), promised: setOf(RUNS), fileByteLength: 2 ** 40 })
    const extents = [...plan.extents()]
    const [first, last] = [extents[0]!, extents.at(-1)!]
    expect([first.at, last.at]).toEqual([0, 0])
    const status = (extent: typeof first) =>
      'bytes' in extent ? new DataView(extent.bytes.buffer).getUint32(0x1048, true) : null
    expect(status(first)).toBe(0x45474150)
    expect(status(last)).toBe(0)
  })
})

it.each([
  [5, 'FDMPDUMP'],
  [6, 'SDMPDUMP'],
] as const)('writes the bitmap of type %i with rounded bits and an aligned first page', (dumpType, magic) => {
  const promised = setOf([run(2, 3), run(0x1000ff, 1)])
  const runs = [run(1, 0x9f), run(0x100000, 0x101)]
  const { bytes } = write(planDump({ dumpType, facts: facts(runs), promised, fileByteLength: 2 ** 40 }))
  expect(bytes.toString('latin1', 0x2000, 0x2008)).toBe(magic)
  expect(bytes.readBigUInt64LE(0x2020)).toBe(0x23000n)
  expect(bytes.readBigUInt64LE(0x2028)).toBe(4n)
  expect(bytes.readBigUInt64LE(0x2030)).toBe(0x100140n) // 0x100101 rounded up to 64
  expect(bytes[0x2038]).toBe(0b0001_1100)
  expect(bytes[0x2038 + 0x1000f8 / 8]).toBe(0x80)
  expect([0, 1, 2, 3].map((i) => bytes.readUInt32LE(0x23000 + i * 4096))).toEqual([2, 3, 4, 0x1000ff])
  expect(bytes.length).toBe(0x27000)
})

it('cuts a bitmap of more than 1 MiB into pieces that follow each other', () => {
  const runs = [run(0x100, 4), run(0xfff_ff0, 16)] // 1 TiB of addresses: 32 MiB of bitmap
  const plan = planDump({ dumpType: 5, facts: facts(runs), promised: setOf(runs), fileByteLength: 2 ** 40 })
  let at = 0x2000
  for (const extent of [...plan.extents()].slice(1, -1)) {
    expect(extent.at).toBe(at)
    const length = 'bytes' in extent ? extent.bytes.length : extent.pageCount * 4096
    expect(length).toBeLessThanOrEqual(0x100000)
    at += length
  }
  expect(at).toBe(plan.byteLength)
})

it('stops at the end of a file that is too small, with whole pages and a header that says so', () => {
  const options = { dumpType: 5, facts: facts(RUNS), promised: setOf(RUNS) } as const
  const whole = planDump({ ...options, fileByteLength: 2 ** 40 })
  expect(whole.truncated).toBe(false)
  expect(planDump({ ...options, fileByteLength: whole.byteLength }).truncated).toBe(false)
  const plan = planDump({ ...options, fileByteLength: whole.byteLength - 4097 })
  expect(plan).toMatchObject({
    truncated: true,
    byteLength: whole.byteLength - 2 * 4096,
    requiredByteLength: whole.byteLength,
  })
  const { bytes } = write(plan)
  expect(bytes.readUInt32LE(0x1050)).toBe(0x4)
  expect(bytes.readBigUInt64LE(0xfa0)).toBe(BigInt(whole.byteLength))
  const report = drain(verifyDump(new MemorySource(bytes), { allPages: false }))
  expect(report.verdict).toBe('fail')
  expect(report.checks[0]).toMatchObject({ id: 'file-size', verdict: 'fail' })
  expect(report.checks.find((check) => check.id === 'attributes')).toMatchObject({
    verdict: 'fail',
    offset: '0x1050',
  })
})

it.each([
  ['overlapping runs', { runs: [run(1, 10), run(5, 10)] }, /run 1 at pfn 0x5 starts before the end/],
  [
    'a promise of a page without RAM',
    { promised: setOf([run(0xa0, 1)]) },
    /0xa0..0xa0 are promised but not all of them are RAM/,
  ],
  ['a promise across a hole', { promised: setOf([run(0x90, 0x80)]) }, /not all of them are RAM/],
  [
    'too little for the bitmap',
    { fileByteLength: 0x8000 },
    /header and bitmap need 0x[0-9a-f]+ bytes, the file has 0x8000/,
  ],
  [
    'part of RAM as type 1',
    { dumpType: 1 as const, promised: setOf([run(1, 4)]) },
    /holds all 1159 pages of RAM, promised are 4/,
  ],
])('refuses %s', (_, change, message) => {
  const { runs = RUNS, ...rest } = change as { runs?: PageRun[] } // one of the rows above
  const options = {
    dumpType: 5 as const,
    facts: facts(runs),
    promised: setOf(RUNS),
    fileByteLength: 2 ** 40,
    ...rest,
  }
  expect(() => planDump(options)).toThrow(
    expect.objectContaining({ code: 'DUMP_PLAN', message: expect.stringMatching(message) }),
  )
})

it('comes back page by page from what was written, whatever was promised', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 0, max: 300 })), {
        minLength: 1,
        maxLength: 6,
      }),
      fc.constantFrom(5 as const, 6 as const),
      fc.func(fc.boolean()),
      (shape, dumpType, choose) => {
        let next = 0
        const runs = shape.map(([count, gap]) => {
          const base = next + gap
          next = base + count
          return run(base, count)
        })
        const promised = setOf(runs)
        for (const { basePage, pageCount } of runs) {
          for (let i = 0; i < pageCount; i++) if (choose(basePage + i)) promised.delete((basePage + i) as Pfn) // a page of the run
        }
        const { bytes } = write(planDump({ dumpType, facts: facts(runs), promised, fileByteLength: 2 ** 40 }))
        const dump = openDump(new MemorySource(bytes))
        expect(dump.pages?.size).toBe(promised.size)
        for (let page = 0; page < next + 70; page++) {
          const offset = dump.pageOffset(pfn(page))
          expect(offset >= 0).toBe(promised.has(pfn(page)))
          if (offset >= 0) expect(bytes.readUInt32LE(offset)).toBe(page)
        }
      },
    ),
    { numRuns: 60 },
  )
})

function drain<T>(steps: Generator<number, T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}
