// Minidumps as Windows writes them and as copies cut them, built by descriptions of the format; then every genuine one.
import { MemorySource } from '@dumpstack/bytes'
import {
  type BuiltBlob,
  buildCrashMinidump,
  buildTriageDump,
  type CrashMinidump,
  EVENT_LOGGERS,
  type SecondaryRecipe,
  withSecondaryData,
} from '@dumpstack/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DumpError, openDump, readModules, readSecondaryData } from '../index.ts'
import { type VerifyReport, verdictOfRefusal, verifyDump } from '../verify-dump.ts'

function verify(bytes: Uint8Array): VerifyReport {
  const steps = verifyDump(new MemorySource(bytes), { allPages: false })
  let step = steps.next()
  while (step.done !== true) step = steps.next()
  return step.value
}

function verdictOf(bytes: Uint8Array): string {
  try {
    return verify(bytes).verdict
  } catch (error) {
    if (error instanceof DumpError) return verdictOfRefusal(error)
    throw error
  }
}

const notPassed = (bytes: Uint8Array) =>
  verify(bytes)
    .checks.filter(({ verdict, remark }) => verdict !== 'pass' || remark === true)
    .map(({ id, verdict, remark }) => [id, remark === true ? 'remark' : verdict])

const KERNEL = 0xfffff80312400000n
const RECIPE: CrashMinidump = {
  bugcheck: 0x50,
  context: { rip: KERNEL + 0x1000n, rsp: 0xffffd00022a46988n },
  stack: { address: 0xffffd00022a46988n, words: [1n, 2n, 3n, KERNEL] },
  blocks: [
    { address: KERNEL + 0x4000n, bytes: Uint8Array.from({ length: 100 }, (_, i) => i) },
    { address: KERNEL + 0x8000n, bytes: Uint8Array.of(9, 8, 7) },
  ],
  crashed: { thread: 0xffffe00000001000n, process: 0xffffe00000002000n, cid: [4, 8], imageName: 'System' },
}
const minidump = (changes: Partial<CrashMinidump> = {}): Uint8Array =>
  buildCrashMinidump({ ...RECIPE, ...changes })
const BLOBS: readonly BuiltBlob[] = [
  { tag: '54C84888-01D1-4C1E-BED6-282C98241303', byteLength: 0x100 },
  { tag: '270A33FD-3DA6-460D-BA89-3C1BAE21E39B', byteLength: 0x3d, prePad: 4, postPad: 3 },
  { tag: '65755A40-F146-43EA-8C91-36B85728FD35', byteLength: 0 },
]
const LAST: BuiltBlob = { tag: EVENT_LOGGERS, byteLength: 0x4d, postPad: 3 }
const EMPTY: BuiltBlob = { tag: '00000000-0000-0000-0000-000000000000', byteLength: 0 }
const KINDS: readonly (readonly [string, SecondaryRecipe])[] = [
  ['of build 9600, as long as it says', { build: 9600, blobs: [...BLOBS, EMPTY] }],
  ['of build 17763, with an unused end', { build: 17763, attributes: 8, blobs: [...BLOBS, LAST], unused: 0x100 }],
  ['of build 19041, which states the most it could need', { build: 19041, blobs: [...BLOBS, LAST], requiredDumpSpace: 0x200000 }],
  ['of build 22000, as long as it says', { build: 22000, blobs: BLOBS }],
  ['without a blob', { build: 19041, blobs: [] }],
] // biome-ignore format: one row each

it('has the debugger data of every Windows, as far as its own size goes', () => {
  for (const debuggerDataSize of [0x290, 0x318, 0x328, 0x330, 0x340, 0x360, 0x368, 0x380]) {
    expect(verdictOf(minidump({ debuggerDataSize }))).toBe('pass')
  }
  const unknown = minidump({ debuggerDataSize: 0x208 })
  expect(verify(unknown).checks.find(({ id }) => id === 'kdbg')).toMatchObject({
    verdict: 'inconclusive',
    message: expect.stringMatching(/^not read: debugger data of this size/),
    found: '0x208',
  })
  const without = minidump()
  new DataView(without.buffer).setUint32(0x2070, 0, true)
  expect(notPassed(without)).toContainEqual(['kdbg', 'remark'])
})

it('does not fail encoded debugger data of a live system, and does of one that crashed', () => {
  const kdbgOf = (bugcheck: number) => {
    const bytes = minidump({ bugcheck })
    const view = new DataView(bytes.buffer)
    const kdbg = view.getUint32(0x2070, true)
    for (let at = 0; at < 0x360; at += 4)
      view.setUint32(kdbg + at, Math.imul(at + 1, 0x9e37_79b1) >>> 0, true)
    return verify(bytes).checks.find(({ id }) => id === 'kdbg')
  }
  expect(kdbgOf(0x193)).toMatchObject({
    verdict: 'inconclusive',
    message: expect.stringMatching(/^not read: debugger data of a live system/),
  })
  expect(kdbgOf(0x50)).toMatchObject({ verdict: 'fail' })
})

