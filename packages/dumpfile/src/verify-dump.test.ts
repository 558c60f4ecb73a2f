import { type ByteSource, MemorySource } from '@dumpstack/bytes'
import {
  type BuiltDump,
  buildDump,
  type DumpRecipe,
  EVENT_LOGGERS,
  withSecondaryData,
} from '@dumpstack/testkit'
import { expect, it } from 'vitest'
import { type VerifyReport, verifyDump } from './verify-dump.ts'

function verify(source: ByteSource, allPages = true): VerifyReport & { percents: number[] } {
  const steps = verifyDump(source, { allPages })
  const percents: number[] = []
  for (;;) {
    const step = steps.next()
    if (step.done === true) return { ...step.value, percents }
    percents.push(step.value)
  }
}

it.each([1, 5, 6] as const)('passes a sound dump of type %i and says what it is', (type) => {
  const built = buildDump({ type, processors: 4 })
  const report = verify(new MemorySource(built.bytes))
  expect(report.checks.filter((check) => check.verdict !== 'pass')).toEqual([])
  expect(report).toMatchObject({
    verdict: 'pass',
    dumpType: type,
    build: 19041,
    machineName: 'x64',
    processorCount: 4,
    bugcheckName: 'MANUALLY_INITIATED_CRASH',
    pageCount: built.pfns.length,
  })
  expect(report.loaded).toHaveLength(4)
  expect(report.unloaded).toHaveLength(2)
  expect(report.percents).toEqual([...report.percents].sort((a, b) => a - b))
  expect(report.percents.at(-1)).toBe(100)
})

const notPassed = (report: VerifyReport) =>
  report.checks.filter(({ verdict, remark }) => verdict !== 'pass' || remark === true)
/** The text that the kernel fills a header with before it sets a field. */
const FILL = 0x4547_4150_4547_4150n
function fill(view: DataView, from: number, to: number, word: number): void {
  for (let at = from; at < to; at += 4) view.setUint32(at, word, true)
}

type Change = (bytes: DataView, built: BuiltDump) => void
const u32 =
  (at: number, value: number): Change =>
  (view) =>
    view.setUint32(at, value, true)
const u64 =
  (at: number, value: bigint): Change =>
  (view) =>
    view.setBigUint64(at, value, true)
const kdbg =
  (at: bigint, value: bigint): Change =>
  (view, built) =>
    view.setBigUint64(built.fileOffset(built.kdbg + at), value, true)

const DAMAGE: ReadonlyArray<readonly [string, 1 | 5 | 6, Change, string, object]> = [
  [
    'the writer status',
    5,
    u32(0x1048, 2),
    'writer-status',
    { offset: '0x1048', found: '0x2', expected: '0x0' },
  ],
  ['the attributes', 5, u32(0x1050, 4), 'attributes', { offset: '0x1050' }],
  ['the sum of the runs', 1, u64(0x90, 5n), 'runs', { offset: '0x90', found: '0x5', expected: '0x3de' }],
  [
    'runs that overlap',
    1,
    u64(0xa8, 0x2n),
    'runs',
    { offset: '0xa8', found: '0x2', expected: 'at least 0x9f' },
  ],
  [
    'the population',
    5,
    (view) => view.setUint8(0x2038 + 0x13, 0xff),
    'bitmap-population',
    { offset: '0x2028' },
  ],
  ['no processors', 5, u32(0x34, 0), 'processors', { offset: '0x34', found: '0x0' }],
  ['the context flags', 5, u32(0x378, 0x400007), 'context', { offset: '0x378', found: '0x400007' }],
  ['page tables', 5, u64(0x10, 0x7fff_f000n), 'page-tables', { offset: '0x10', found: 'notInDump' }],
  ['the list head', 5, u64(0x20, 0xfffff80399999990n), 'page-tables', { offset: '0x10', found: 'notMapped' }],
  [
    'the debugger data address',
    5,
    u64(0x80, 0xfffff80399999990n),
    'kdbg',
    { offset: '0x80', found: '0x0 bytes' },
  ],
  [
    'KernBase',
    5,
    kdbg(0x18n, 0xfffff80000000000n),
    'kdbg',
    { found: '0xfffff80000000000', expected: '0xfffff80312400000' },
  ],
  ['the list in the debugger data', 6, kdbg(0x48n, 1n), 'kdbg', { found: '0x1' }],
  ['the bugcheck code', 5, u32(0x38, 0xd1), 'bugcheck-data', { found: '0xe2', expected: '0xd1' }],
  ['a bugcheck parameter', 5, u64(0x48, 0x99n), 'bugcheck-data', { found: '0x22', expected: '0x99' }],
  ['more processors than there are', 5, u32(0x34, 5), 'processor-block', {}],
  [
    'bugcheck data of zeros after a crash',
    5,
    (view, built) => {
      const at = built.fileOffset(built.kernelBase + 0x3020n)
      for (let i = 0; i < 40; i += 8) view.setBigUint64(at + i, 0n, true)
    },
    'bugcheck-data',
    { found: '0x0', expected: '0xe2' },
  ],
]

