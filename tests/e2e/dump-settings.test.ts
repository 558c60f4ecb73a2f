// What the settings of the system make of a crash: no page file, one that is too small, a dump that is not kept.
import { afterAll, expect, it } from 'vitest'
import {
  crash,
  eventIds,
  MIB,
  newWalk,
  openHresult,
  prepare,
  RAM_BYTES,
  removeFolders,
  restart,
} from './walk.ts'

const FILE_NOT_FOUND = 0x80070002
const NEVER_STARTED = 0xffffffff
afterAll(removeFolders)

// covers: KIT-46
it('a page file below RAM + 1 MB is reported by event 49, and the crash writes nothing', async () => {
  const walk = newWalk({}, { pageFileBytes: RAM_BYTES + MIB - 4096 })
  await prepare(walk)
  const report = await crash(walk, 'full')
  expect([report.finalStatus, report.bytesWritten]).toEqual([NEVER_STARTED, 0])
  await restart(walk)
  expect(await openHresult(walk)).toBe(FILE_NOT_FOUND)
  expect(await eventIds(walk)).toEqual([49, 49, 41, 6008])
  const { events, machineCrash } = await walk.target.evidence()
  expect(events.find((event) => event.id === 41)?.fields['BugcheckCode']).toBe('0')
  expect(machineCrash).toBeUndefined()
  await expect(walk.target.keepDisk()).rejects.toThrow('system has restarted since it crashed')
  walk.target.close()
})

it('the same page file is enough for a kernel dump', async () => {
  const walk = newWalk({}, { pageFileBytes: RAM_BYTES + MIB - 4096 })
  await prepare(walk)
  expect((await crash(walk, 'kernel')).finalStatus).toBe(0)
  walk.target.close()
})

it('a mini dump needs a page file of 2 MB', async () => {
  const enough = newWalk({}, { pageFileBytes: 2 * MIB })
  await prepare(enough)
  expect((await crash(enough, 'mini')).finalStatus).toBe(0)
  enough.target.close()
  const tooSmall = newWalk({}, { pageFileBytes: 2 * MIB - 4096 })
  await prepare(tooSmall)
  expect((await crash(tooSmall, 'mini')).finalStatus).toBe(NEVER_STARTED)
  tooSmall.target.close()
})

it('without a page file the stack is loaded once and unloaded, and event 46 says so at each start', async () => {
  const walk = newWalk({}, { pageFileBytes: 4096 })
  await prepare(walk)
  const { stack } = walk.target.describe()
  const states = stack.filter((row) => row.baseName.startsWith('dump_')).map((row) => row.state)
  expect(states).toEqual(['unloaded', 'unloaded', 'unloaded'])
  expect((await crash(walk, 'kernel')).finalStatus).toBe(NEVER_STARTED)
  await restart(walk)
  expect(await eventIds(walk)).toEqual([46, 46, 41, 6008])
  walk.target.close()
})

// covers: KIT-72
it.each([
  ['a client', {}, false],
  ['a client that is to keep it', { alwaysKeepMemoryDump: true }, true],
  ['a member of a domain', { isDomainMember: true }, true],
  ['a server', { productType: 'Server' }, true],
] as const)(
  'with less than 25 GB free %s reports a dump, and keeps it: %j, %s',
  async (_, product, isKept) => {
    const walk = newWalk({ freeBytesOnC: 24 * 1024 * MIB, ...product })
    await prepare(walk)
    await crash(walk, 'kernel')
    await restart(walk)
    expect((await eventIds(walk)).slice(-1)).toEqual([isKept ? 1001 : 1018])
    expect(await openHresult(walk)).toBe(isKept ? 0 : FILE_NOT_FOUND)
    if (isKept) {
      const { source } = await walk.target.openDump()
      const header = new Uint8Array(4)
      source.read(0x1040, header) // DUMP_HEADER64.ProductType
      expect(header[0]).toBe('productType' in product ? 3 : 1)
      source.close?.()
    }
    walk.target.close()
  },
)

it('a page file that the disk cannot hold is refused before anything is made of it', () => {
  expect(() => newWalk({}, { pageFileBytes: 65 * 1024 * MIB })).toThrow(
    `page file of ${65 * 1024 * MIB} bytes does not fit C: with`,
  )
})