it('takes the length of the memory manager information from itself', () => {
  const withMm = (place: number, size: number) => {
    const bytes = minidump()
    const view = new DataView(bytes.buffer)
    view.setUint32(0x2014, place, true)
    view.setUint32(place, 1, true)
    view.setUint32(place + 4, size, true)
    return notPassed(bytes).filter(([id]) => id === 'triage-pools')
  }
  expect(withMm(0x2080, 0x50)).toEqual([])
  expect(withMm(0x2088, 0x48)).toEqual([]) // the unloaded drivers follow at 0x20d0
  expect(withMm(0x2088, 0x50)).toEqual([['triage-pools', 'fail']])
  expect(withMm(0x2080, 0x58)).toEqual([['triage-pools', 'remark']])
})

describe.each(KINDS)('a minidump %s', (_, recipe) => {
  const whole = withSecondaryData(minidump(), recipe)

  it('passes whole', () => {
    expect(notPassed(whole)).toEqual([])
    const tags = recipe.blobs.map(({ tag }) => tag)
    expect(readSecondaryData(openDump(new MemorySource(whole))).map(({ tag }) => tag)).toEqual(tags)
  })

  it('never passes cut, wherever', () => {
    // All that follows the minidump, byte by byte: each header, padding and blob ends there.
    const after = whole.length - new DataView(whole.buffer).getUint32(0x2004, true)
    for (let cut = 1; cut <= after + 8; cut++) {
      expect([cut, verdictOf(whole.subarray(0, whole.length - cut))]).not.toContain('pass')
    }
    fc.assert(
      fc.property(fc.integer({ min: 1, max: whole.length }), (cut) => {
        expect(verdictOf(whole.subarray(0, whole.length - cut))).not.toBe('pass')
      }),
      { numRuns: 200 },
    )
  })
})

it('says of a cut minidump which bytes are missing', () => {
  const [, exact] = KINDS[0]!
  const whole = withSecondaryData(minidump(), exact)
  const cut = verify(whole.subarray(0, whole.length - 8))
  expect(cut.checks.find(({ id }) => id === 'required-space')).toMatchObject({
    verdict: 'fail',
    found: `0x${(whole.length - 8).toString(16)}`,
    expected: `0x${whole.length.toString(16)}`,
  })
  const [, most] = KINDS[2]!
  const upToLast = withSecondaryData(minidump(), { ...most, blobs: BLOBS })
  expect(verify(upToLast).checks.find(({ id }) => id === 'required-space')).toMatchObject({
    verdict: 'inconclusive',
    message: expect.stringMatching(/its end may be missing/),
  })
})

it('passes memory that two blocks hold with equal bytes, and fails it with different ones, naming the address', () => {
  const first = Uint8Array.from({ length: 100 }, (_, i) => i)
  const blocks = (second: Uint8Array) => [
    { address: KERNEL + 0x4000n, bytes: first },
    { address: KERNEL + 0x4000n + 60n, bytes: second },
    { address: KERNEL + 0x4000n, bytes: first },
  ]
  const equal = Uint8Array.from({ length: 80 }, (_, i) => 60 + i)
  const row = (bytes: Uint8Array) => verify(bytes).checks.find(({ id }) => id === 'data-blocks')
  expect(row(minidump({ blocks: blocks(equal) }))).toMatchObject({
    verdict: 'pass',
    message: '3 data blocks hold 280 bytes of memory, 140 of them twice, with equal bytes',
  })
  const other = equal.slice()
  other[39] = 0xee // the last byte that both blocks hold
  expect(row(minidump({ blocks: blocks(other) }))).toMatchObject({
    verdict: 'fail',
    message: expect.stringMatching(
      /^data blocks 0 and 1 hold different bytes for 0xfffff80312404063 at offset/,
    ),
    found: '0xee',
    expected: '0x63',
  })
})

it.each([
  ['unloaded drivers', (view: DataView) => view.getUint32(0x2018, true)],
  ['drivers', () => 0x2034],
  ['data blocks', () => 0x207c],
  ['the length of a name', (view: DataView) => view.getUint32(0x2038, true)],
  ['the size of the call stack', () => 0x202c],
])('fails a lying count of %s soon, with little memory', (_, place) => {
  for (const lie of [0x45474150, 0xffffffff, 0x7fffffff]) {
    const bytes = minidump()
    const view = new DataView(bytes.buffer)
    view.setUint32(place(view), lie, true)
    const before = process.memoryUsage()
    expect(verdictOf(bytes)).toBe('fail')
    const after = process.memoryUsage()
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(16 << 20)
  }
})

it('decodes no more names than the file has bytes, however many drivers share one', () => {
  const modules = Array.from({ length: 2000 }, (_, i) => ({
    name: i === 0 ? 'n'.repeat(30_000) : 'x',
    base: KERNEL + BigInt(i) * 0x1000n,
    size: 0x1000,
  }))
  const bytes = buildTriageDump(modules)
  const view = new DataView(bytes.buffer)
  const [list, pool] = [view.getUint32(0x2030, true), view.getUint32(0x2038, true)]
  for (let i = 1; i < modules.length; i++) view.setUint32(list + i * 0x90, pool, true)
  expect(readModules(openDump(new MemorySource(bytes))).loaded).toHaveLength(2000) // one name, decoded once
  for (let i = 1; i < modules.length; i++) {
    view.setUint32(list + i * 0x90, pool + i * 4, true) // each a name of its own over the same bytes
    view.setUint32(pool + i * 4, 20_000, true)
  }
  expect(() => readModules(openDump(new MemorySource(bytes)))).toThrow(
    /together they are longer than the file/,
  )
})
