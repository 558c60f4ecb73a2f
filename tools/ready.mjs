// Makes a fresh clone ready: Node version, dependencies when the lock file or the platform changed, build.
// Plain JavaScript without dependencies; everything it prints goes to stderr, so that --json owns stdout.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import readline from 'node:readline'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`Dumpstack needs Node 20.19 or later; this is ${process.versions.node}\n`)
  process.exit(4)
}

function run(what, args) {
  const { status, signal } = spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 2, 2] })
  endUnlessGood(what, status, signal)
}

function endUnlessGood(what, status, signal) {
  if (signal !== null) process.kill(process.pid, signal)
  if (status !== 0) {
    process.stderr.write(`${what} failed with exit code ${status}\n`)
    process.exit(4)
  }
}

/** The build takes a minute on a fresh clone: a terminal shows which project it is at. */
async function buildInSight(compiler) {
  const child = spawn(process.execPath, [compiler, '-b', '--verbose'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 2],
  })
  const ended = once(child, 'close')
  let [total, number] = [0, 0]
  const complaints = []
  for await (const line of readline.createInterface({ input: child.stdout })) {
    const [, listed] = /^\s+\* (\S+)$/.exec(line) ?? []
    const [, status] = /^[\d:]+(?: [AP]M)? - (.*)$/.exec(line) ?? []
    const [, project] = /^Building project '(.+?)'/.exec(status ?? '') ?? []
    if (listed !== undefined) total++
    else if (status?.startsWith("Project '")) number++
    else if (project !== undefined)
      process.stderr.write(`\r\x1b[Kbuilding ${number} of ${total}: ${path.dirname(project)}`)
    else if (status === undefined && line !== '') complaints.push(line)
  }
  process.stderr.write('\r\x1b[K')
  const [status, signal] = await ended
  if (complaints.length > 0) process.stderr.write(`${complaints.join('\n')}\n`)
  endUnlessGood('the build', status, signal)
}

function npmCli() {
  const fromEnvironment = process.env.npm_execpath
  if (fromEnvironment?.endsWith('.js')) return fromEnvironment
  const beside = path.join(
    path.dirname(process.execPath),
    '..',
    'lib',
    'node_modules',
    'npm',
    'bin',
    'npm-cli.js',
  )
  if (existsSync(beside)) return beside
  return createRequire(import.meta.url).resolve('npm/bin/npm-cli.js')
}

const stamp = path.join(root, 'node_modules', '.ready')
const wanted = createHash('sha256')
  .update(readFileSync(path.join(root, 'package-lock.json')))
  .update(`${process.platform} ${process.arch} ${major}`)
  .digest('hex')
const isFirst = !existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted
if (isFirst) {
  process.stderr.write('setting up this clone: dependencies and build, half a minute, once\n')
  run('npm ci', [npmCli(), 'ci', '--include=dev', '--loglevel=error'])
  writeFileSync(stamp, wanted)
}
const compiler = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')
if (process.stderr.isTTY && process.env.TERM !== 'dumb') await buildInSight(compiler)
else run('the build', [compiler, '-b'])
if (isFirst) process.stderr.write(`ready after ${Math.round(performance.now() / 1000)} s\n`)
