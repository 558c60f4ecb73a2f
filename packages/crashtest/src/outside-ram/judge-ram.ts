// What the comparison with RAM from outside comes to. It fails on proof only: a page that the file lacks, bytes that are the RAM of another
// page, a page that nothing could have changed. Where Windows may have written since, it is inconclusive, and says whose the page is.
import { hex, type PageRun } from '@dumpstack/bytes'
import type { Dump } from '@dumpstack/dumpfile'
import { andMore, counted, fail, type Judgement, pass } from '../checks/check.ts'
import { type DumpPages, differencePlace, differenceText } from '../compare-pages.ts'
import { FIRST_NAMED, placeOf } from '../compare-truth.ts'
import type { NamedJudgement } from '../debug-dump.ts'
import type { OwnedPage, RamComparison } from './compare-ram.ts'
import type { RunList } from './page-runs.ts'
import type { ShiftedRun } from './shifted-pages.ts'

/** One page may be a copy that Windows made; two at one distance are no accident. */
const MIN_SHIFTED_PAGES = 2

export const judgeRam = (dump: Dump, isFull: boolean, comparison: RamComparison): NamedJudgement[] => [
  ['promisedPages', judgeMissing(dump, isFull, comparison)],
  ['unpromisedPages', judgeExtra(comparison)],
  ['truth', judgeTruth(comparison)],
]

function judgeMissing(dump: DumpPages, isFull: boolean, { cutOff, lacking }: RamComparison): Judgement {
  const held = counted(dump.pages?.size ?? 0, 'page')
  if (cutOff.pageCount > 0) {
    const shown = cutOff.first.map((run) => ({ run, fileOffset: placeOf(dump, run.basePage) }))
    const named = shown.map(
      ({ run, fileOffset }) => `${runText(run)} belongs at file offset ${hex(fileOffset)}`,
    )
    return fail(
      `${cutOff.pageCount} of ${held} missing at the end of the file: ${named.join('; ')}${andMore(cutOff.runCount, shown.length)}`,
      shown.map(({ run, fileOffset }) => ({ pfn: run.basePage, fileOffset })),
    )
  }
  if (lacking === null) {
    const message = 'not judged whether a page is missing: nt!MmPhysicalMemoryBlock cannot be read'
    if (isFull) return { verdict: 'inconclusive', message }
    return pass(
      `${held}, all that the dump names, are in the file; not judged: whether it names all that a kernel dump holds`,
    )
  }
  if (lacking.pageCount === 0) return pass(`all pages of nt!MmPhysicalMemoryBlock are in the dump of ${held}`)
  return {
    verdict: 'inconclusive',
    message: `${counted(lacking.pageCount, 'page')} that Windows takes for RAM missing, unless a driver had them removed: ${runsText(lacking)}`,
    places: lacking.first.map(({ basePage }) => ({ pfn: basePage })),
  }
}

function judgeExtra({ outside, unlisted }: RamComparison): Judgement {
  const remark =
    unlisted.pageCount === 0
      ? ''
      : `; ${counted(unlisted.pageCount, 'page')} more than nt!MmPhysicalMemoryBlock lists, which a driver may add: ${runsText(unlisted)}`
  if (outside.pageCount === 0) return pass(`the RAM holds every page of the dump${remark}`)
  return {
    verdict: 'inconclusive',
    message: `${counted(outside.pageCount, 'page')} of the dump not compared, the RAM does not hold them: ${runsText(outside)}${remark}`,
    places: outside.first.map(({ basePage }) => ({ pfn: basePage })),
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

const runText = ({ basePage, pageCount }: PageRun): string =>
  pageCount === 1
    ? `pfn ${hex(basePage)}`
    : `pfn ${hex(basePage)} to ${hex(basePage + pageCount - 1)} (${pageCount} pages)`

const runsText = ({ first, runCount }: RunList): string =>
  `${first.map(runText).join('; ')}${andMore(runCount, first.length)}`