it.each(DAMAGE)(
  'finds %s in a dump of type %i, with offset, found and expected',
  (_, type, change, id, finding) => {
    const built = buildDump({ type, processors: 2 })
    change(new DataView(built.bytes.buffer), built)
    const report = verify(new MemorySource(built.bytes), false)
    expect(report.verdict).toBe('fail')
    expect(report.checks.find((check) => check.id === id)).toMatchObject({ verdict: 'fail', ...finding })
  },
)

it('names the file offset of what is damaged in memory', () => {
  const built = buildDump({ type: 5 })
  const view = new DataView(built.bytes.buffer)
  const tag = built.fileOffset(built.kdbg + 0x10n)
  view.setUint32(tag, 0, true)
  const first = view.getBigUint64(built.fileOffset(built.moduleListHead), true)
  const second = view.getBigUint64(built.fileOffset(first), true)
  view.setBigUint64(built.fileOffset(second + 8n), second, true) // links back to itself
  const { checks } = verify(new MemorySource(built.bytes), false)
  const offset = (id: string) => checks.find((check) => check.id === id && check.verdict === 'fail')?.offset
  expect(offset('kdbg')).toBe(`0x${tag.toString(16)}`)
  expect(offset('module-list')).toBe(`0x${built.fileOffset(second).toString(16)}`)
})

it.each([1, 5, 6] as const)(
  'compares the file length with the page count before anything else (type %i)',
  (type) => {
    const built = buildDump({ type })
    const report = verify(new MemorySource(built.bytes.subarray(0, built.bytes.length - 1)))
    expect(report.checks[0]).toMatchObject({
      id: 'file-size',
      verdict: 'fail',
      found: `0x${(built.bytes.length - 1).toString(16)}`,
      expected: `0x${built.bytes.length.toString(16)}`,
    })
    expect(report.checks.find((check) => check.id === 'all-pages')?.verdict).toBe('fail')
  },
)

/** Odd, but nothing that a document forbids or that harms a reader. */
const REMARKS: ReadonlyArray<readonly [string, DumpRecipe['type'], Change, string, object]> = [
  [
    'too small a required space',
    6,
    u64(0xfa0, 0x1000n),
    'required-space',
    { offset: '0xfa0', found: '0x1000' },
  ],
  ['too large a required space', 1, u64(0xfa0, 1n << 40n), 'required-space', { offset: '0xfa0' }],
  ['no required space', 1, u64(0xfa0, FILL), 'required-space', { offset: '0xfa0' }],
  [
    'the sum of runs that a bitmap makes needless',
    5,
    u64(0x90, 5n),
    'runs',
    { offset: '0x90', found: '0x5' },
  ],
  ['runs beside a bitmap that overlap', 6, u64(0xa8, 2n), 'runs', { offset: '0xa8' }],
  ['more runs than a header holds', 5, u32(0x88, 43), 'runs', {}],
  ['runs that end before the bitmap does', 5, u64(0xa0, 0x9dn), 'runs', {}],
  ['the times', 5, u64(0x1030, 1n << 62n), 'times', { offset: '0x1030' }],
  ['no times', 5, u64(0xfa8, FILL), 'times', { offset: '0xfa8' }],
  ['a call of address 0', 5, u64(0x440, 0n), 'context', { offset: '0x440', found: '0x0' }],
  [
    'a live dump without registers',
    5,
    (view) => {
      view.setUint32(0x1050, 0x10, true)
      fill(view, 0x348, 0xf00, 0)
    },
    'context',
    { offset: '0x378', found: 'zeros' },
  ],
  ['no stack', 5, u64(0x3e0, 0x1234_0000_0000_0000n), 'context', { offset: '0x3e0' }],
  [
    'a bugcheck in a dump whose header has none',
    5,
    u32(0x38, 0),
    'bugcheck-data',
    { found: '0xe2', expected: '0x0' },
  ],
]

it.each(REMARKS)('passes %s in a dump of type %i, with a remark', (_, type, change, id, finding) => {
  const built = buildDump({ type, processors: 2 })
  change(new DataView(built.bytes.buffer), built)
  const report = verify(new MemorySource(built.bytes), false)
  expect(report.checks.find((check) => check.id === id)).toMatchObject({
    verdict: 'pass',
    remark: true,
    message: expect.stringMatching(/^unusual: /),
    ...finding,
  })
  expect(report.verdict).toBe('pass')
})

