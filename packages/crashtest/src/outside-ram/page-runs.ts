// What two ascending lists of page runs have in common, and what one has that the other lacks. Neither is ever held as a whole: a kernel
// dump can have millions of runs.
import { type PageRun, type Pfn, pfn, splitRun } from '@dumpstack/bytes'

/** Runs of at most `maxPages` that both hold. */
export function* intersection(
  one: Iterable<PageRun>,
  other: Iterable<PageRun>,
  maxPages = Number.MAX_SAFE_INTEGER,
): Generator<PageRun> {
  for (const [from, to, isInOther] of pieces(one, other)) if (isInOther) yield* splitRun(from, to, maxPages)
}

/** What `one` holds and `other` lacks. */
export function* difference(one: Iterable<PageRun>, other: Iterable<PageRun>): Generator<PageRun> {
  for (const [from, to, isInOther] of pieces(one, other))
    if (!isInOther) yield { basePage: pfn(from), pageCount: to - from }
}

/** `one` cut where runs of `other` begin and end. */
function* pieces(
  one: Iterable<PageRun>,
  other: Iterable<PageRun>,
): Generator<readonly [from: number, to: number, isInOther: boolean]> {
  const others = other[Symbol.iterator]()
  let next = others.next()
  for (const { basePage, pageCount } of one) {
    const end = basePage + pageCount
    let from: number = basePage
    while (from < end) {
      while (!next.done && next.value.basePage + next.value.pageCount <= from) next = others.next()
      const run = next.done ? null : next.value
      const isInOther = run !== null && run.basePage <= from
      const border = run === null ? end : isInOther ? run.basePage + run.pageCount : run.basePage
      const to = Math.min(end, border)
      yield [from, to, isInOther]
      from = to
    }
  }
}

/** Runs in ascending order, of which the first are kept and all are counted; pages that follow each other become one run. */
export class RunList {
  pageCount = 0
  runCount = 0
  readonly #first: PageRun[] = []
  readonly #kept: number
  #last: PageRun = { basePage: pfn(0), pageCount: 0 }

  constructor(kept: number) {
    this.#kept = kept
  }

  static of(runs: Iterable<PageRun>, kept: number): RunList {
    const list = new RunList(kept)
    for (const { basePage, pageCount } of runs) list.add(basePage, pageCount)
    return list
  }

  /** The first runs. */
  get first(): readonly PageRun[] {
    return this.#first
  }

  add(basePage: Pfn, pageCount = 1): void {
    const last = this.#last
    const isNext = this.runCount > 0 && last.basePage + last.pageCount === basePage
    this.#last = isNext ? { ...last, pageCount: last.pageCount + pageCount } : { basePage, pageCount }
    if (!isNext) this.runCount++
    this.pageCount += pageCount
    if (this.runCount <= this.#kept) this.#first[this.runCount - 1] = this.#last
  }
}
