import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { leftOver, madeFiles, root } from './docs.mjs'

const made = madeFiles()

it.each(made.map(([file]) => file))('%s says what npm run docs would write', (file) => {
  const [, text] = made.find(([name]) => name === file)
  const found = readFileSync(path.join(root, file), 'utf8')
  // the lines of JSON are Biome's
  if (file.endsWith('.json')) expect(JSON.parse(found)).toEqual(JSON.parse(text))
  else expect(found).toBe(text)
})

it('makes each file once, and leaves none that it no longer makes', () => {
  const names = made.map(([file]) => file)
  expect(names).toEqual([...new Set(names)])
  expect(leftOver(made)).toEqual([])
  expect(leftOver(made.filter(([file]) => file !== 'docs/commands/k.md'))).toEqual(['docs/commands/k.md'])
})
