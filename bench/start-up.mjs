// How long the programs take to start: processor time of whole processes, less an empty node, medians of seven interleaved rounds; as a clone
// builds them, and as the package bundles them. Budgets of the bundled ones: 70 ms for --version, 60 ms for kd on a minidump; a check up to
// its first life: half of the clone's.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildTriageDump } from '@dumpstack/testkit'

const ROUNDS = 7
const root = fileURLToPath(new URL('..', import.meta.url))
const cli = path.join(root, 'packages/cli')
const bundle = (...args) =>
  spawnSync(process.execPath, [path.join(root, 'tools/package/bundle.mjs'), ...args], { stdio: 'inherit' })

/** Said by the process itself as it ends, on a line of its own. */
const MARK = 'processor time in us: '
const REPORT = `data:text/javascript,process.on('exit',()=>{const{user,system}=process.cpuUsage();process.stderr.write('${MARK}'+(user+system)+'\\n')})`

function milliseconds(args) {
  const { stderr } = spawnSync(process.execPath, ['--import', REPORT, ...args], {
    cwd: folder,
    encoding: 'utf8',
  })
  return Number(stderr.slice(stderr.lastIndexOf(MARK) + MARK.length)) / 1000
}
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

const folder = mkdtempSync(path.join(tmpdir(), 'dumpstack-bench-'))
try {
  bundle()
  const mini = path.join(folder, 'mini.dmp')
  writeFileSync(mini, buildTriageDump())
  const driver = path.join(root, 'guest/miniports/bin/dsahci.sys')
  const commands = {
    '--version': ['main.js', '--version'],
    'kd -z mini -c q': ['kd-main.js', '-z', mini, '-c', 'q'],
    'check --plan one': ['main.js', 'check', driver, '--plan', 'one'],
  }
  const took = new Map()
  const note = (name, args) => took.set(name, [...(took.get(name) ?? []), milliseconds(args)])
  for (let round = 0; round < ROUNDS; round++) {
    note('empty node', ['-e', '0'])
    for (const [name, [program, ...args]] of Object.entries(commands))
      for (const place of ['dist', 'lib']) note(`${name} ${place}`, [path.join(cli, place, program), ...args])
  }
  const empty = median(took.get('empty node'))
  console.log(`empty node         ${empty.toFixed(0)} ms`)
  for (const name of Object.keys(commands)) {
    const [clone, bundled] = ['dist', 'lib'].map((place) => median(took.get(`${name} ${place}`)) - empty)
    console.log(`${name.padEnd(18)} ${clone.toFixed(0)} ms in a clone, ${bundled.toFixed(0)} ms bundled`)
  }
} finally {
  bundle('--clean')
  rmSync(folder, { recursive: true, force: true })
}
