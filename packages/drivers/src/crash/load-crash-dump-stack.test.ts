import { gpa } from '@dumpstack/bytes'
import { win10_19041 } from '@dumpstack/nt'
import { describe, expect, it } from 'vitest'
import { testMachine } from '../fake-kernel.test-support.ts'
import { faultyMiniport } from '../faulty-miniport.ts'
import { storahci } from '../miniports/storahci/index.ts'
import { startRuntimeStack } from '../runtime/start-runtime-stack.ts'
import {
  BODY,
  bytesOfPlan,
  bytesOnDisk,
  crash,
  EXTENTS,
  PARTITION_OFFSET,
  testPlan,
  writeDump,
} from './crash.test-support.ts'
import { loadCrashDumpStack } from './load-crash-dump-stack.ts'

describe.each([512, 4096] as const)('on a disk with sectors of %i bytes', (logicalSectorBytes) => {
  // covers: STACK-1
  it('writes the plan into the page file while commands of the dead instance were in flight', () => {
    const crashed = crash({ logicalSectorBytes, writesInFlight: 8 })
    const plan = testPlan(BODY)
    const expected = bytesOfPlan(crashed, plan)
    const report = writeDump(crashed.stack, plan)
    expect(report).toMatchObject({ finalStatus: 0, bytesWritten: plan.byteLength, violations: [] })
    expect(Buffer.compare(bytesOnDisk(crashed, plan.byteLength), expected)).toBe(0)
    expect(crashed.machine.disks[0]!.flushCount).toBe(1)
    expect(crashed.runtime.inFlight).toBe(8)
  })
})

it('reaches a page file above sector 2^32 (B28)', () => {
  const extents = EXTENTS.map((extent) => ({
    ...extent,
    partitionOffset: 2 ** 41 + extent.partitionOffset,
  }))
  const crashed = crash({ diskBytes: 2 ** 41 + 2 ** 26, extents })
  const plan = testPlan(BODY)
  expect(writeDump(crashed.stack, plan)).toMatchObject({ finalStatus: 0, violations: [] })
  const onDisk = bytesOnDisk(crashed, plan.byteLength, extents)
  expect(Buffer.compare(onDisk, bytesOfPlan(crashed, plan))).toBe(0)
})

it('drops what was in flight: its data never reaches the disk', () => {
  const crashed = crash({ writesInFlight: 8 })
  expect(writeDump(crashed.stack, testPlan(BODY)).finalStatus).toBe(0)
  const first = new Uint8Array(0x80000)
  crashed.image.read(0, first)
  expect(first.every((byte) => byte === 0)).toBe(true)
})

// covers: STACK-12
it('shows both loads, the first one unloaded', () => {
  const { stack, kernel } = crash()
  expect(stack.rows.map(({ nameOnDisk, baseName, state }) => `${nameOnDisk} ${baseName} ${state}`)).toEqual([
    'crashdmp.sys crashdmp.sys loaded',
    'diskdump.sys dump_storport.sys unloaded',
    'storahci.sys dump_storahci.sys unloaded',
    'dumpfve.sys dump_dumpfve.sys unloaded',
    'diskdump.sys dump_storport.sys loaded',
    'storahci.sys dump_storahci.sys loaded',
    'dumpfve.sys dump_dumpfve.sys loaded',
  ])
  expect(kernel.unloaded.map((image) => image.baseName)).toEqual([
    'dump_dumpfve.sys',
    'dump_storahci.sys',
    'dump_storport.sys',
  ])
})

it('changes few pages of RAM', () => {
  const { stack, machine } = crash()
  writeDump(stack, testPlan(BODY))
  expect(machine.evidence.writes.pages.size).toBeLessThan(64)
})

