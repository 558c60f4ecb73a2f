// A run that is stopped in order, by Ctrl-C, by SIGTERM or by a disk that is full, is left as SIGKILL leaves it: resumed, it has
// the result of a run that was not stopped.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { dumpstack, startDumpstack, temporaryFolder } from './cli.ts'
import { journalOf, outcomeOf, runProcess, SMALL, type SmallPlan, syncOfLine } from './killed-run.ts'

const folder = temporaryFolder()
afterAll(() => folder.remove())
const at = (name: string): string => path.join(folder.path, name)
const PLAN: SmallPlan = { ...SMALL, dumps: ['kernel', 'mini'] }
const OPTIONS = [
  '--dumps',
  'kernel,mini',
  '--ram',
  '64M',
  '--cpus',
  '2',
  '--pagefile',
  `${PLAN.pageFileBytes}B`,
]

let wanted: object
let wantedJournal: string[]
beforeAll(() => {
  expect(runProcess(at('whole'), PLAN, null)).toBe('finished')
  wanted = outcomeOf(at('whole'))
  wantedJournal = journalOf(at('whole'))
})

function expectAsUnstopped(run: string): void {
  expect(outcomeOf(run)).toEqual(wanted)
  expect(journalOf(run)).toEqual(wantedJournal)
  rmSync(run, { recursive: true })
}

// Each step has a line for its begin and one for its end: both signals come to each.
it('ends with the same result when SIGINT or SIGTERM stops it at every line of the journal, in turn', () => {
  const run = at('signals')
  let end = runProcess(run, PLAN, { kind: 'sync', count: 1 }, 'end', 'SIGTERM')
  let lines = 1
  for (; end === 'stopped'; lines++) {
    const count = syncOfLine(run, lines)
    const signal = lines % 2 === 0 ? 'SIGTERM' : 'SIGINT'
    // A signal is heard at a turn of the event loop: the line may lie before the power off that the run has come to since.
    if (count > 0) end = runProcess(run, PLAN, { kind: 'sync', count }, 'end', signal)
  }
  // One that comes after the last turn finds nothing to stop.
  expect(end).toBe('finished')
  expect(lines).toBeGreaterThan(wantedJournal.findIndex((line) => / begin crash mini/.test(line)))
  expectAsUnstopped(run)
}, 600_000)

interface Stopped {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Sends the signal `times` times once the screen shows what `pattern` fits. */
async function stopped(pattern: RegExp, times: number, ...args: string[]): Promise<Stopped> {
  const child = startDumpstack(folder.path, ...args)
  onTestFinished(() => void child.kill('SIGKILL'))
  let [stdout, stderr] = ['', '']
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
    if (child.killed || !pattern.test(stdout)) return
    for (let time = 0; time < times; time++) child.kill('SIGINT')
  })
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { code, stdout, stderr }
}

it('says the command that goes on, which a shell takes as it stands', async () => {
  const out = "it's $HOME"
  const { code, stdout, stderr } = await stopped(
    /crash \(kernel dump\) \d/,
    1,
    'test',
    ...OPTIONS,
    '--out',
    out,
  )
  expect(code).toBe(130)
  expect(stdout).toMatch(/\(x\) Stopped by the user during '.+'(, at \d+ %)?\.\n/)
  const command = /^stopped by the user\nto go on with the run: (dumpstack test --resume .+)\n$/.exec(
    stderr,
  )?.[1]
  expect(command).toBe(`dumpstack test --resume 'it'\\''s $HOME'`)
  if (process.platform !== 'win32') {
    const words = spawnSync('sh', ['-c', `printf '%s\\n' ${command}`], { encoding: 'utf8' }).stdout
    expect(dumpstack(folder.path, ...words.trimEnd().split('\n').slice(1)).code).toBe(0)
    expectAsUnstopped(at(out))
  }
})

it('ends at once at the second Ctrl-C, and loses no more than SIGKILL would', async () => {
  const { code } = await stopped(/crash \(kernel dump\)/, 2, 'test', ...OPTIONS, '--out', 'twice')
  expect(code).toBe(130)
  expect(dumpstack(folder.path, 'test', '--resume', 'twice').code).toBe(0)
  expectAsUnstopped(at('twice'))
})

/** Mounts a file system of that many MiB, or gives the one that is there another size; false without the privilege. */
function mountDisk(place: string, mib: number, ...options: string[]): boolean {
  const size = [...options, `size=${mib}m`].join(',')
  return spawnSync('mount', ['-t', 'tmpfs', '-o', size, 'tmpfs', place]).status === 0
}

const disk = at('disk')
mkdirSync(disk)
const canMount = process.platform === 'linux' && mountDisk(disk, 1)
afterAll(() => void (canMount && spawnSync('umount', [disk])))

it.skipIf(!canMount)(
  'goes on when a full disk has room again, wherever it was full (needs the privilege to mount)',
  () => {
    const run = path.join(disk, 'run')
    let stops = 0
    for (let mib = 1; ; mib += 6) {
      expect(mountDisk(disk, mib, 'remount')).toBe(true)
      const canGoOn = existsSync(path.join(run, 'state.json'))
      const options = canGoOn ? ['--resume', run] : [...OPTIONS, '--out', run]
      const { code, stderr } = dumpstack(folder.path, 'test', ...options)
      if (code === 0) break
      expect([code, stderr]).toEqual([4, expect.stringMatching(/^error: .*(ENOSPC|no space left|full)/)])
      const goesOn = existsSync(path.join(run, 'state.json'))
      expect(stderr.includes('to go on with the run: dumpstack test --resume')).toBe(goesOn)
      if (goesOn) stops++
      expect(mib).toBeLessThan(1024)
    }
    expect(stops).toBeGreaterThan(3)
    expectAsUnstopped(run)
  },
  600_000,
)

it('says of a run that was never started how to start it', () => {
  for (const name of ['empty', 'killed']) mkdirSync(at(name))
  // what a process leaves that was killed before it had begun
  writeFileSync(at('killed/journal.jsonl'), '')
  const marker = `{"format":2,"run":"${'0'.repeat(32)}"}\n{"file":"journal.jsonl"}\n`
  writeFileSync(at('killed/dumpstack-run.jsonl'), marker)
  for (const out of ['nowhere', 'empty', 'killed']) {
    const { code, stdout, stderr } = dumpstack(folder.path, 'test', '--resume', out)
    expect([code, stdout, stderr]).toEqual([
      2,
      '',
      `nothing was started in ${out}; to start a run there: dumpstack test --out "${out}"\n`,
    ])
  }
  expect(existsSync(at('nowhere'))).toBe(false)
  expect(readdirSync(at('empty'))).toEqual([])
})