it('remarks a page that is in the bitmap and in no run', () => {
  const built = buildDump({ type: 5 })
  const view = new DataView(built.bytes.buffer)
  view.setBigUint64(0x98, 2n, true) // the first run starts a page later
  view.setBigUint64(0xa0, 0x9dn, true)
  view.setBigUint64(0x90, 0x3ddn, true)
  const report = verify(new MemorySource(built.bytes), false)
  expect(report.checks.find(({ id }) => id === 'bitmap-runs')).toMatchObject({ remark: true, found: '0x1' })
  expect(report.verdict).toBe('pass')
})

/** What genuine dumps have, and what must not even be remarked. */
const SOUND: ReadonlyArray<readonly [string, Change]> = [
  [
    'a writer status and a secondary version that are not set',
    (view) => {
      view.setUint32(0x1048, 0x45474150, true)
      view.setUint8(0x104d, 0x41)
    },
  ],
  ['a stale MxCsr in the floating point area', u32(0x348 + 0x118, 0x30002e)],
  ['context flags of an exception in service', u32(0x378, 0xd810_001f)],
  ['an address of 57 bits', u64(0x440, 0xff12_3456_7890_1234n)],
  ...[0x161, 0x193, 0x1a1].map((code): [string, Change] => [
    `a live dump 0x${code.toString(16)} whose kernel never crashed`,
    (view, built) => {
      view.setUint32(0x38, code, true)
      const at = built.fileOffset(built.kernelBase + 0x3020n)
      for (let i = 0; i < 40; i += 8) view.setBigUint64(at + i, 0n, true)
    },
  ]),
  [
    'processors of Vista, whose numbers have 16 bits and neighbours',
    (view, built) => {
      view.setUint32(0xc, 6002, true)
      view.setUint16(built.fileOffset(built.kdbg + 0x2ben), 4, true)
      for (const [number, prcb] of [0xffffa00000000000n, 0xffffa00000010000n].entries()) {
        view.setUint16(built.fileOffset(prcb + 4n), number, true)
        view.setUint16(built.fileOffset(prcb + 6n), 0x0102, true) // InterruptRequest, IdleHalt
      }
    },
  ],
  ['the minor variant of a bugcheck code', u32(0x38, 0x1000_00e2)],
]

it.each(SOUND)('passes %s', (_, change) => {
  const built = buildDump({ type: 5, processors: 2 })
  change(new DataView(built.bytes.buffer), built)
  expect(notPassed(verify(new MemorySource(built.bytes), false))).toEqual([])
})

/** What this reader does not know, or the dump does not say. */
const OPEN: ReadonlyArray<readonly [string, Change, string, RegExp]> = [
  ['the machine', u32(0x30, 0x1234), 'machine', /^not read: dumps of this machine/],
  ['the page tables of ARM64', u32(0x30, 0xaa64), 'page-tables', /^not read: page tables of ARM64/],
  ['thousands of processors', u32(0x34, 4097), 'processors', /^not read: more than 2048 processors/],
  ['a count of processors that is not set', u32(0x34, 0x45474150), 'processors', /is not set/],
  ['a context of fill', (view) => fill(view, 0x348, 0xf00, 0x45474150), 'context', /is not set/],
  ['a context of zeros', (view) => fill(view, 0x348, 0xf00, 0), 'context', /is not set/],
  ['debugger data nowhere', u64(0x80, FILL), 'page-tables', /does not say where/],
  [
    'debugger data of a size that is not known',
    (view, built) => {
      view.setUint32(built.fileOffset(built.kdbg + 0x14n), 0x208, true)
    },
    'kdbg',
    /^not read: debugger data of this size/,
  ],
  [
    'encoded debugger data of a live system',
    (view, built) => {
      view.setUint32(0x38, 0x161, true)
      view.setUint32(built.fileOffset(built.kdbg + 0x10n), 0x12345678, true)
    },
    'kdbg',
    /^not read: debugger data of a live system/,
  ],
]

it.each(OPEN)('cannot judge %s', (_, change, id, message) => {
  const built = buildDump({ type: 5, processors: 2 })
  change(new DataView(built.bytes.buffer), built)
  const report = verify(new MemorySource(built.bytes), false)
  expect(report.checks.find((check) => check.id === id)).toMatchObject({
    verdict: 'inconclusive',
    message: expect.stringMatching(message),
  })
  expect(report.verdict).toBe('inconclusive')
})

