// The map of the memory that a dump should hold: an area for each run of RAM, of cells that stand for as many pages each.
import { hex, type PageRun } from '@dumpstack/bytes'
import { comparedText, grouped } from '@dumpstack/crashtest'
import { drawn, type Html, html, NOTHING } from '../page/html.ts'
import { folded, table } from '../page/page.ts'
import { type MemoryMap, PAGE_STATES, type PageState } from './memory-map.ts'
import type { BlockFacts, DumpFacts } from './run-facts.ts'

const WORDS: Readonly<Record<PageState, string>> = {
  outside: 'not promised by this type of dump',
  present: 'promised and present',
  changed: 'present, changed by the dump path itself',
  unpromised: 'present and not promised',
  stray: 'changed after the crash, not by the dump path',
  different: 'different from RAM at the crash',
  missing: 'promised and missing',
}
/** In a cell of 10 units: what tells it from the others without its colour. */
const MARKS: Readonly<Record<PageState, string>> = {
  outside: '',
  present: '',
  changed: 'm4 5h2',
  unpromised: 'm2 5h6m-3-3v6',
  stray: 'm5 2l3 6h-6z',
  different: 'm2 8l6-6',
  missing: 'm2 2l6 6m0-6l-6 6',
}

const CELL = 10
const SQUARE = `M0 0h${CELL}v${CELL}h-${CELL}z`
const COLUMNS = 64

export function memoryFigure({ memory, examination }: DumpFacts): Html {
  if (memory.kind === 'unknown') return html`<p>${memory.why}</p>`
  const truth = examination?.truth ?? null
  const compared =
    truth === null ? NOTHING : html`<p>Compared with RAM at the crash: ${comparedText(truth)}.</p>`
  return html`${compared}${memory.kind === 'pages' ? pageMap(memory.map) : blockTable(memory.blocks)}`
}

function pageMap({ ram, counts, runs, runCount, pagesPerCell, areas }: MemoryMap): Html {
  const used = PAGE_STATES.filter((state) => counts[state] > 0)
  const hidden = ram.length - areas.length
  const rows = runs.map(({ basePage, pageCount, state }) => [
    html`<code>${hex(basePage)}</code>`,
    html`<code>${hex(basePage + pageCount - 1)}</code>`,
    pageCount,
    WORDS[state],
  ])
  return html`<figure>
${areas.map((cells, index) => area(ram[index]!, cells))}
${hidden > 0 ? html`<p class="note">${hidden} more runs of RAM are not drawn.</p>` : ''}
<ul class="legend">${used.map(
    (state) =>
      html`<li><svg viewBox="0 0 ${CELL} ${CELL}" aria-hidden="true">${drawn(`cell-${state}`, SQUARE)}${drawn('mark', `M0 0${MARKS[state]}`)}</svg><span>${WORDS[state]}: ${pagesText(counts[state])}</span></li>`,
  )}</ul>
<figcaption>Each cell stands for ${pagesText(pagesPerCell)}, from left to right and from top to bottom, and shows the most important state of its pages. Holes between the runs of RAM are left out.</figcaption>
</figure>
${folded(
  `Runs of pages (${grouped(runCount)})`,
  table(
    'Runs of pages in one state, by page frame number',
    ['First PFN', 'Last PFN', 'Pages', 'State'],
    rows,
    runCount,
  ),
)}`
}

const pagesText = (count: number): string => `${grouped(count)} ${count === 1 ? 'page' : 'pages'}`

/** One path for each state, with its cells that follow each other in a row as one. */
function area({ basePage, pageCount }: PageRun, cells: Uint8Array): Html {
  const paths = PAGE_STATES.map((state, index) => {
    let [fills, marks] = ['', '']
    for (let cell = 0, next: number; cell < cells.length; cell = next) {
      next = cell + 1
      if (cells[cell] !== index) continue
      const [x, y] = [(cell % COLUMNS) * CELL, Math.floor(cell / COLUMNS) * CELL]
      if (MARKS[state] !== '') marks += `M${x} ${y}${MARKS[state]}`
      while (cells[next] === index && next % COLUMNS !== 0) {
        if (MARKS[state] !== '') marks += `M${(next % COLUMNS) * CELL} ${y}${MARKS[state]}`
        next++
      }
      fills += `M${x} ${y}h${(next - cell) * CELL}v${CELL}h-${(next - cell) * CELL}z`
    }
    if (fills === '') return NOTHING
    return html`${drawn(`cell-${state}`, fills)}${marks === '' ? NOTHING : drawn('mark', marks)}`
  })
  const height = Math.ceil(cells.length / COLUMNS) * CELL
  const label = `RAM of PFN ${hex(basePage)} to ${hex(basePage + pageCount - 1)}, ${pagesText(pageCount)}`
  return html`<p class="note">${label}</p>
<svg class="map" viewBox="0 0 ${COLUMNS * CELL} ${height}" role="img" aria-label="Map of ${label}">${paths}${drawn('grid', gridOf(height))}</svg>
`
}

function gridOf(height: number): string {
  let lines = ''
  for (let x = CELL; x < COLUMNS * CELL; x += CELL) lines += `M${x} 0v${height}`
  for (let y = CELL; y < height; y += CELL) lines += `M0 ${y}h${COLUMNS * CELL}`
  return lines
}

function blockTable(blocks: readonly BlockFacts[]): Html {
  const rows = blocks.map(({ block, isPresent }) => [
    block.what,
    html`<code>${hex(block.address)}</code>`,
    block.byteLength,
    block.tag === undefined ? 'at its address' : 'as secondary data',
    isPresent ? 'present' : html`<span class="badge fail">missing</span>`,
  ])
  const missing = blocks.filter(({ isPresent }) => !isPresent).length
  const caption = `Memory that a mini dump promises: ${blocks.length} blocks, ${missing === 0 ? 'all present' : `${missing} missing`}`
  return table(caption, ['Block', 'Address', 'Bytes', 'Kept', 'In the dump'], rows)
}
