// A process that is stopped (SIGSTOP, a suspended machine) for so long that another one takes its run over: once it goes on it ends by
// name, before it writes a byte, and the other one ends with the result of an undisturbed run.
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from './cli.ts'
import { journalOf, outcomeOf, runProcess, SMALL, type SmallPlan, script } from './killed-run.ts'

const folder = temporaryFolder()
afterAll(() => folder.remove())
const at = (name: string): string => path.join(folder.path, name)
const PLAN: SmallPlan = { ...SMALL, dumps: ['kernel', 'mini'] }
const TIMING = { beatMs: 50, expiryMs: 3000 }

let wanted: object
let wantedJournal: string[]
beforeAll(() => {
  expect(runProcess(at('whole'), PLAN, null)).toBe('finished')
  wanted = outcomeOf(at('whole'))
  wantedJournal = journalOf(at('whole'))
})

interface Stopped {
  goOn(): void
  readonly end: Promise<{ code: number | null; stdout: string; stderr: string }>
}

/** A process of the run that has stopped itself at that event. */
async function stoppedAt(run: string, kind: 'sync' | 'progress', count: number): Promise<Stopped> {
  const args = [run, JSON.stringify(PLAN), kind, String(count), 'end', 'SIGSTOP', JSON.stringify(TIMING)]
  const child = spawn(process.execPath, [script, ...args])
  onTestFinished(() => void child.kill('SIGKILL'))
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const end = new Promise<number | null>((resolve) => child.on('close', resolve))
  while (stateOf(child) !== 'T') {
    expect(child.exitCode, stderr).toBe(null)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return { goOn: () => child.kill('SIGCONT'), end: end.then((code) => ({ code, stdout, stderr })) }
}

/** The letter of proc_pid_stat(5). */
function stateOf({ pid }: ChildProcess): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3)
}

/** Every change of a file that is no lock shows in its times. */
const timesOf = (run: string): string[] =>
  readdirSync(run, { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.startsWith('run.lock'))
    .sort()
    .map((name) => {
      const { mtimeNs, ctimeNs, size, ino } = statSync(path.join(run, name), { bigint: true })
      return `${name} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
    })

const lineOf = (pattern: RegExp): number => wantedJournal.findIndex((line) => pattern.test(line)) + 1

it.skipIf(process.platform !== 'linux').each<[when: string, kind: 'sync' | 'progress', count: () => number]>([
  ['before it writes a dump', 'sync', () => lineOf(/ begin crash kernel/)],
  ['in the middle of a dump', 'progress', () => 12],
  ['before it keeps what it examined', 'sync', () => lineOf(/ begin examine kernel/)],
])(
  'writes nothing when it was stopped %s and goes on in the middle of the other',
  async (_, kind, count) => {
    const run = at(`stopped-${kind}-${count()}`)
    const first = await stoppedAt(run, kind, count())
    const second = await stoppedAt(run, 'sync', 6)
    const before = timesOf(run)
    first.goOn()
    const { code, stderr } = await first.end
    expect(code).toBe(1)
    expect(stderr).toContain("code: 'RUN_FOLDER_LOST'")
    expect(timesOf(run)).toEqual(before)
    second.goOn()
    expect(await second.end).toEqual({ code: 0, stdout: 'finished', stderr: '' })
    expect(readdirSync(run).filter((name) => name.startsWith('run.lock'))).toEqual([])
    expect(outcomeOf(run)).toEqual(wanted)
    expect(journalOf(run)).toEqual(wantedJournal)
  },
  240_000,
)
