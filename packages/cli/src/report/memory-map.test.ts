import { PageSet, type PhysicalSpace, pfn } from '@dumpstack/bytes'
import type { Evidence } from '@dumpstack/target'
import { expect, it } from 'vitest'
import { MAX_STATE_RUNS, mapOfStates, memoryMap, PAGE_STATES } from './memory-map.ts'

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
  expect(map.runCount).toBe(11)
  expect(map.runs).toEqual([
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
  ])
  expect(map.pagesPerCell).toBe(1)
  expect(map.areas.map((cells) => Array.from(cells, (cell) => PAGE_STATES[cell]))).toEqual([
    ['outside', 'present', 'present', 'missing'],
    [
      'present',
      'changed',
      'stray',
      'different',
      'present',
      'present',
      'missing',
      'missing',
      'outside',
      'unpromised',
    ],
  ])
})

it('names the most important runs where there is no room for all', () => {
  const missing = PAGE_STATES.indexOf('missing')
  const states = Uint8Array.from({ length: 5000 }, (_, page) => (page % 100 === 99 ? missing : page % 2))
  const { runs, runCount } = mapOfStates([run(0, 5000)], states)
  expect(runCount).toBe(4999 + 1)
  expect(runs).toHaveLength(MAX_STATE_RUNS)
  expect(runs.filter(({ state }) => state === 'missing')).toHaveLength(50)
  expect(runs.filter(({ state }) => state === 'outside')).toHaveLength(0)
  expect(runs.map(({ basePage }) => basePage)).toEqual(
    runs.map(({ basePage }) => basePage).sort((a, b) => a - b),
  )
})

it('has all that is promised missing where there is no dump', () => {
  expect(memoryMap(evidence, null, []).counts).toMatchObject({ missing: 11, outside: 3, present: 0 })
})
