// A checker that reads no files also passes: each import rule of biome.json is proved by a deliberate violation.
// The rules and the package.json files are copied as they are; the sources are these few lines.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'

const UNDECLARED = 'lint/correctness/noUndeclaredDependencies'
const NODE = 'lint/correctness/noNodejsModules'
const DOOR = 'lint/style/noRestrictedImports'
const CYCLE = 'lint/suspicious/noImportCycles'

const forbidden = [
  ['packages/bytes/src/room.ts', "import '@dumpstack/nt'", UNDECLARED],
  [
    'packages/bytes/src/room-type.ts',
    "import type { A } from '@dumpstack/nt'\nexport type B = A",
    UNDECLARED,
  ],
  ['packages/machine/src/room.ts', "import { x } from '@dumpstack/drivers'\nx()", UNDECLARED],
  ['packages/crashtest/src/node/room.ts', "import { x } from '@dumpstack/windows/node'\nx()", UNDECLARED],
  ['packages/crashtest/src/run.ts', "import { x } from '@dumpstack/run'\nx()", UNDECLARED],
  ['packages/windows/src/dev-room.ts', "import { x } from '@dumpstack/crashtest'\nx()", UNDECLARED],
  ['packages/dumpfile/src/testkit.ts', "import '@dumpstack/testkit'", UNDECLARED],
  ['packages/dumpfile/src/vitest.ts', "import { it } from 'vitest'\nit('', () => {})", UNDECLARED],
  ['packages/dumpfile/src/package.ts', "import { x } from 'not-a-dependency'\nx()", UNDECLARED],
  ['packages/dumpfile/src/room.test.ts', "import { x } from '@dumpstack/machine'\nx()", UNDECLARED],
  ['packages/dumpfile/src/node-fs.ts', "import { readFileSync } from 'node:fs'\nreadFileSync('')", NODE],
  ['packages/dumpfile/src/fs.ts', "import { readFileSync } from 'fs'\nreadFileSync('')", NODE],
  ['packages/bytes/src/door.ts', "import { x } from './node/index.ts'\nx()", DOOR],
  ['packages/bytes/src/folder/door.ts', "import { x } from '../node/index.ts'\nx()", DOOR],
  ['packages/dumpfile/src/door.ts', "import { x } from '@dumpstack/bytes/node'\nx()", DOOR],
  ['packages/dumpfile/src/deep.ts', "import { x } from '@dumpstack/nt/src/index.ts'\nx()", DOOR],
  ['packages/dumpfile/src/deep-built.ts', "import { x } from '@dumpstack/nt/dist/index.js'\nx()", DOOR],
  ['packages/dumpfile/src/deep-path.ts', "import { x } from '../../nt/src/index.ts'\nx()", DOOR],
  ['packages/dumpfile/src/deep.test.ts', "import { x } from '../../nt/src/index.ts'\nx()", DOOR],
  ['packages/bytes/src/node/deep.ts', "import { x } from '../../../nt/src/index.ts'\nx()", DOOR],
  ['packages/bytes/src/a.ts', "import { b } from './b.ts'\nexport const a = () => b", CYCLE],
  ['packages/bytes/src/b.ts', "import { a } from './a.ts'\nexport const b = () => a", CYCLE],
  ['packages/debugger/src/c.ts', "import type { D } from './d.ts'\nexport type C = D | 1", CYCLE],
  ['packages/debugger/src/d.ts', "import type { C } from './c.ts'\nexport type D = C | 2", CYCLE],
]

const allowed = [
  ['packages/nt/src/room.ts', "import { x } from '@dumpstack/bytes'\nx()"],
  ['packages/dumpfile/src/testkit.test.ts', "import { x } from '@dumpstack/testkit'\nx()"],
  ['packages/dumpfile/src/node.test.ts', "import { x } from '@dumpstack/bytes/node'\nimport 'node:fs'\nx()"],
  ['packages/bytes/src/node/file.ts', "import { readFileSync } from 'node:fs'\nreadFileSync('')"],
  ['packages/windows/src/node/door.ts', "import { x } from '@dumpstack/bytes/node'\nx()"],
  ['packages/cli/src/door.ts', "import { x } from '@dumpstack/bytes/node'\nimport 'node:fs'\nx()"],
]

const root = path.dirname(path.dirname(new URL(import.meta.url).pathname))
const folder = mkdtempSync(path.join(tmpdir(), 'dumpstack-import-rules-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function write(file, source) {
  mkdirSync(path.dirname(path.join(folder, file)), { recursive: true })
  writeFileSync(path.join(folder, file), `${source}\n`)
}

const rulesByFile = (() => {
  for (const file of ['biome.json', '.gitignore']) cpSync(path.join(root, file), path.join(folder, file))
  for (const room of readdirSync(path.join(root, 'packages'))) {
    const file = `packages/${room}/package.json`
    mkdirSync(path.join(folder, `packages/${room}`), { recursive: true })
    cpSync(path.join(root, file), path.join(folder, file))
  }
  for (const [file, source] of [...forbidden, ...allowed]) write(file, source)
  const biome = path.join(root, 'node_modules/@biomejs/biome/bin/biome')
  const args = ['lint', '--reporter=json', '--max-diagnostics=200', '.']
  const { stdout } = spawnSync(process.execPath, [biome, ...args], { cwd: folder, encoding: 'utf8' })
  const rules = new Map()
  for (const { category, severity, location } of JSON.parse(stdout).diagnostics) {
    const file = path.relative(folder, path.resolve(folder, location.path))
    if (severity === 'error') rules.set(file, [...(rules.get(file) ?? []), category])
  }
  return rules
})()

it.each(forbidden)('%s may not say %s', (file, _source, rule) => {
  expect(rulesByFile.get(file)).toEqual([rule])
})

it.each(allowed)('%s may say %s', (file) => {
  expect(rulesByFile.get(file)).toBeUndefined()
})
