// Each of the named entries of a run folder, replaced in turn by something that leads or reads out of it; then every command that takes
// such a folder, in one process. Says of each in a line of JSON how it ended, and whether what was outside is as it was.
//   node canaries.mjs RUN WORK ENTRIES   with ENTRIES as JSON: the names from the folder on
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { runCommandLine } from '../../packages/cli/dist/command-line.js'
import { runCrashdumptest } from '../../packages/cli/dist/crashdumptest/run-crashdumptest.js'

const [source, work, entries] = process.argv.slice(2)
const run = path.join(work, 'run')
const outside = path.join(work, 'outside')
const canary = path.join(outside, 'canary')

function copy(from, to) {
  const sparse = process.platform === 'linux' ? ['--sparse=always'] : []
  if (spawnSync('cp', ['-a', ...sparse, from, to]).status !== 0) throw new Error(`cannot copy ${from}`)
}

/** Where the entry was a file, the canary is that file; where it was a folder, that folder: who follows the link finds what it looks for. */
const REPLACEMENTS = {
  'a link to it elsewhere': (at) => symlinkSync(canary, at),
  'a link to a folder': (at) => symlinkSync(outside, at),
  'a link to a file': (at) => symlinkSync(path.join(outside, 'mine.txt'), at),
  'a pipe': (at) => spawnSync('mkfifo', [at]),
  'a folder': (at) => {
    mkdirSync(at)
    writeFileSync(path.join(at, 'mine.txt'), 'mine')
  },
  'an endless file': (at) => symlinkSync('/dev/zero', at),
  'a huge file': (at) => {
    writeFileSync(at, '')
    truncateSync(at, 2 ** 42)
  },
  'a second name of it': (at, isFolder) => (isFolder ? mkdirSync(at) : linkSync(canary, at)),
}

/** Names, kinds, times and bytes. */
function stateOf(at, hash = createHash('sha256')) {
  const stat = lstatSync(at)
  hash.update(`${at} ${stat.mode} ${stat.size} ${stat.isDirectory() ? '' : stat.mtimeMs}\n`)
  if (stat.isSymbolicLink()) hash.update(readlinkSync(at))
  else if (stat.isDirectory()) for (const name of readdirSync(at).sort()) stateOf(path.join(at, name), hash)
  else if (stat.size < 2 ** 26) hash.update(readFileSync(at))
  return hash
}

const dump = readdirSync(path.join(source, 'mini')).find((name) => name.endsWith('.dmp')) ?? 'none.dmp'

let stderr = ''
for (const [stream, isKept] of [
  [process.stdout, false],
  [process.stderr, true],
]) {
  stream.write = (chunk, ...rest) => {
    if (isKept) stderr += chunk
    const done = rest.find((argument) => typeof argument === 'function')
    if (done) process.nextTick(done)
    return true
  }
}
const say = (line) => writeSync(1, `${JSON.stringify(line)}\n`)

mkdirSync(work, { recursive: true })
process.chdir(work)
for (const entry of JSON.parse(entries)) {
  for (const [what, replace] of Object.entries(REPLACEMENTS)) {
    for (const folder of [run, outside]) rmSync(folder, { recursive: true, force: true })
    mkdirSync(outside)
    copy(source, run)
    const at = path.join(run, entry)
    const isFolder = lstatSync(at).isDirectory()
    renameSync(at, canary)
    writeFileSync(path.join(outside, 'mine.txt'), 'mine')
    replace(at, isFolder)
    const before = stateOf(outside).digest('hex')
    for (const [name, command] of [
      ['examine', () => runCommandLine(['examine', 'run'])],
      ['calls', () => runCommandLine(['calls', 'run', '--summary'])],
      [
        'cmd',
        () => runCommandLine(['cmd', 'run', `kd -z c:\\Windows\\Minidump\\${dump} -y C:\\Symbols -c q`]),
      ],
      ['test --out', () => runCommandLine(['test', '--out', 'run', '--ram', '64M', '--dumps', 'mini'])],
      ['test --resume', () => runCommandLine(['test', '--resume', 'run'])],
      ['-autorun', () => runCrashdumptest(['-autorun', '-work', 'run'])],
      ['-c', () => runCrashdumptest(['-c', '-work', 'run'])],
    ]) {
      stderr = ''
      say({ begins: `${entry} as ${what}: ${name}` })
      const startedAt = performance.now()
      const code = await command()
      const seconds = (performance.now() - startedAt) / 1000
      const isAlive = stateOf(outside).digest('hex') === before
      say({ entry, what, name, code, stderr, seconds, isAlive, rssKb: process.resourceUsage().maxRSS })
    }
  }
}
process.exit(0)
