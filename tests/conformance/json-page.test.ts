// The examples of docs/json.md against the schemas that they are examples of.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { schemaViolations } from '@dumpstack/testkit'
import { expect, it } from 'vitest'
import { ROOT } from './tools.ts'

const page = readFileSync(path.join(ROOT, 'docs/json.md'), 'utf8')
const EXAMPLE = /\[schema\]\(schema\/(\S+)\)[^`]*(?:`[^`]+`[^`]*)*```json\n(.*?)```/gs
const examples = Array.from(page.matchAll(EXAMPLE), ([, schema, text]) => [schema!, text!] as const)

it.each(examples)('%s', (schema, text) => {
  const rules: unknown = JSON.parse(readFileSync(path.join(ROOT, 'docs/schema', schema), 'utf8'))
  const example: { schema: string } = JSON.parse(text)
  expect(schemaViolations(rules, example)).toEqual([])
  expect(example.schema).toBe(`docs/schema/${schema}`)
})

it('names every schema', () => {
  for (const file of readdirSync(path.join(ROOT, 'docs/schema'))) expect(page).toContain(`schema/${file}`)
})
