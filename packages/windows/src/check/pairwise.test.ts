import fc from 'fast-check'
import { expect, it } from 'vitest'
import { pairwiseLines } from './pairwise.ts'

/** Values of a row that are paired; written down here from what the plan promises. */
const PAIRED = 3

/** Pairs of values, and values, that no line has. */
function missing(counts: readonly number[], lines: readonly (readonly number[])[]): string[] {
  const seen = new Set<string>()
  for (const line of lines) {
    line.forEach((value, row) => {
      seen.add(`${row}=${value}`)
      for (const [other, its] of line.entries()) seen.add(`${row}=${value} ${other}=${its}`)
    })
  }
  const wanted: string[] = []
  counts.forEach((count, row) => {
    for (let value = 0; value < count; value++) {
      wanted.push(`${row}=${value}`)
      if (value >= PAIRED) continue
      counts.forEach((others, other) => {
        if (other === row) return
        for (let its = 0; its < Math.min(others, PAIRED); its++)
          wanted.push(`${row}=${value} ${other}=${its}`)
      })
    }
  })
  return wanted.filter((pair) => !seen.has(pair))
}

const counts = fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 12 })

it('has every pair of values in some line, plain values alone in the first', () => {
  fc.assert(
    fc.property(counts, fc.integer({ min: 0, max: 0xffffffff }), (rows, seed) => {
      const lines = pairwiseLines(rows, seed)
      expect(missing(rows, lines)).toEqual([])
      expect(lines[0]).toEqual(rows.map(() => 0))
      for (const line of lines) {
        expect(line).toHaveLength(rows.length)
        expect(line.filter((value, row) => value >= rows[row]!)).toEqual([])
      }
    }),
    { numRuns: 60 },
  )
})

it('makes the same lines of the same seed, others of another', () => {
  const rows = [3, 2, 4, 2, 3, 5]
  expect(pairwiseLines(rows, 7)).toEqual(pairwiseLines(rows, 7))
  expect(pairwiseLines(rows, 7)).not.toEqual(pairwiseLines(rows, 8))
})

it('needs few lines more than the two longest rows have pairs', () => {
  expect(pairwiseLines([], 1)).toEqual([[]])
  expect(pairwiseLines([3], 1)).toHaveLength(3)
  expect(pairwiseLines(Array(10).fill(2), 1).length).toBeLessThanOrEqual(12)
  expect(pairwiseLines([3, 3, ...Array(10).fill(2)], 1).length).toBeLessThanOrEqual(16)
})
