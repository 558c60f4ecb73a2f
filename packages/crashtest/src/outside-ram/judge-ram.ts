// What the comparison with RAM from outside comes to. It fails on proof only: a page that the file lacks, bytes that are the RAM of another
// page, a page that nothing could have changed. Where Windows may have written since, it is inconclusive, and says whose the page is.
import { hex, type PageRun, pagesInRuns } from '@dumpstack/bytes'
import type { Dump } from '@dumpstack/dumpfile'
import { andMore, counted, fail, type Judgement, pass } from '../checks/check.ts'
import { type DumpPages, differencePlace, differenceText } from '../compare-pages.ts'
import { FIRST_NAMED, placeOf } from '../compare-truth.ts'
import type { NamedJudgement } from '../debug-dump.ts'
import type { OwnedPage, RamComparison } from './compare-ram.ts'
import type { ShiftedRun } from './shifted-pages.ts'

/** One page may be a copy that Windows made; two at one distance are no accident. */
const MIN_SHIFTED_PAGES = 2

export const judgeRam = (dump: Dump, isFull: boolean, comparison: RamComparison): NamedJudgement[] => [
  ['promisedPages', judgeMissing(dump, isFull, comparison)],
  ['unpromisedPages', judgeExtra(comparison)],
  ['truth', judgeTruth(comparison)],
]

function judgeMissing(
  dump: DumpPages,
  isFull: boolean,
  { cutOff, lacking, count }: RamComparison,
): Judgement {
  const named = [
    ...(lacking ?? []).map((run) => ({ ...placed(run), where: 'has no place in the dump' })),
    ...cutOff.map((run) => {
      const fileOffset = placeOf(dump, run.basePage)
      return {
        ...placed(run),
        fileOffset,
        where: `belongs at file offset ${hex(fileOffset)}, past the end of the file`,
      }
    }),
  ]
  const held = counted(dump.pages?.size ?? 0, 'page')
  if (named.length > 0) {
    const shown = named.slice(0, FIRST_NAMED)
    const promised = lacking === null ? 'that the dump names' : 'that Windows takes for RAM'
    return fail(
      `${counted(count.missing, 'page')} ${promised} missing: ${shown.map(({ text, where }) => `${text} ${where}`).join('; ')}${andMore(named.length, shown.length)}`,
      shown.map(({ text: _, where: __, ...place }) => place),
    )
  }
  if (lacking !== null) return pass(`all pages of nt!MmPhysicalMemoryBlock are in the dump of ${held}`)
  if (isFull) {
    const message = 'not judged whether a page is missing: nt!MmPhysicalMemoryBlock cannot be read'
    return { verdict: 'inconclusive', message }
  }
  return pass(
    `${held}, all that the dump names, are in the file; not judged: whether it names all that a kernel dump holds`,
  )
}

function judgeExtra({ outside, unlisted }: RamComparison): Judgement {
  const remark =
    unlisted.length === 0
      ? ''
      : `; ${counted(pagesInRuns(unlisted), 'page')} more than nt!MmPhysicalMemoryBlock lists, which a driver may add: ${runsText(unlisted)}`
  if (outside.length === 0) return pass(`the RAM holds every page of the dump${remark}`)
  return {
    verdict: 'inconclusive',
    message: `${counted(pagesInRuns(outside), 'page')} of the dump not compared, the RAM does not hold them: ${runsText(outside)}${remark}`,
    places: outside.slice(0, FIRST_NAMED).map(({ basePage }) => ({ pfn: basePage })),
  }
}

function judgeTruth({ count, changed, different, shifted }: RamComparison): Judgement {
  if (count.different === 0) {
    const others = changed.length === 0 ? '' : `, ${changed.length} written by Windows meanwhile`
    return pass(`${counted(count.compared, 'page')} compared with the RAM: ${count.equal} equal${others}`)
  }
  const runs = shifted.filter(({ pageCount }) => pageCount >= MIN_SHIFTED_PAGES)
  const isProved = runs.length > 0 || different.some(({ isProof }) => isProof)
  const first = [...different].sort((a, b) => Number(b.isProof) - Number(a.isProof)).slice(0, FIRST_NAMED)
  const named = [...runs.map(shiftText), ...first.map(pageText)]
  const differ = count.different === 1 ? 'differs' : 'differ'
  const unproved = isProved ? '' : ', all of which Windows may have written meanwhile'
  return {
    verdict: isProved ? 'fail' : 'inconclusive',
    message: `${counted(count.different, 'page')} of ${count.compared} compared ${differ} from the RAM${unproved}: ${named.join('; ')}${andMore(count.different, first.length)}`,
    places: first.map(differencePlace),
  }
}

const pageText = (page: OwnedPage): string => `${differenceText(page)}, ${page.owner.what}`

function shiftText({ first, last, pageCount, by }: ShiftedRun): string {
  const distance = `${counted(Math.abs(by), 'page')} ${by > 0 ? 'further on' : 'before'}`
  return `${counted(pageCount, 'page')} from pfn ${hex(first)} to ${hex(last)} hold the RAM of pfn ${hex(first + by)} to ${hex(last + by)}, ${distance}: shifted`
}

/** Whose the pages are that changed: `3 of dump_storahci.sys (pfn 0x1200, ...)`. */
export function changedText(changed: readonly OwnedPage[]): string {
  const owners = new Map<string, OwnedPage[]>()
  for (const page of changed) {
    const pages = owners.get(page.owner.what)
    if (pages === undefined) owners.set(page.owner.what, [page])
    else pages.push(page)
  }
  const named = [...owners].map(
    ([what, pages]) =>
      `${what} (pfn ${pages
        .slice(0, 4)
        .map(({ pfn }) => hex(pfn))
        .join(', ')}${andMore(pages.length, 4)})`,
  )
  return `${counted(changed.length, 'page')} written by Windows between the crash and the RAM: ${named.slice(0, FIRST_NAMED).join(', ')}${andMore(named.length, FIRST_NAMED)}`
}

const placed = (run: PageRun) => ({ pfn: run.basePage, text: runText(run) })

const runText = ({ basePage, pageCount }: PageRun): string =>
  pageCount === 1
    ? `pfn ${hex(basePage)}`
    : `pfn ${hex(basePage)} to ${hex(basePage + pageCount - 1)} (${pageCount} pages)`

const runsText = (runs: readonly PageRun[]): string =>
  `${runs.slice(0, FIRST_NAMED).map(runText).join('; ')}${andMore(runs.length, FIRST_NAMED)}`
