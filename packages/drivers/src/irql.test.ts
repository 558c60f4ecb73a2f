import { expect, it } from 'vitest'
import { irqlText } from './irql.ts'

it('names the levels that have names', () => {
  expect([0, 1, 2, 5, 15].map(irqlText)).toEqual([
    'PASSIVE_LEVEL',
    'APC_LEVEL',
    'DISPATCH_LEVEL',
    '5',
    'HIGH_LEVEL',
  ])
})