it('writes no dump when its context or its map changed after the load', () => {
  for (const name of ['dump stack context', 'page file map'] as const) {
    const crashed = crash({
      before: ({ machine, kernel }) => {
        // The context starts with its length 0x108, the map with file offset 0 and the first extent's place.
        for (let page = 0x200; page < kernel.nextPage; page++) {
          const isContext = machine.ram.u32(gpa(page * 4096)) === 0x108
          const isMap = machine.ram.u64(gpa(page * 4096 + 8)) === BigInt(EXTENTS[0]!.partitionOffset)
          if (name === 'page file map' ? !isMap : !isContext) continue
          machine.ram.setU32(gpa(page * 4096 + 0x10), 0x7000)
          return
        }
        throw new Error('not found')
      },
    })
    const report = writeDump(crashed.stack, testPlan(BODY))
    expect(report.finalStatus).toBe(0xc0000001)
    expect(report.failure).toMatch(new RegExp(`^${name} differs from its saved copy at 0x`))
    expect(report.violations[0]).toMatchObject({ rule: 'integrity-gate', driver: 'crashdmp.sys' })
    expect(bytesOnDisk(crashed, 0x8000).every((byte) => byte === 0)).toBe(true)
  }
})

it('ends a dump that outgrows the page file with its status and place', () => {
  const crashed = crash({ extents: [{ fileOffset: 0, partitionOffset: 0, byteLength: 0x10000 }] })
  const report = writeDump(crashed.stack, testPlan(BODY))
  expect(report).toMatchObject({
    finalStatus: 0xc000007f,
    bytesWritten: 0x10000,
    failure: 'dump offset 0x10000 lies past the end of the page file, which has 0x10000 bytes',
  })
})

it.each([
  ['a gap', [{ fileOffset: 0x1000, partitionOffset: 0, byteLength: 0x1000 }], /does not follow/],
  ['half a page', [{ fileOffset: 0, partitionOffset: 0, byteLength: 0x800 }], /not whole pages/],
  ['the disk', [{ fileOffset: 0, partitionOffset: 0x3f00000, byteLength: 0x1000 }], /outside the disk/],
  ['nothing', [], /no extents/],
  [
    'an overlap',
    [
      { fileOffset: 0, partitionOffset: 0x3000, byteLength: 0x2000 },
      { fileOffset: 0x2000, partitionOffset: 0x4000, byteLength: 0x1000 },
    ],
    /overlap at partition offset 0x4000/,
  ],
])('refuses a page file with %s', (_what, extents, message) => {
  expect(() => crash({ extents })).toThrow(message)
})

it('refuses a miniport that the profile does not run on the controller', () => {
  expect(() => crash({ miniport: { ...storahci, fileName: 'stornvme.sys' } })).toThrow(
    /win10-19041 runs storahci.sys on ahci, not stornvme.sys/,
  )
})

it.each([
  ['beforeHeader', 0, 0],
  ['midBody', 0x100000, 0x200000],
] as const)('makes a second bugcheck of a miniport that faults %s', (when, least, most) => {
  const crashed = crash({ miniport: faultyMiniport(storahci, when) })
  const report = writeDump(crashed.stack, testPlan(BODY))
  expect(report.finalStatus).toBe(0xc0000001)
  expect(report.bytesWritten).toBeGreaterThanOrEqual(least)
  expect(report.bytesWritten).toBeLessThanOrEqual(most)
  const { base } = crashed.stack.rows[5]!
  expect(report.secondBugcheck).toEqual({
    code: 0xd1,
    parameters: [0x7fffdead0000n, 15n, 0n, base + 0x1300n],
  })
  expect(report.violations).toMatchObject([
    { rule: 'bugcheck-0xd1', call: 'HwStartIo', driver: 'dump_storahci.sys', offset: '0x1300' },
  ])
})

it('has no dump without a page file, and takes only one', () => {
  const { machine, kernel, controller } = testMachine()
  const runtime = startRuntimeStack({ machine, kernel, controller, miniport: storahci })
  const stack = loadCrashDumpStack({ machine, kernel, profile: win10_19041, runtime, miniport: storahci })
  expect(writeDump(stack, testPlan(BODY))).toMatchObject({
    finalStatus: 0xc00000a3,
    bytesWritten: 0,
    failure: 'the crash dump stack has no page file',
  })
  stack.setPageFile(EXTENTS, PARTITION_OFFSET)
  expect(() => stack.setPageFile(EXTENTS, PARTITION_OFFSET)).toThrow(/has its page file already/)
})
