import { type ByteSource, MemorySource } from '@dumpstack/bytes'
import { FileSource } from '@dumpstack/bytes/node'
import { type BuiltDump, buildDump, buildTriageDump } from '@dumpstack/testkit'
import { sharedData } from '@dumpstack/testkit/node'
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
  [
    'too small a required space',
    6,
    u64(0xfa0, 0x1000n),
    'required-space',
    { offset: '0xfa0', found: '0x1000' },
  ],
  ['too large a required space', 1, u64(0xfa0, 1n << 40n), 'required-space', { offset: '0xfa0' }],
  ['the sum of the runs', 5, u64(0x90, 5n), 'runs', { offset: '0x90', found: '0x5', expected: '0x3de' }],
  [
    'runs that overlap',
    5,
    u64(0xa8, 0x2n),
    'runs',
    { offset: '0xa8', found: '0x2', expected: 'at least 0x9f' },
  ],
  [
    'a page outside the runs',
    5,
    (view) => view.setUint8(0x2038, 0xff),
    'bitmap-runs',
    { offset: '0x2038', found: '0x0' },
  ],
  [
    'the population',
    5,
    (view) => view.setUint8(0x2038 + 0x13, 0xff),
    'bitmap-population',
    { offset: '0x2028' },
  ],
  ['the machine', 5, u32(0x30, 0x1234), 'machine', { offset: '0x30', found: '0x1234' }],
  ['no processors', 5, u32(0x34, 0), 'processors', { offset: '0x34', found: '0x0' }],
  ['the times', 5, u64(0x1030, 1n << 62n), 'times', { offset: '0x1030' }],
  ['the context flags', 5, u32(0x378, 0x400007), 'context', { offset: '0x378', found: '0x400007' }],
  ['MxCsr', 5, u32(0x37c, 0), 'context', { offset: '0x37c', found: '0x0', expected: '0x1f80' }],
  ['Rip', 5, u64(0x440, 0x1234_0000_0000_0000n), 'context', { offset: '0x440' }],
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

it('cannot judge what the writer did not set', () => {
  const built = buildDump({ type: 5 })
  new DataView(built.bytes.buffer).setUint32(0x1048, 0x45474150, true)
  const report = verify(new MemorySource(built.bytes))
  expect(report.verdict).toBe('inconclusive')
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

it('passes a sound minidump and finds a missing end', () => {
  const bytes = buildTriageDump()
  expect(verify(new MemorySource(bytes)).checks.filter((check) => check.verdict !== 'pass')).toEqual([])
  const cut = verify(new MemorySource(bytes.subarray(0, bytes.length - 4)))
  expect(cut.checks.filter((check) => check.verdict === 'fail').map((check) => check.id)).toEqual([
    'file-size',
    'triage-signature',
  ])
})

for (const [file, modules, machine, name] of [
  ['triage_x64_19041.dmp', 151, 'x64', 'SYSTEM_THREAD_EXCEPTION_NOT_HANDLED_M'],
  ['triage_arm64_22000.dmp', 245, 'ARM64', 'MANUALLY_INITIATED_POWER_BUTTON_HOLD'],
] as const) {
  const path = sharedData(`dumps/${file}`)
  it.skipIf(path === null)(`says of the real ${file} what a debugger says`, () => {
    const report = verify(new FileSource(path ?? ''))
    expect(report).toMatchObject({ dumpType: 4, machineName: machine, bugcheckName: name })
    expect(report.loaded).toHaveLength(modules)
    expect(report.checks.filter((check) => check.verdict !== 'pass')).toEqual([])
  })
}
