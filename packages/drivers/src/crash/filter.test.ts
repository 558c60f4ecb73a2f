import { PAGE_SIZE, type Pfn, pfn } from '@dumpstack/bytes'
import { DUMP_FILTER_CRITICAL, FilterInitializationDataLayout, win10_19041 } from '@dumpstack/nt'
import { expect, it } from 'vitest'
import type { DumpFilterImage, FilterCallbacks, FilterEntry } from '../dump-filter.ts'
import type { GuestBlock } from '../miniport.ts'
import { storahci } from '../miniports/storahci/index.ts'
import { bad, inFindAdapter } from './bad-miniports.test-support.ts'
import { BODY, bytesOfPlan, bytesOnDisk, crash, testPlan, writeDump } from './crash.test-support.ts'

const PLAN = testPlan(BODY)
const MDL_BYTE_COUNT = 0x28
const MDL_BYTE_OFFSET = 0x2c
const MDL_PFNS = 0x30

/** Notes a call and answers STATUS_SUCCESS. */
const noted = (calls: string[], call: string): number => {
  calls.push(call)
  return 0
}
const filterOf = (entry: FilterEntry): DumpFilterImage => ({
  fileName: 'dumpfve.sys',
  symbolPrefix: 'DumpFve',
  load: () => entry,
})
const withCallbacks = (callbacks: FilterCallbacks): DumpFilterImage =>
  filterOf(() => ({ status: 0, callbacks }))

/** XORs every byte in its own scratch pages, as an encrypting filter does. */
const calls: string[] = []
const encrypting = filterOf((_extension, initializationData, services) => {
  const { maxPagesPerWrite } = FilterInitializationDataLayout.at(initializationData.view)
  const scratch = services.allocate(maxPagesPerWrite * PAGE_SIZE)
  return {
    status: 0,
    callbacks: {
      dumpStart: () => noted(calls, 'start'),
      dumpWrite: (_filterExtension, _offset, mdl) => {
        const pages = mdl.view.getUint32(MDL_BYTE_COUNT, true) / PAGE_SIZE
        for (let i = 0; i < pages; i++) {
          const own = pfn(scratch.gpa / PAGE_SIZE + i)
          const from = services.pageToRead(pfn(mdl.view.getUint32(MDL_PFNS + i * 8, true)))
          services.pageToWrite(own).set(from.map((byte) => ~byte))
          mdl.view.setUint32(MDL_PFNS + i * 8, own, true)
        }
        return 0
      },
      dumpFinish: () => noted(calls, 'finish'),
    },
  }
})

// covers: STACK-20
it('writes what a filter put into its scratch pages, and leaves memory as it was', () => {
  calls.length = 0
  const crashed = crash({ filter: encrypting })
  const before = bytesOfPlan(crashed, PLAN)
  const report = writeDump(crashed.stack, PLAN)
  expect(report).toMatchObject({ finalStatus: 0, violations: [] })
  expect(calls).toEqual(['start', 'finish'])
  expect(Buffer.compare(bytesOfPlan(crashed, PLAN), before)).toBe(0)
  expect(
    Buffer.compare(
      bytesOnDisk(crashed, PLAN.byteLength).map((byte) => ~byte),
      before,
    ),
  ).toBe(0)
})

