// What two ascending lists of page runs have in common, and what one has that the other lacks. Costs depend on the number of runs.
import { type PageRun, type Pfn, pfn, splitRun } from '@dumpstack/bytes'

/** Runs of at most `maxPages` that both hold. */
export function* intersection(
  one: Iterable<PageRun>,
  other: readonly PageRun[],
  maxPages: number,
): Generator<PageRun> {
  for (const [from, to, isInOther] of pieces(one, other)) if (isInOther) yield* splitRun(from, to, maxPages)
}

/** What `one` holds and `other` lacks. */
export function* difference(one: Iterable<PageRun>, other: readonly PageRun[]): Generator<PageRun> {
  for (const [from, to, isInOther] of pieces(one, other))
    if (!isInOther) yield { basePage: pfn(from), pageCount: to - from }
}

/** `one` cut where runs of `other` begin and end. */
function* pieces(
  one: Iterable<PageRun>,
  other: readonly PageRun[],
): Generator<readonly [from: number, to: number, isInOther: boolean]> {
  let index = 0
  for (const { basePage, pageCount } of one) {
    const end = basePage + pageCount
    let from: number = basePage
    while (from < end) {
      while (index < other.length && other[index]!.basePage + other[index]!.pageCount <= from) index++
      const next = other[index]
      const isInOther = next !== undefined && next.basePage <= from
      const border = next === undefined ? end : isInOther ? next.basePage + next.pageCount : next.basePage
      const to = Math.min(end, border)
      yield [from, to, isInOther]
      from = to
    }
  }
}

/** Runs that grow page by page, in ascending order. */
export class GrowingRuns {
  readonly runs: { basePage: Pfn; pageCount: number }[] = []

  add(page: Pfn): void {
    const last = this.runs.at(-1)
    if (last !== undefined && last.basePage + last.pageCount === page) last.pageCount++
    else this.runs.push({ basePage: page, pageCount: 1 })
  }
}
