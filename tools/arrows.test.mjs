// A checker that reads no files also passes: each import rule is proved by a deliberate violation.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'

const root = path.dirname(path.dirname(new URL(import.meta.url).pathname))
const folder = mkdtempSync(path.join(tmpdir(), 'dumpstack-arrows-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
cpSync(path.join(root, '.oxlintrc.json'), path.join(folder, '.oxlintrc.json'))

function lint(file, source) {
  const full = path.join(folder, file)
  mkdirSync(path.dirname(full), { recursive: true })
  writeFileSync(full, source)
  const done = spawnSync(process.execPath, [path.join(root, 'node_modules/oxlint/bin/oxlint'), file], {
    cwd: folder,
    encoding: 'utf8',
  })
  rmSync(full)
  return { ok: done.status === 0, text: done.stdout }
}

it.each([
  ['packages/bytes/src/a.ts', "import '@dumpstack/nt'", '@dumpstack/nt'],
  ['packages/machine/src/a.ts', "import { x } from '@dumpstack/drivers'\nx()", '@dumpstack/drivers'],
  ['packages/crashtest/src/a.ts', "import { x } from '@dumpstack/windows/node'\nx()", '@dumpstack/windows'],
  ['packages/crashtest/src/a.ts', "import { x } from '@dumpstack/run'\nx()", '@dumpstack/run'],
  ['packages/windows/src/a.ts', "import { x } from '@dumpstack/crashtest'\nx()", '@dumpstack/crashtest'],
  ['packages/dumpfile/src/a.ts', "import { readFileSync } from 'node:fs'\nreadFileSync('')", 'node:fs'],
  ['packages/dumpfile/src/a.ts', "import { readFileSync } from 'fs'\nreadFileSync('')", 'fs'],
  ['packages/dumpfile/src/a.ts', "import '@dumpstack/testkit'", '@dumpstack/testkit'],
])('%s may not say %s', (file, source, named) => {
  const { ok, text } = lint(file, source)
  expect(ok).toBe(false)
  expect(text).toContain(named)
})

it.each([
  ['packages/nt/src/a.ts', "import { x } from '@dumpstack/bytes'\nx()"],
  ['packages/windows/src/a.ts', "import type { Target } from '@dumpstack/crashtest'\nexport type A = Target"],
  ['packages/bytes/src/node/a.ts', "import { readFileSync } from 'node:fs'\nreadFileSync('')"],
  ['packages/dumpfile/src/a.test.ts', "import { x } from '@dumpstack/testkit'\nx()"],
])('%s may', (file, source) => {
  const { ok, text } = lint(file, source)
  expect(text).toContain('0 errors')
  expect(ok).toBe(true)
})

it('a cycle inside a room is reported', () => {
  const other = path.join(folder, 'packages/bytes/src/b.ts')
  mkdirSync(path.dirname(other), { recursive: true })
  writeFileSync(other, "import { a } from './a.ts'\nexport const b = () => a\n")
  const { ok, text } = lint(
    'packages/bytes/src/a.ts',
    "import { b } from './b.ts'\nexport const a = () => b\n",
  )
  rmSync(other)
  expect(ok).toBe(false)
  expect(text).toContain('no-cycle')
})
