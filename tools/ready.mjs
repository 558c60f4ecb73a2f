// Makes a clone ready: Node version, dependencies, build. `ready.mjs PROJECT...` builds no more than these and what they refer to.
// Plain JavaScript without dependencies; everything it prints goes to stderr, so that --json owns stdout.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { realpathSync } from 'node:fs'
import path from 'node:path'
import readline from 'node:readline'
import { fileURLToPath } from 'node:url'
import { endUnlessGood, install, run } from './install.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`Dumpstack needs Node 20.19 or later; this is ${process.versions.node}\n`)
  process.exit(4)
}

/** The build takes ten seconds and more on a fresh clone: a terminal shows which project it is at. */
async function buildInSight(compiler) {
  const child = spawn(process.execPath, [...compiler, '--verbose'], {
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

const isFirst = install(root, () =>
  process.stderr.write('setting up this clone: dependencies and build, half a minute, once\n'),
)
const isProgram = realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)
const compiler = [
  path.join(root, 'node_modules', 'typescript', 'bin', 'tsc'),
  '-b',
  ...(isProgram ? process.argv.slice(2) : []),
]
if (process.stderr.isTTY && process.env.TERM !== 'dumb') await buildInSight(compiler)
else run('the build', compiler, root)
if (isFirst) process.stderr.write(`ready after ${Math.round(performance.now() / 1000)} s\n`)