it('names page tables of five levels, and calls neither them nor the modules damaged', () => {
  const report = verify(new MemorySource(buildDump({ type: 1, levels: 5 }).bytes), false)
  expect(report.verdict).toBe('inconclusive')
  expect(notPassed(report).map(({ id, message }) => [id, message])).toEqual(
    ['page-tables', 'kdbg', 'module-list'].map((id) => [
      id,
      'not read: page tables of five levels (CR4.LA57), only those of four are',
    ]),
  )
})

it.each([0x290, 0x318, 0x328, 0x330, 0x340, 0x360, 0x368, 0x380])(
  'reads a debugger data block of %i bytes as far as it goes',
  (debuggerDataSize) => {
    const report = verify(new MemorySource(buildDump({ type: 5, debuggerDataSize }).bytes), false)
    // XP's block does not say where a KPRCB has its number: it is the only thing that cannot be said of it.
    expect(notPassed(report).map(({ id }) => id)).toEqual(
      debuggerDataSize === 0x290 ? ['processor-block'] : [],
    )
    expect(report.verdict).toBe(debuggerDataSize === 0x290 ? 'inconclusive' : 'pass')
  },
)

it('reads a firmware map of thousands of runs, and no more of one than the file has bytes', () => {
  const physicalMemory = Array.from({ length: 5000 }, (_, i): [number, number] => [i * 0x100, 1])
  const built = buildDump({ type: 5, physicalMemory })
  const row = (bytes: Uint8Array) =>
    verify(new MemorySource(bytes), false).checks.find(({ id }) => id === 'physical-memory-block')
  expect(row(built.bytes)).toMatchObject({
    verdict: 'pass',
    remark: true,
    found: '0x3de',
    expected: '0x1388',
  })
  const view = new DataView(built.bytes.buffer)
  const descriptor = view.getBigUint64(built.fileOffset(built.kernelBase + 0x3010n), true)
  view.setUint32(built.fileOffset(descriptor), 0xffffffff, true)
  expect(row(built.bytes)).toMatchObject({ verdict: 'inconclusive', found: '0xffffffff' })
})

it.each([2, 8, 9, 10] as const)('reads and passes a dump of type %i', (type) => {
  const built = buildDump({ type, processors: 2 })
  const report = verify(new MemorySource(built.bytes))
  expect(notPassed(report)).toEqual([])
  expect(report).toMatchObject({ verdict: 'pass', dumpType: type, pageCount: built.pfns.length })
  expect(report.loaded).toHaveLength(4)
  const cut = verify(new MemorySource(built.bytes.subarray(0, built.bytes.length - 1)))
  expect(cut.checks[0]).toMatchObject({ id: 'file-size', verdict: 'fail' })
})

it('remarks pages that a debugger could not read', () => {
  const built = buildDump({ type: 1 })
  const view = new DataView(built.bytes.buffer)
  for (const page of [0x9f, 0x100, 0x180])
    fill(view, 0x2000 + page * 0x1000, 0x3000 + page * 0x1000, 0xdeadfeed)
  const report = verify(new MemorySource(built.bytes))
  expect(report.checks.at(-1)).toMatchObject({
    verdict: 'pass',
    remark: true,
    message: expect.stringContaining('3 hold only 0xdeadfeed'),
  })
})

it('does not read bytes of no known kind after the pages, and follows secondary data there', () => {
  const built = buildDump({ type: 5 })
  const longer = new Uint8Array(built.bytes.length + 0x200)
  longer.set(built.bytes)
  const row = (bytes: Uint8Array) =>
    verify(new MemorySource(bytes), false).checks.find(({ id }) => id === 'secondary-data')
  expect(row(longer)).toMatchObject({
    verdict: 'inconclusive',
    message: expect.stringMatching(/^not read: 0x200 bytes of no known kind follow the dump/),
  })
  const blob = withSecondaryData(built.bytes, {
    blobs: [{ tag: EVENT_LOGGERS, byteLength: 0x40, postPad: 4 }],
  })
  expect(row(blob)).toMatchObject({ verdict: 'pass', message: '1 blob of secondary data' })
  expect(row(blob.subarray(0, blob.length - 1))).toMatchObject({ verdict: 'fail' })
})

it('reads every page with --all-pages, in large reads', () => {
  const built = buildDump({ type: 5 })
  const lengths: number[] = []
  const memory = new MemorySource(built.bytes)
  const source: ByteSource = {
    byteLength: built.bytes.length,
    read(offset, into) {
      if (into.byteLength >= 0x10000) lengths.push(into.byteLength)
      return memory.read(offset, into)
    },
  }
  const report = verify(source)
  expect(lengths.reduce((sum, length) => sum + length, 0)).toBeGreaterThanOrEqual(3 * 0x100000)
  expect(report.checks.at(-1)?.message).toMatch(new RegExp(`^${built.pfns.length} pages read`))
})
