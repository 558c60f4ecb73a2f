import { expect, it } from 'vitest'
import { withRuleRows } from './rules.mjs'

it('puts the rows of the rules where a README has a place for them', () => {
  expect(() => withRuleRows('# drivers')).toThrow('has no place for the rules')
})
