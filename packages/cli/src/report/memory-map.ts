// What each page of RAM is to a dump: promised, present, changed, missing. The promise and the changes come from the truth that the run kept,
// what is present from the dump file, and which pages differ from RAM at the crash from the findings of the examination.
import { endOfRuns, type PageRun, type Pfn, pfn } from '@dumpstack/bytes'
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

export interface MemoryMap {
  /** RAM, ascending. */
  readonly ram: readonly PageRun[]
  /** By PFN, the index of a state. */
  readonly states: Uint8Array
  readonly counts: Readonly<Record<PageState, number>>
}

const rank = (state: PageState): number => PAGE_STATES.indexOf(state)
const [OUTSIDE, PRESENT, UNPROMISED] = [rank('outside'), rank('present'), rank('unpromised')]

/** `different`: pages that the examination names. */
export function memoryMap(
  { truth, promised, changedByDumpPath, strayWrites }: Evidence,
  dump: DumpPages | null,
  different: readonly number[],
): MemoryMap {
  const states = new Uint8Array(endOfRuns(truth.runs))
  for (const run of promised.runs()) fill(states, run, rank('missing'))
  for (const run of dump === null ? [] : heldRuns(dump)) {
    const end = Math.min(run.basePage + run.pageCount, states.length)
    for (let page: number = run.basePage; page < end; page++)
      states[page] = states[page] === OUTSIDE ? UNPROMISED : PRESENT
  }
  const mark = (page: Pfn, state: PageState): void => {
    if (states[page] === PRESENT) states[page] = rank(state)
  }
  for (const { basePage } of changedByDumpPath.runs(1)) mark(basePage, 'changed')
  for (const { basePage } of strayWrites.runs(1)) mark(basePage, 'stray')
  for (const page of different) mark(pfn(page), 'different')

  const totals = new Float64Array(PAGE_STATES.length)
  for (const { basePage, pageCount } of truth.runs)
    for (let page = basePage as number; page < basePage + pageCount; page++) totals[states[page]!]!++
  const counts = Object.fromEntries(PAGE_STATES.map((state, index) => [state, totals[index]]))
  return { ram: truth.runs, states, counts: counts as MemoryMap['counts'] } // one for each state
}

const fill = (states: Uint8Array, { basePage, pageCount }: PageRun, state: number): Uint8Array =>
  states.fill(state, basePage, basePage + pageCount)

/** The pages that the file has whole: one that is cut off has lost its last ones. */
function* heldRuns(dump: DumpPages): Generator<PageRun> {
  for (const run of dump.pages?.runs() ?? []) {
    let { pageCount } = run
    while (pageCount > 0 && dump.pageOffset(pfn(run.basePage + pageCount - 1)) < 0) pageCount--
    if (pageCount > 0) yield { basePage: run.basePage, pageCount }
  }
}

export interface StateRun extends PageRun {
  readonly state: PageState
}

/** Runs of pages of one state, the most important states first, at most `limit`; and how many there are of these states in all. */
export function stateRuns({ ram, states }: MemoryMap, limit: number): { runs: StateRun[]; count: number } {
  const lists = PAGE_STATES.map((): StateRun[] => [])
  let count = 0
  for (const { basePage, pageCount } of ram) {
    const end = basePage + pageCount
    for (let page = basePage as number, next: number; page < end; page = next) {
      const state = states[page]!
      for (next = page + 1; next < end && states[next] === state; next++);
      count++
      const list = lists[state]!
      if (list.length < limit)
        list.push({ basePage: pfn(page), pageCount: next - page, state: PAGE_STATES[state]! })
    }
  }
  return {
    runs: lists
      .reverse()
      .flat()
      .slice(0, limit)
      .sort((a, b) => a.basePage - b.basePage),
    count,
  }
}
