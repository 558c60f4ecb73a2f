// Each thing that can go wrong leaves its own files, registry values and events behind.
import { openDump, readModules } from '@dumpstack/dumpfile'
import { afterAll, expect, it } from 'vitest'
import { eventIds, openHresult, removeFolders, sleepMinutes, walkThroughCrash } from './walk.ts'

const FILE_NOT_FOUND = 0x80070002
const SHARING_VIOLATION = 0x80070020

afterAll(removeFolders)

// covers: KIT-57, KIT-73, KIT-83
it('a healthy crash leaves MEMORY.DMP, MachineCrash and the events of a written and reported dump', async () => {
  const walk = await walkThroughCrash({}, 'kernel')
  expect(walk.report).toMatchObject({ finalStatus: 0, violations: [], shown: { code: 0xe2 } })
  expect(walk.report.screen.at(-1)).toContain('100')
  expect(await openHresult(walk)).toBe(0)
  expect(await eventIds(walk)).toEqual([162, 41, 6008, 1001])
  expect((await walk.target.evidence()).machineCrash?.dumpFile).toMatch(/^C:\\DUMP[0-9a-f]{4}\.tmp$/)
  walk.target.close()
})

it('a mini dump goes to the Minidump folder, named by day and ticks, and event 1001 names it', async () => {
  const walk = await walkThroughCrash({}, 'mini')
  expect(await openHresult(walk)).toBe(0)
  const path = walk.target.dumpPath()
  expect(path).toMatch(/^C:\\Windows\\Minidump\\010124-\d+-01\.dmp$/)
  const { events, promisedBlocks } = await walk.target.evidence()
  expect(events.map((event) => event.id)).toEqual([162, 41, 6008, 1001])
  expect(events.at(-1)?.fields['param2']).toBe(path)
  expect(promisedBlocks.map(({ what }) => what)).toContain('KPRCB of processor 1')
  expect(await walk.target.keepDump('mini')).toBe(`${walk.folder}/mini/${path.split('\\').at(-1)}`)
  walk.target.close()
})

it('a mini dump that is never written is looked for by its folder', async () => {
  const walk = await walkThroughCrash({ dumpNeverWritten: true }, 'mini')
  expect(await openHresult(walk)).toBe(FILE_NOT_FOUND)
  expect(walk.target.dumpPath()).toBe('C:\\Windows\\Minidump\\*.dmp')
  expect(await walk.target.keepDump('mini')).toBeNull()
  walk.target.close()
})

it('a dump that is never written leaves no MachineCrash and no 1001, but 161', async () => {
  const walk = await walkThroughCrash({ dumpNeverWritten: true }, 'kernel')
  expect(walk.report.finalStatus).not.toBe(0)
  expect(walk.report.shown.code).toBe(0xe2)
  expect(await openHresult(walk)).toBe(FILE_NOT_FOUND)
  expect((await eventIds(walk)).toSorted((a, b) => a - b)).toEqual([41, 161, 6008])
  expect((await walk.target.evidence()).machineCrash).toBeUndefined()
  walk.target.close()
})

// covers: KIT-62
it('a copy that lasts is locked, and free after its time', async () => {
  const walk = await walkThroughCrash({ copyLockedMs: 4 * 60_000 }, 'kernel')
  expect(await openHresult(walk)).toBe(SHARING_VIOLATION)
  expect(await eventIds(walk)).not.toContain(1001)
  await sleepMinutes(walk, 5)
  expect(await openHresult(walk)).toBe(0)
  expect(await eventIds(walk)).toContain(1001)
  walk.target.close()
})

// covers: KIT-69, KIT-73
it('a copy that fails is locked, then gone, and MachineCrash names the temporary file', async () => {
  const walk = await walkThroughCrash({ copyLockedMs: 4 * 60_000, copyFails: true }, 'kernel')
  expect(await openHresult(walk)).toBe(SHARING_VIOLATION)
  await sleepMinutes(walk, 5)
  expect(await openHresult(walk)).toBe(FILE_NOT_FOUND)
  expect(await eventIds(walk)).toEqual([162, 41, 6008])
  expect((await walk.target.evidence()).machineCrash?.dumpFile).toMatch(/\.tmp$/)
  walk.target.close()
})

it('a miniport that faults before the header shows another bugcheck and leaves no dump', async () => {
  const walk = await walkThroughCrash({ miniportFault: 'beforeHeader' }, 'kernel')
  expect(walk.report.shown.code).not.toBe(0xe2)
  expect(walk.report.screen.join('\n')).not.toContain('MANUALLY_INITIATED_CRASH')
  expect(walk.report.violations.at(-1)?.driver).toContain('storahci')
  expect(walk.report.violations.at(-1)?.offset).toMatch(/^0x/)
  expect(await openHresult(walk)).toBe(FILE_NOT_FOUND)
  expect(await eventIds(walk)).toEqual([161, 41, 6008])
  walk.target.close()
})

it('a miniport that faults mid-body shows another bugcheck and leaves a dump that is not whole', async () => {
  const walk = await walkThroughCrash({ miniportFault: 'midBody' }, 'kernel')
  expect(walk.report.shown.code).not.toBe(0xe2)
  expect(walk.report.bytesWritten).toBeGreaterThan(0)
  const { writtenBy } = await walk.target.evidence()
  expect(writtenBy.some((range) => range.device === 'none')).toBe(true)
  expect(await eventIds(walk)).toContain(161)
  walk.target.close()
})

it('little free space is what the volume has', async () => {
  const walk = await walkThroughCrash({ freeBytesOnC: 19 * 1024 ** 3 }, 'kernel')
  expect(walk.target.describe().freeBytesOnC).toBeLessThan(19 * 1024 ** 3)
  walk.target.close()
})

it('a stale dump cannot be deleted and no new one replaces it', async () => {
  const walk = await walkThroughCrash({ staleDump: true }, 'kernel')
  const opened = await walk.target.openDump()
  expect(opened.modifiedAt).toBeLessThan(walk.report.crashedAt)
  opened.source.close?.()
  expect(await eventIds(walk)).not.toContain(1001)
  expect(await walk.target.configure('full', new AbortController().signal)).toEqual({
    oldDumpsDeleted: false,
  })
  walk.target.close()
})

it('a dump stack on another controller writes the same bytes, and the DMA log tells', async () => {
  const walk = await walkThroughCrash({ otherController: true }, 'kernel')
  const { controller, writtenBy } = await walk.target.evidence()
  expect(controller).toBe('ahci0')
  expect([...new Set(writtenBy.map((range) => range.device))]).toEqual(['ahci1'])
  const { source } = await walk.target.openDump()
  const names = readModules(openDump(source)).loaded.map((module) => module.baseName)
  expect(names.filter((name) => name === 'storahci.sys')).toHaveLength(1)
  source.close?.()
  walk.target.close()
})
