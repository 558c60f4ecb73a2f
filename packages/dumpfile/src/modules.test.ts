import { gva, MemorySource } from '@dumpstack/bytes'
import { FileSource } from '@dumpstack/bytes/node'
import { buildDump, buildTriageDump, DEFAULT_MODULES } from '@dumpstack/testkit'
import { sharedData } from '@dumpstack/testkit/node'
import { describe, expect, it } from 'vitest'
import { readModules } from './modules.ts'
import { openDump } from './open-dump.ts'

it.each([1, 5, 6] as const)('reads the kernel lists of a dump of type %i', (type) => {
  const built = buildDump({ type })
  const { loaded, unloaded } = readModules(openDump(new MemorySource(built.bytes)))
  expect(
    loaded.map(({ baseName, base, size, timeDateStamp }) => ({ name: baseName, base, size, timeDateStamp })),
  ).toEqual(DEFAULT_MODULES)
  expect(loaded[2]?.fullName).toBe('\\SystemRoot\\System32\\drivers\\storahci.sys')
  expect(unloaded).toEqual([
    {
      name: 'dump_storpor',
      start: 0xfffff80315000000n,
      end: 0xfffff80315021000n,
      unloadedAt: 0x1da3c5f00000000n,
    },
    {
      name: 'dump_dumpfve',
      start: 0xfffff80315100000n,
      end: 0xfffff8031511d000n,
      unloadedAt: 0x1da3c5f00000001n,
    },
  ])
})

it('reads the driver list of a minidump', () => {
  const { loaded, unloaded } = readModules(openDump(new MemorySource(buildTriageDump())))
  expect(loaded.map((module) => module.baseName)).toEqual(DEFAULT_MODULES.map((module) => module.name))
  expect(loaded[0]?.fullName).toBe('\\SystemRoot\\system32\\ntoskrnl.exe')
  expect(unloaded).toEqual([
    { name: 'dump_dumpfve', start: 0xfffff80315100000n, end: 0xfffff8031511d000n, unloadedAt: 0n },
  ])
})

it('stops at a link that does not point back', () => {
  const built = buildDump({ type: 5 })
  const head = built.fileOffset(built.moduleListHead)
  const view = new DataView(built.bytes.buffer)
  const second = view.getBigUint64(built.fileOffset(view.getBigUint64(head, true)), true)
  view.setBigUint64(head, second, true) // skips the first entry
  expect(() => readModules(openDump(new MemorySource(built.bytes)))).toThrow(
    expect.objectContaining({
      code: 'DUMP_MODULE_LIST',
      message: expect.stringMatching(/entry 0 .* links back to/),
    }),
  )
})

it('ends on a list that leads to a page that is not there', () => {
  const built = buildDump({ type: 5 })
  const view = new DataView(built.bytes.buffer)
  view.setBigUint64(built.fileOffset(built.moduleListHead), gva(built.pagedOut), true)
  expect(() => readModules(openDump(new MemorySource(built.bytes)))).toThrow(/cannot be read: pagedOut/)
})

const REAL = [
  {
    file: 'triage_x64_19041.dmp',
    count: 151,
    build: 19041,
    machine: 0x8664,
    bugcheck: 0x1000007e,
    processors: 16,
  },
  {
    file: 'triage_arm64_22000.dmp',
    count: 245,
    build: 22000,
    machine: 0xaa64,
    bugcheck: 0x1c8,
    processors: 8,
  },
]

describe.each(REAL)('the real minidump $file', ({ file, count, build, machine, bugcheck, processors }) => {
  const path = sharedData(`dumps/${file}`)

  it.skipIf(path === null)(`opens with its ${count} modules`, () => {
    const dump = openDump(new FileSource(path ?? ''))
    expect(dump.header).toMatchObject({
      dumpType: 4,
      build,
      machine,
      bugcheckCode: bugcheck,
      processorCount: processors,
    })
    const { loaded, unloaded } = readModules(dump)
    expect(loaded).toHaveLength(count)
    expect(loaded[0]?.baseName).toBe('ntoskrnl.exe')
    const kernel = loaded[0]!
    for (const address of [dump.header.psLoadedModuleList, dump.header.kdDebuggerDataBlock]) {
      expect(address >= kernel.base && address < kernel.base + BigInt(kernel.size)).toBe(true)
    }
    expect(loaded.every((module) => module.baseName.length > 0 && module.size % 4096 === 0)).toBe(true)
    expect(unloaded.every((module) => module.end > module.start)).toBe(true)
  })
})
