import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Pfn, pfn } from './address.ts'
import { PageSet } from './page-set.ts'

const pages = fc.uniqueArray(fc.integer({ min: 0, max: 4000 }), { maxLength: 600 })

it('keeps members, size, rank and runs like a plain sorted set', () => {
  fc.assert(
    fc.property(pages, (members) => {
      const set = new PageSet(4001)
      for (const page of members) set.add(pfn(page))
      const sorted = [...members].sort((a, b) => a - b)
      expect(set.size).toBe(sorted.length)
      sorted.forEach((page, index) => {
        expect(set.has(pfn(page))).toBe(true)
        expect(set.rank(pfn(page))).toBe(index)
      })
      const listed: number[] = []
      for (const run of set.runs(7)) {
        expect(run.pageCount).toBeLessThanOrEqual(7)
        for (let i = 0; i < run.pageCount; i++) listed.push(run.basePage + i)
      }
      expect(listed).toEqual(sorted)
    }),
  )
})

it('adds whole runs at any alignment', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 300 }), (base, count) => {
      const set = new PageSet(640)
      set.addRun(pfn(base), count)
      expect([...set.runs()]).toEqual(count === 0 ? [] : [{ basePage: base, pageCount: count }])
    }),
  )
})

it('rounds its bits up to a multiple of 64 and refuses pages beyond', () => {
  const set = new PageSet(65)
  expect(set.bitCount).toBe(128)
  expect(() => set.add(128 as Pfn)).toThrow(RangeError)
  expect(set.has(128 as Pfn)).toBe(false)
})
