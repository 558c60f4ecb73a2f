import { PageSet, type PhysicalSpace, pfn } from '@dumpstack/bytes'
import type { Evidence } from '@dumpstack/target'
import { expect, it } from 'vitest'
import { memoryMap, stateRuns } from './memory-map.ts'

const set = (...pages: readonly number[]): PageSet => {
  const made = new PageSet(64)
  for (const page of pages) made.add(pfn(page))
  return made
}
const run = (basePage: number, pageCount: number) => ({ basePage: pfn(basePage), pageCount })
const truth: PhysicalSpace = { runs: [run(1, 4), run(10, 10)], read: () => 0 }

/** Pages 2 to 4 and 10 to 17 are promised, 16 and 17 are cut off in the file. */
const evidence: Evidence = {
  truth,
  seed: 1,
  used: set(),
  promised: set(2, 3, 4, 10, 11, 12, 13, 14, 15, 16, 17),
  promisedBlocks: [],
  changedByDumpPath: set(1, 11),
  strayWrites: set(12),
  bugcheck: { code: 0xe2, parameters: [0n, 0n, 0n, 0n] },
  images: [],
  systemImages: [],
  controller: 'ahci0',
  writtenBy: [],
  events: [],
  directoryTableBase: 0 as Evidence['directoryTableBase'], // no page table is read
  dumpType: 5,
}
const held = set(2, 3, 10, 11, 12, 13, 14, 15, 16, 17, 19, 50)
const dump = {
  pages: held,
  firstPageOffset: 0,
  pageOffset: (page: number) =>
    held.has(pfn(page)) && page < 16 ? held.rank(pfn(page)) * 4096 : page < 18 ? -1 : 1,
}

it('gives each page of RAM one state, by promise, dump, changes and findings', () => {
  const map = memoryMap(evidence, dump, [13, 4, 40])
  expect(map.counts).toEqual({
    outside: 2,
    present: 5,
    changed: 1,
    unpromised: 1,
    stray: 1,
    different: 1,
    missing: 3,
  })
  expect(stateRuns(map, 100)).toEqual({
    count: 11,
    runs: [
      { ...run(1, 1), state: 'outside' },
      { ...run(2, 2), state: 'present' },
      { ...run(4, 1), state: 'missing' },
      { ...run(10, 1), state: 'present' },
      { ...run(11, 1), state: 'changed' },
      { ...run(12, 1), state: 'stray' },
      { ...run(13, 1), state: 'different' },
      { ...run(14, 2), state: 'present' },
      { ...run(16, 2), state: 'missing' },
      { ...run(18, 1), state: 'outside' },
      { ...run(19, 1), state: 'unpromised' },
    ],
  })
})

it('names the worst runs where there is no room for all', () => {
  const { runs, count } = stateRuns(memoryMap(evidence, dump, [13]), 3)
  expect(count).toBe(11)
  expect(runs.map(({ state }) => state)).toEqual(['missing', 'different', 'missing'])
})

it('has all that is promised missing where there is no dump', () => {
  expect(memoryMap(evidence, null, []).counts).toMatchObject({ missing: 11, outside: 3, present: 0 })
})
