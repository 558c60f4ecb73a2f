import { expect, it } from 'vitest'
import { countBefore } from './binary-search.ts'

it.each([
  [[], 5, 0],
  [[6], 5, 0],
  [[5], 5, 1],
  [[1, 5, 5, 9], 5, 3],
  [[1, 2, 3], 5, 3],
])('of %j, %i is at or above %i', (keys, value, count) => {
  expect(countBefore(keys.length, (i) => keys[i]! <= value)).toBe(count)
})
