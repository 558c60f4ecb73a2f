// `npm run check`: everything a contributor needs before a commit. Stops at the first failure.
//   --no-tests  without the tests
// Further arguments go to vitest: with --project thorough --project guests, no test runs that `npm test` has run.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import './ready.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const bin = (name, file) => path.join(root, 'node_modules', name, file)
const given = process.argv.slice(2)
const toVitest = given.filter((option) => option !== '--no-tests')
if (!toVitest.some((option) => option.startsWith('--project')))
  toVitest.push('--project=!score', '--project=!strangers')
const steps = [
  [
    'format, lint and import rules',
    [bin('@biomejs/biome', 'bin/biome'), 'check', '--error-on-warnings', '.'],
  ],
  ['pure rooms', [bin('typescript', 'bin/tsc'), '-p', 'tsconfig.pure.json']],
  ['tests', [bin('vitest', 'vitest.mjs'), 'run', ...toVitest]],
]
for (const [what, args] of steps) {
  if (given.includes('--no-tests') && what === 'tests') continue
  process.stderr.write(`check: ${what}\n`)
  const done = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' })
  if (done.status !== 0) {
    process.stderr.write(`check: ${what} failed\n`)
    process.exit(1)
  }
}
