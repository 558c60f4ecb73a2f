// What each page of RAM is to a dump: promised, present, changed, missing. The promise and the changes come from the truth that the run kept,
// what is present from the dump file, and which pages differ from RAM at the crash from the findings of the examination.
import { endOfRuns, type PageRun, type Pfn, pagesInRuns, pfn } from '@dumpstack/bytes'
import type { DumpPages } from '@dumpstack/crashtest'
import type { Evidence } from '@dumpstack/target'

/** From what is least to what is most important: a part of the map shows the last of those that its pages have. */
export const PAGE_STATES = [
  'outside',
  'present',
  'changed',
  'unpromised',
  'stray',
  'different',
  'missing',
] as const
export type PageState = (typeof PAGE_STATES)[number]

export interface StateRun extends PageRun {
  readonly state: PageState
}

export interface MemoryMap {
  /** RAM, ascending. */
  readonly ram: readonly PageRun[]
  readonly counts: Readonly<Record<PageState, number>>
  /** Runs of pages in one state, ascending; where there are too many, those of the most important states. */
  readonly runs: readonly StateRun[]
  readonly runCount: number
  readonly pagesPerCell: number
  /** Of the first runs of RAM, the index of a state for each cell. */
  readonly areas: readonly Uint8Array[]
}

export const MAX_STATE_RUNS = 200
const MAX_CELLS = 1024
const MAX_AREAS = 16

const rank = (state: PageState): number => PAGE_STATES.indexOf(state)
const [OUTSIDE, PRESENT, UNPROMISED] = [rank('outside'), rank('present'), rank('unpromised')]
const MISSING = rank('missing')

/** `different`: pages that the examination names. */
export function memoryMap(
  { truth, promised, changedByDumpPath, strayWrites }: Evidence,
  dump: DumpPages | null,
  different: readonly number[],
): MemoryMap {
  const states = new Uint8Array(endOfRuns(truth.runs))
  for (const { basePage, pageCount } of dump === null ? [] : heldRuns(dump))
    states.fill(UNPROMISED, basePage, basePage + pageCount)
  for (const { basePage, pageCount } of promised.runs()) {
    const run = states.subarray(basePage, basePage + pageCount)
    if (!run.includes(OUTSIDE)) run.fill(PRESENT)
    else for (let page = 0; page < pageCount; page++) run[page] = run[page] === OUTSIDE ? MISSING : PRESENT
  }
  const mark = (page: Pfn, state: PageState): void => {
    if (states[page] === PRESENT) states[page] = rank(state)
  }
  for (const { basePage } of changedByDumpPath.runs(1)) mark(basePage, 'changed')
  for (const { basePage } of strayWrites.runs(1)) mark(basePage, 'stray')
  for (const page of different) mark(pfn(page), 'different')
  return mapOfStates(truth.runs, states)
}

/** `states`: by PFN, the index of a state. */
export function mapOfStates(ram: readonly PageRun[], states: Uint8Array): MemoryMap {
  const pagesPerCell = 2 ** Math.max(0, Math.ceil(Math.log2(pagesInRuns(ram) / MAX_CELLS)))
  const totals = new Float64Array(PAGE_STATES.length)
  const lists = PAGE_STATES.map((): StateRun[] => [])
  const areas: Uint8Array[] = []
  let runCount = 0
  for (const { basePage, pageCount } of ram) {
    const end = basePage + pageCount
    const cells = new Uint8Array(areas.length < MAX_AREAS ? Math.ceil(pageCount / pagesPerCell) : 0)
    for (let page: number = basePage, next: number; page < end; page = next) {
      const state = states[page]!
      for (next = page + 1; next < end && states[next] === state; next++);
      totals[state]! += next - page
      runCount++
      const list = lists[state]!
      if (list.length < MAX_STATE_RUNS)
        list.push({ basePage: pfn(page), pageCount: next - page, state: PAGE_STATES[state]! })
      const lastCell = Math.floor((next - 1 - basePage) / pagesPerCell)
      for (let cell = Math.floor((page - basePage) / pagesPerCell); cell <= lastCell; cell++)
        if (state > cells[cell]!) cells[cell] = state
    }
    if (areas.length < MAX_AREAS) areas.push(cells)
  }
  const counts = Object.fromEntries(PAGE_STATES.map((state, index) => [state, totals[index]]))
  return {
    ram,
    counts: counts as MemoryMap['counts'], // one for each state
    runs: lists
      .reverse()
      .flat()
      .slice(0, MAX_STATE_RUNS)
      .sort((a, b) => a.basePage - b.basePage),
    runCount,
    pagesPerCell,
    areas,
  }
}

/** The pages that the file has whole: one that is cut off has lost its last ones. */
function* heldRuns(dump: DumpPages): Generator<PageRun> {
  for (const run of dump.pages?.runs() ?? []) {
    let { pageCount } = run
    while (pageCount > 0 && dump.pageOffset(pfn(run.basePage + pageCount - 1)) < 0) pageCount--
    if (pageCount > 0) yield { basePage: run.basePage, pageCount }
  }
}
