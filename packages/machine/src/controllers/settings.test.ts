// The settings of all controllers: each value that is worth a life of a check makes a machine, and says what it is for.
import { describe, expect, it } from 'vitest'
import { testMachine } from '../test-machine.ts'
import { expectedOf } from './controller-model.ts'
import { CONTROLLERS } from './index.ts'

describe.each(CONTROLLERS)('$kind', (model) => {
  const settings = Object.entries(model.settings)

  it.each(settings)('%s: default and trials differ, and each makes a machine', (name, rule) => {
    const trials: readonly (number | string)[] = rule.trials
    const values = [rule.default, ...trials]
    expect(new Set(values).size).toBe(values.length)
    for (const value of values) {
      expect(() => testMachine({ model, settings: { [name]: value } }).machine.close()).not.toThrow()
    }
    expect(expectedOf(rule)).not.toBe('')
    expect(rule.summary).toMatch(/^[A-Z].*\.$/)
  })

  it('refuses a setting that it does not have', () => {
    expect(() => testMachine({ model, settings: { nothing: 1 } })).toThrow(/has the setting 'nothing'/)
  })
})
