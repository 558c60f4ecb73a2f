import { type PageRun, PageSet, pfn } from '@dumpstack/bytes'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { difference, intersection, RunList } from './page-runs.ts'

const BITS = 192
const setOf = (pages: readonly number[]): PageSet => {
  const set = new PageSet(BITS)
  for (const page of pages) set.add(pfn(page))
  return set
}
const pagesOf = (runs: Iterable<PageRun>): number[] =>
  [...runs].flatMap(({ basePage, pageCount }) =>
    Array.from({ length: pageCount }, (_, index) => basePage + index),
  )

it('finds what two lists of runs share, and what one has alone, as sets do', () => {
  const pages = fc.array(fc.nat(BITS - 1), { maxLength: BITS })
  fc.assert(
    fc.property(pages, pages, fc.integer({ min: 1, max: 9 }), (some, others, most) => {
      const [one, other] = [setOf(some), setOf(others)]
      const both = [...intersection(one.runs(), other.runs(), most)]
      expect(both.every(({ pageCount }) => pageCount >= 1 && pageCount <= most)).toBe(true)
      expect(pagesOf(both)).toEqual(pagesOf(one.runs()).filter((page) => other.has(pfn(page))))
      expect(pagesOf(difference(one.runs(), other.runs()))).toEqual(
        pagesOf(one.runs()).filter((page) => !other.has(pfn(page))),
      )
    }),
  )
})

it('keeps the first runs, joins pages that follow each other, and counts all', () => {
  const list = new RunList(2)
  for (const page of [3, 4, 5, 9, 20, 21, 30]) list.add(pfn(page))
  expect(list).toMatchObject({ pageCount: 7, runCount: 4 })
  expect(list.first).toEqual([
    { basePage: 3, pageCount: 3 },
    { basePage: 9, pageCount: 1 },
  ])
})
