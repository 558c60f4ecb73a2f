// Installs the packages that a folder's lock file names: when they are absent, and when the lock file, the platform or Node's major version has changed.
// Plain JavaScript without dependencies; everything it prints goes to stderr, so that --json owns stdout.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

/** Whether packages had to be installed; `announce` is called before that. */
export function install(folder, announce = () => {}) {
  const stamp = path.join(folder, 'node_modules', '.ready')
  const wanted = createHash('sha256')
    .update(readFileSync(path.join(folder, 'package-lock.json')))
    .update(`${process.platform} ${process.arch} ${process.versions.node.split('.')[0]}`)
    .digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return false
  announce()
  // a lock file names each version by its hash: what npm has kept of it needs no question to the registry
  const options = ['--include=dev', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']
  run('npm ci', [npmCli(), 'ci', ...options], folder, 'ignore')
  writeFileSync(stamp, wanted)
  return true
}

/** Runs Node on `args`; ends this process as it ended, unless it ended well. `output` is where its own standard output goes. */
export function run(what, args, cwd, output = 2) {
  const { status, signal } = spawnSync(process.execPath, args, {
    cwd,
    env: withoutNpmOptions(),
    stdio: ['ignore', output, 2],
  })
  endUnlessGood(what, status, signal)
}

export function endUnlessGood(what, status, signal) {
  if (signal !== null) process.kill(process.pid, signal)
  if (status !== 0) {
    process.stderr.write(`${what} failed with exit code ${status}\n`)
    process.exit(4)
  }
}

/** npm hands its own options on: those of `npm pack --workspace dumpstack --dry-run` are not meant for what it starts here. */
function withoutNpmOptions() {
  const env = { ...process.env }
  for (const option of ['workspace', 'workspaces', 'include_workspace_root', 'dry_run', 'omit', 'global'])
    delete env[`npm_config_${option}`]
  return env
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
