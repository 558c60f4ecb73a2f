import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { describeRule } from './rule-descriptions.ts'

const CRASH = fileURLToPath(new URL('../../../drivers/src/crash', import.meta.url))
const OTHER = describeRule('SOME_ERROR_CODE')

it('describes each rule that a dump driver can break', () => {
  const sources = readdirSync(CRASH, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /(?<!test)\.ts$/.test(name),
  )
  const text = sources.map((name) => readFileSync(`${CRASH}/${name}`, 'utf8')).join('\n')
  const rules = new Set(text.match(/(?<=')(DM-\d\d|device-stopped)(?=')/g))
  expect(rules.size).toBeGreaterThan(20)
  expect([...rules].filter((rule) => describeRule(rule) === OTHER)).toEqual([])
  expect(describeRule('bugcheck-0xd1')).toMatch(/second bugcheck/)
})
