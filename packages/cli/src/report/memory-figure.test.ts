import { gva, type PageRun, pagesInRuns, pfn } from '@dumpstack/bytes'
import { describe, expect, it } from 'vitest'
import { memoryFigure } from './memory-figure.ts'
import { type MemoryMap, mapOfStates, PAGE_STATES, type PageState } from './memory-map.ts'
import type { MemoryFacts } from './run-facts.ts'

const figure = (memory: MemoryFacts): string =>
  memoryFigure({
    variant: null,
    type: 'full',
    crash: null,
    examination: null,
    findings: [],
    events: [],
    memory,
    writes: null,
  }).text

const mapOf = (ram: readonly PageRun[], stateOf: (page: number) => PageState): MemoryMap => {
  const { basePage, pageCount } = ram.at(-1)!
  const stateAt = (_: unknown, page: number): number => PAGE_STATES.indexOf(stateOf(page))
  return mapOfStates(ram, Uint8Array.from({ length: basePage + pageCount }, stateAt))
}
const run = (basePage: number, pageCount: number): PageRun => ({ basePage: pfn(basePage), pageCount })

describe('a map of pages', () => {
  it('shows a missing page among thousands, by shape and in words', () => {
    const ram = [run(0x100, 4096)]
    const text = figure({
      kind: 'pages',
      map: mapOf(ram, (page) => (page === 0x100 + 777 ? 'missing' : 'present')),
    })
    // 4 pages a cell: page 777 is in cell 194, column 2 of row 3
    expect(text).toContain('<path class="cell-missing" d="M20 30h10v10h-10z"/>')
    expect(text).toContain('<path class="mark" d="M20 30m2 2l6 6m0-6l-6 6"/>')
    expect(text).toContain('promised and missing: 1 page<')
    expect(text).toContain('promised and present: 4,095 pages<')
    expect(text).toContain('Each cell stands for 4 pages')
    expect(text).toContain('aria-label="Map of RAM of PFN 0x100 to 0x10ff, 4,096 pages"')
    expect(text).toContain('Runs of pages (3)')
  })

  it('is bounded for memory of any size and in any pieces', () => {
    const states: readonly PageState[] = ['present', 'missing']
    const ram = Array.from({ length: 2000 }, (_, index) => run(index * 1024, 512))
    const map = mapOf(ram, (page) => states[page % 2]!)
    expect(pagesInRuns(ram)).toBe(1_024_000)
    const text = figure({ kind: 'pages', map })
    expect(text.length).toBeLessThan(100_000)
    expect(text).toContain('1984 more runs of RAM are not drawn.')
    expect(text).toContain('1023800 more rows are not shown.')
  })
})

it('lists the blocks of a mini dump, and which are not there', () => {
  const block = { what: 'KPRCB <0>', address: gva(0xfffff803_00000000n), byteLength: 0x700 }
  const text = figure({
    kind: 'blocks',
    blocks: [
      { block, isPresent: true },
      { block: { ...block, tag: 'guid' }, isPresent: false },
    ],
  })
  expect(text).toContain('2 blocks, 1 missing')
  expect(text).toMatch(
    /KPRCB &lt;0&gt;<\/th><td><code>0xfffff80300000000<\/code><\/td><td class="number">1,792<\/td>/,
  )
  expect(text).toContain('<span class="badge fail">missing</span>')
})
