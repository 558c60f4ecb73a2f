// docs/errors.md names every code that the sources raise, and no other.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'

const root = path.dirname(path.dirname(new URL(import.meta.url).pathname))
const CODE = /'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)'/
/** An error's construction, directly or through a room's own factory, with the code as its first argument. */
const RAISED = new RegExp(
  `(?:\\w*Error|\\w*[rR]efuse\\w*|\\bfail\\w*|\\bbad\\w*|\\bmisuse)\\(\\s*${CODE.source}`,
  'g',
)

const sources = readdirSync(path.join(root, 'packages'), { recursive: true })
  .filter(
    (file) => /\/src\/.*\.ts$/.test(file) && !file.includes('node_modules') && !file.endsWith('.test.ts'),
  )
  .map((file) => readFileSync(path.join(root, 'packages', file), 'utf8'))
const text = readFileSync(path.join(root, 'docs/errors.md'), 'utf8')
const documented = [...text.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`/g)].map((match) => match[1])

it('documents each code that is raised', () => {
  const raised = new Set(sources.flatMap((source) => [...source.matchAll(RAISED)].map((match) => match[1])))
  expect(raised.size).toBeGreaterThan(50)
  expect([...raised].filter((code) => !documented.includes(code)).sort()).toEqual([])
})

it('documents no code that stands nowhere', () => {
  expect(documented.filter((code) => !sources.some((source) => source.includes(`'${code}'`)))).toEqual([])
})
