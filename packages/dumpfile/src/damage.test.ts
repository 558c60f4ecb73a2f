// Untrusted input: whatever is done to a dump, only a DumpError comes out, soon.
import { gva, MemorySource, pfn } from '@dumpstack/bytes'
import { buildDump, buildTriageDump } from '@dumpstack/testkit'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { DumpError } from './dump-error.ts'
import { readModules } from './modules.ts'
import { openDump } from './open-dump.ts'
import { verifyDump } from './verify-dump.ts'

const SMALL_RUNS = [
  [0x1, 0x5f],
  [0x200, 0x200],
] as const
const SOUND = [
  ...([1, 5, 6] as const).map((type) => buildDump({ type, runs: SMALL_RUNS }).bytes),
  buildTriageDump(),
]

function useEverything(bytes: Uint8Array): void {
  try {
    const source = new MemorySource(bytes)
    const dump = openDump(source)
    dump.pageOffset(pfn(0x201))
    dump.physical?.read(0x200000 as Parameters<typeof dump.physical.read>[0], new Uint8Array(0x3000))
    if (dump.pages !== null && dump.header.machine === 0x8664) {
      const space = dump.virtual()
      space.read(gva(0xfffff80312400f00n), new Uint8Array(0x2000))
      space.absence(gva(0xfffffffffffff000n))
    }
    for (const _ of verifyDump(source, { allPages: true }));
    readModules(dump)
  } catch (error) {
    if (!(error instanceof DumpError)) throw error
    expect(error.message.length).toBeGreaterThan(10)
  }
}

/** Numbers that break parsers. */
const evil = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.constantFrom(
    0n,
    1n,
    0xffffffffn,
    0x7fffffffffffffffn,
    0xffffffffffffffffn,
    0x4547415045474150n,
    1n << 53n,
    1n << 30n,
  ),
)
const FIELDS = [
  0x10, 0x20, 0x28, 0x30, 0x34, 0x38, 0x80, 0x88, 0x90, 0x98, 0xa0, 0xa8, 0xb0, 0xf98, 0xfa0, 0x1030, 0x1048,
  0x1050, 0x2000, 0x2004, 0x2008, 0x2018, 0x2020, 0x2028, 0x2030, 0x2034, 0x2038, 0x2070, 0x2074,
]
const header = fc.constantFrom(...FIELDS)

it('raises only its own error on damaged dumps', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...SOUND),
      fc.array(fc.tuple(fc.oneof(header, fc.nat(0x30_0000)), evil), { minLength: 1, maxLength: 12 }),
      fc.option(fc.nat(0x30_0000), { freq: 4 }),
      (sound, writes, cut) => {
        const bytes = sound.slice()
        const view = new DataView(bytes.buffer)
        for (const [at, value] of writes) view.setBigUint64(at % (bytes.length - 8), value, true)
        useEverything(cut === null ? bytes : bytes.subarray(0, cut % bytes.length))
      },
    ),
    { numRuns: 250 },
  )
})

it('raises only its own error on bytes that are no dump', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 0x3000 }),
      fc.boolean(),
      fc.nat(12),
      (random, looksRight, type) => {
        const bytes = looksRight ? new Uint8Array(Math.max(random.length, 0x2100)) : random
        if (looksRight) {
          bytes.set(random)
          bytes.set(new TextEncoder().encode('PAGEDU64'))
          new DataView(bytes.buffer).setUint32(0xf98, type, true)
        }
        useEverything(bytes)
      },
    ),
    { numRuns: 200 },
  )
})

it('ends on a module list that is a circle without its head', () => {
  const built = buildDump({ type: 5 })
  const view = new DataView(built.bytes.buffer)
  const first = view.getBigUint64(built.fileOffset(built.moduleListHead), true)
  const at = built.fileOffset(first)
  view.setBigUint64(at, first, true) // its own next, and from then on its own previous
  expect(() => readModules(openDump(new MemorySource(built.bytes)))).toThrow(
    expect.objectContaining({ code: 'DUMP_MODULE_LIST' }),
  )
})
