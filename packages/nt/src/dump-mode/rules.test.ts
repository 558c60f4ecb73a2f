import { describe, expect, it } from 'vitest'
import { EXECUTION_RULES } from './execution-rules.ts'
import { MEMORY_RULES } from './memory-rules.ts'
import { OUTCOME_RULES } from './outcome-rules.ts'
import { REQUEST_RULES } from './request-rules.ts'
import { DUMP_MODE_RULES, type DumpModeRuleId, findDumpModeRule } from './rules.ts'
import { START_RULES } from './start-rules.ts'

describe.each(DUMP_MODE_RULES.map((rule) => [rule.id, rule] as const))('rule %s', (_id, rule) => {
  it('says what to do, why, and how, in sentences', () => {
    for (const text of [rule.title, rule.why, rule.howToFix]) expect(text).toMatch(/^[A-Z`].{10,}\.$/)
    expect(rule.answer).toMatch(/^\S.+[^.]$/)
  })

  it('names public sources', () => {
    expect(rule.sources.length).toBeGreaterThan(0)
    for (const { title, url } of rule.sources) {
      expect(title).toMatch(/\S/)
      expect(new URL(url).protocol).toBe('https:')
    }
  })

  it('shows code that breaks it, and other code that keeps it', () => {
    const { breaks, keeps } = rule.example
    expect(breaks).not.toBe(keeps)
    for (const code of [breaks, keeps]) expect(code).toMatch(/^\S[^\t]*\S$/)
  })
})

it('has no id in two groups', () => {
  const groups = [START_RULES, MEMORY_RULES, EXECUTION_RULES, REQUEST_RULES, OUTCOME_RULES]
  expect(groups.flatMap(Object.keys)).toHaveLength(DUMP_MODE_RULES.length)
})

it('lists numbers of one group in their order', () => {
  for (const group of [START_RULES, MEMORY_RULES, EXECUTION_RULES, REQUEST_RULES]) {
    expect(Object.keys(group)).toEqual(Object.keys(group).sort())
  }
})

it('finds the row of a rule, of any second bugcheck, and of no error code', () => {
  expect(findDumpModeRule('DM-08')?.title).toMatch(/lower IRQL/)
  expect(findDumpModeRule('bugcheck-0xd1')?.id).toBe('bugcheck')
  expect(findDumpModeRule('UNKNOWN_IMPORT')).toBeUndefined()
})

it('takes an id without a row for a fault of the source', () => {
  // @ts-expect-error: the table has no such row
  const id: DumpModeRuleId = 'DM-99'
  expect(findDumpModeRule(id)).toBeUndefined()
})
