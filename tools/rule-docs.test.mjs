import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { DRIVERS_README, RULES_PAGE, rulesPage, withRuleRows } from './rule-docs.mjs'

it('has a page of rules that says what the table says (node tools/rule-docs.mjs writes it)', () => {
  expect(readFileSync(RULES_PAGE, 'utf8')).toBe(rulesPage())
})

it('has the same rows in the README of drivers', () => {
  const readme = readFileSync(DRIVERS_README, 'utf8')
  expect(withRuleRows(readme)).toBe(readme)
  expect(() => withRuleRows('# drivers')).toThrow('has no place for the rules')
})
