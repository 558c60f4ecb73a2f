// The lock of a run folder among processes: many at the same instant, beside the lock of one that was killed; in two PID namespaces, where
// process ids say nothing.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from './cli.ts'

const PROCESSES = 8
const ROUNDS = 6
/** A lock that beats is not still for so long, however busy this machine is. */
const TIMING = { beatMs: 50, expiryMs: 20_000 }
const script = fileURLToPath(new URL('take-run.mjs', import.meta.url))

interface Wanter {
  readonly process: ChildProcess
  line(): Promise<string>
}

interface Place {
  readonly run: string
  signal(name: string): void
  want(rounds: number, timing: object, ...before: string[]): Wanter
}

function newPlace(): Place {
  const root = temporaryFolder()
  onTestFinished(root.remove)
  const run = path.join(root.path, 'run')
  mkdirSync(run)
  return {
    run,
    signal: (name) => writeFileSync(path.join(root.path, name), ''),
    want(rounds, timing, ...before) {
      const [program, ...args] = [
        ...before,
        process.execPath,
        script,
        run,
        root.path,
        String(rounds),
        JSON.stringify(timing),
      ]
      const child = spawn(program!, args)
      onTestFinished(() => void child.kill('SIGKILL'))
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      return { process: child, line: async () => String((await lines.next()).value) }
    },
  }
}

/** The lock of a process that was killed: its bytes, and its file's. */
async function deadLock(): Promise<string> {
  const place = newPlace()
  const { process: holder, line } = place.want(1, TIMING)
  place.signal('begin-0')
  await line()
  expect(await line()).toBe('has it 0')
  const text = readFileSync(path.join(place.run, 'run.lock'), 'utf8')
  const ended = new Promise((resolve) => holder.on('exit', resolve))
  holder.kill('SIGKILL')
  await ended
  return text
}

it('gives a run folder to one process at a time, although others take over the same stale lock', async () => {
  const dead = await deadLock()
  const place = newPlace()
  const wanters = Array.from({ length: PROCESSES }, () => place.want(ROUNDS, TIMING))
  const answers = async (): Promise<string[]> => (await Promise.all(wanters.map(({ line }) => line()))).sort()
  for (let round = 0; round < ROUNDS; round++) {
    expect(await answers()).toEqual(Array(PROCESSES).fill(`ready ${round}`))
    writeFileSync(path.join(place.run, 'run.lock'), dead)
    place.signal(`begin-${round}`)
    expect(await answers()).toEqual([
      ...Array(PROCESSES - 1).fill(`RUN_FOLDER_BUSY ${round}`),
      `has it ${round}`,
    ])
    place.signal(`end-${round}`)
  }
  await Promise.all(wanters.map(({ line }) => line()))
  expect(readdirSync(place.run)).toEqual([])
}, 120_000)

const NAMESPACE = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc']
const canUnshare =
  process.platform === 'linux' && spawnSync(NAMESPACE[0]!, [...NAMESPACE.slice(1), 'true']).status === 0

it.skipIf(!canUnshare)(
  'lets one of two PID namespaces work on a folder, and the other take over once its lock stands still (needs the privilege to unshare)',
  async () => {
    const place = newPlace()
    const inOne = place.want(1, TIMING, ...NAMESPACE)
    await inOne.line()
    place.signal('begin-0')
    expect(await inOne.line()).toBe('has it 0')
    const inOther = place.want(2, { ...TIMING, expiryMs: 3000 }, ...NAMESPACE)
    expect([await inOther.line(), await inOther.line()]).toEqual(['ready 0', 'RUN_FOLDER_BUSY 0'])
    const ended = new Promise((resolve) => inOne.process.on('exit', resolve))
    inOne.process.kill('SIGKILL')
    await ended
    place.signal('end-0')
    expect(await inOther.line()).toBe('ready 1')
    const began = performance.now()
    place.signal('begin-1')
    expect(await inOther.line()).toBe('has it 1')
    expect(performance.now() - began).toBeGreaterThan(2500)
    place.signal('end-1')
  },
  120_000,
)