const changes: [
  string,
  string,
  RegExp,
  (offset: GuestBlock, mdl: GuestBlock, page: (pfn: Pfn) => Uint8Array) => void,
][] = [
  [
    'filter-in-place',
    'modifies live memory',
    /^Dump_Write modified page 0x40 in place/,
    (_offset, mdl, page) => {
      const first = pfn(mdl.view.getUint32(MDL_PFNS, true))
      if (first === 0x40) page(first)[5] = 0xee
    },
  ],
  [
    'filter-offset',
    'moves a write',
    /^Dump_Write changed the offset of a write from 0x1800000 to 0x1801000$/,
    (offset) => offset.view.setUint32(0, 0x1801000, true),
  ],
  [
    'filter-offset',
    'lets the data begin inside a page',
    /^Dump_Write changed the byte offset of the MDL to 0x2$/,
    (_offset, mdl) => mdl.view.setUint32(MDL_BYTE_OFFSET, 2, true),
  ],
  [
    'filter-length',
    'shortens a write',
    /^Dump_Write changed the length of a write from 0x2000 to 0x1000$/,
    (_offset, mdl) => mdl.view.setUint32(MDL_BYTE_COUNT, 0x1000, true),
  ],
  [
    'filter-scratch',
    "writes another owner's page",
    /^Dump_Write pointed the MDL to page 0x900, which is not its scratch memory$/,
    (_offset, mdl) => mdl.view.setUint32(MDL_PFNS, 0x900, true),
  ],
]
it.each(changes)('%s: ends the dump when a filter %s', (rule, _what, message, change) => {
  const filter = filterOf((_extension, _data, services) => ({
    status: 0,
    callbacks: {
      dumpWrite: (_filterExtension, offset, mdl) => {
        change(offset, mdl, services.pageToWrite)
        return 0
      },
    },
  }))
  const report = writeDump(crash({ filter }).stack, PLAN)
  expect(report.finalStatus).toBe(0xc000000d)
  expect(report.violations).toMatchObject([
    { rule, call: 'Dump_Write', driver: 'dump_dumpfve.sys', message: expect.stringMatching(message) },
  ])
})

it('never writes past a filter that failed: its plain text would leak', () => {
  const crashed = crash({ filter: withCallbacks({ dumpWrite: () => 0xc0000001 }) })
  const report = writeDump(crashed.stack, PLAN)
  expect(report).toMatchObject({
    finalStatus: 0xc0000001,
    bytesWritten: 0,
    failure: 'Dump_Write of dump_dumpfve.sys returned STATUS_UNSUCCESSFUL (0xc0000001) at dump offset 0x0',
  })
  expect(bytesOnDisk(crashed, 0x4000).every((byte) => byte === 0)).toBe(true)
})

it('has no dump when a filter does not start, or a critical one does not load', () => {
  const noStart = writeDump(crash({ filter: withCallbacks({ dumpStart: () => 0xc000009a }) }).stack, PLAN)
  expect(noStart).toMatchObject({
    finalStatus: 0xc000009a,
    failure: 'filter dump_dumpfve.sys did not start: STATUS_INSUFFICIENT_RESOURCES (0xc000009a)',
  })
  const failing = (flags: number): DumpFilterImage =>
    filterOf((_extension, data) => {
      FilterInitializationDataLayout.at(data.view).flags = flags
      return { status: 0xc000009a, callbacks: { dumpWrite: () => 0xc0000001 } }
    })
  expect(writeDump(crash({ filter: failing(DUMP_FILTER_CRITICAL) }).stack, PLAN).finalStatus).toBe(0xc000009a)
  expect(writeDump(crash({ filter: failing(0) }).stack, PLAN).finalStatus).toBe(0)
})

it('starts filters before or after the port, and HwFindAdapter inside or after DriverEntry, as the profile says', () => {
  for (const filterStart of ['beforePort', 'afterPort'] as const) {
    for (const findAdapter of ['insideInitialize', 'afterDriverEntry'] as const) {
      const order: string[] = []
      const crashed = crash({
        profile: { ...win10_19041, order: { filterStart, findAdapter } },
        filter: withCallbacks({ dumpStart: () => noted(order, 'filter') }),
        miniport: {
          ...storahci,
          load: (loaded) => (port, driverObject, registryPath) => {
            const miniport = bad(inFindAdapter(() => order.push('HwFindAdapter')))
            const status = miniport.load(loaded)(port, driverObject, registryPath)
            order.push('end of DriverEntry')
            return status
          },
        },
      })
      expect(writeDump(crashed.stack, PLAN).finalStatus).toBe(0)
      const port = ['HwFindAdapter', 'end of DriverEntry']
      if (findAdapter === 'afterDriverEntry') port.reverse()
      expect(order).toEqual(filterStart === 'beforePort' ? ['filter', ...port] : [...port, 'filter'])
    }
  }
})
