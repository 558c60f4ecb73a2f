// The first walk: a full, a kernel and a mini dump of a healthy system, each page and block compared with RAM.
import { ahci, nvme, virtioBlk } from '@dumpstack/machine'
import type { WindowsTargetOptions } from '@dumpstack/windows/node'
import { afterAll, expect, it } from 'vitest'
import { newWalk, RAM_BYTES, removeFolders } from './walk.ts'
import { testSystem } from './whole-test.ts'

afterAll(removeFolders)

type Overrides = Partial<WindowsTargetOptions> & { readonly cpuCount: number }

it.each([
  ['512e', { cpuCount: 2 }],
  ['4Kn', { cpuCount: 1, logicalSectorBytes: 4096 }],
  ['nvme', { cpuCount: 2, controller: nvme }],
  ['4Kn nvme', { cpuCount: 1, logicalSectorBytes: 4096, controller: nvme }],
  ['virtio', { cpuCount: 2, controller: virtioBlk }],
  ['4Kn virtio', { cpuCount: 1, logicalSectorBytes: 4096, controller: virtioBlk }],
] satisfies [string, Overrides][])('all dumps pass on a %s disk', async (_, overrides: Overrides) => {
  const { verdict, events } = await testSystem(newWalk({}, overrides), ['full', 'kernel', 'mini'])
  const bad = events.filter((event) => event.kind === 'message' && event.level === 'x')
  expect(bad).toEqual([])
  expect(verdict).toBe('pass')

  const examined = events.filter((event) => event.kind === 'examined').map((event) => event.examination)
  expect(examined.map((one) => [one.type, one.dumpType])).toEqual([
    ['full', 5],
    ['kernel', 6],
    ['mini', 4],
  ])
  expect(examined[0]!.pagesInDump).toBe(RAM_BYTES / 4096)
  expect(examined[1]!.pagesInDump).toBeLessThan(examined[0]!.pagesInDump / 2)
  // One more is the secondary data that the crash driver left.
  const blocks = 5 + 13 + 3 * overrides.cpuCount - 1 + 1
  expect(examined[2]!.truth).toMatchObject({ unit: 'blocks', compared: blocks })
  for (const { truth, writtenBy, byteLength } of examined) {
    expect(truth).toMatchObject({ different: 0, missing: 0, extra: 0 })
    expect(truth?.changedByDumpPath).toBeLessThanOrEqual(256)
    expect(writtenBy).toEqual([
      { fileOffset: 0, byteLength, device: `${(overrides.controller ?? ahci).kind}0` },
    ])
  }
})
