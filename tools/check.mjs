// `npm run check`: everything a contributor needs before a commit. Stops at the first failure.
//   --no-tests    without the tests
//   --after-test  without the tests that `npm test` runs, which has run just before
// Further arguments go to vitest.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import './ready.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const bin = (name, file) => path.join(root, 'node_modules', name, file)
const given = process.argv.slice(2)
const own = ['--no-tests', '--after-test'].filter((option) => given.includes(option))
const toVitest = given.filter((option) => !own.includes(option))
const rest = own.includes('--after-test') ? ['--project', 'thorough'] : []
const steps = [
  [
    'format, lint and import rules',
    [bin('@biomejs/biome', 'bin/biome'), 'check', '--error-on-warnings', '.'],
  ],
  ['pure rooms', [bin('typescript', 'bin/tsc'), '-p', 'tsconfig.pure.json']],
  ['tests', [bin('vitest', 'vitest.mjs'), 'run', ...rest, ...toVitest]],
]
for (const [what, args] of steps) {
  if (own.includes('--no-tests') && what === 'tests') continue
  process.stderr.write(`check: ${what}\n`)
  const done = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' })
  if (done.status !== 0) {
    process.stderr.write(`check: ${what} failed\n`)
    process.exit(1)
  }
}
