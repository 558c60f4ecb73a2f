// Makes a fresh clone ready: Node version, dependencies when the lock file or the platform changed, build.
// Plain JavaScript without dependencies; everything it prints goes to stderr, so that --json owns stdout.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`Dumpstack needs Node 20.19 or later; this is ${process.versions.node}\n`)
  process.exit(4)
}

function run(what, args) {
  const done = spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 2, 2] })
  if (done.signal !== null) process.kill(process.pid, done.signal)
  if (done.status !== 0) {
    process.stderr.write(`${what} failed with exit code ${done.status}\n`)
    process.exit(4)
  }
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
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  process.stderr.write('installing dependencies...\n')
  run('npm ci', [npmCli(), 'ci', '--include=dev', '--loglevel=error'])
  writeFileSync(stamp, wanted)
}
run('the build', [path.join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b'])
