// A run that is killed and resumed: in the middle of its work, in each scenario, by the command line; and what cannot be
// resumed. resume-every-sync.test.ts kills at every sync of the journal.
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import type { TestEvent } from '@dumpstack/crashtest'
import { RunLock } from '@dumpstack/run/node'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { planTest, resumeRun, startRun } from '#session'
import { dumpstack, repository, resultOf, temporaryFolder } from './cli.ts'
import { journalOf, outcomeOf, runProcess, SMALL, type SmallPlan, syncOfLine } from './killed-run.ts'

const folder = temporaryFolder()
afterAll(() => folder.remove())
const at = (name: string): string => path.join(folder.path, name)
const { scenario: _none, ...given } = SMALL
const plan = planTest(given, () => SMALL.pageFileBytes)
const BAD_DRIVER = path.join(repository, 'guest/miniports/bin/dsahci-b23.sys')
const never = new AbortController().signal

let wanted: object
let wantedJournal: string[]
/** Of the same run, with each `progress` between. */
const events: string[] = []
beforeAll(async () => {
  const note = (event: TestEvent): void => {
    const step = 'step' in event ? `${event.step} ${event.dump ?? ''}` : ''
    events.push(`${event.kind} ${step}`.trim())
  }
  await startRun(plan, { folder: at('whole'), stopAt: 'end', sinks: [note], signal: never })
  wanted = outcomeOf(at('whole'))
  wantedJournal = journalOf(at('whole'))
})

function expectAsUnkilled(run: string): void {
  expect(outcomeOf(run)).toEqual(wanted)
  expect(journalOf(run)).toEqual(wantedJournal)
  rmSync(run, { recursive: true })
}

async function resumeHere(run: string): Promise<void> {
  expect(await resumeRun({ folder: run, stopAt: 'end', sinks: [], signal: never })).toMatchObject({
    ended: 'finished',
  })
}

/** Kills a new run at the first journal line that `pattern` fits. */
function killedAt(pattern: RegExp, plan = SMALL, journal = wantedJournal): string {
  const run = at(`killed-${pattern.source.replace(/\W+/g, '-')}`)
  const count = journal.findIndex((line) => pattern.test(line)) + 1
  expect(count).toBeGreaterThan(0)
  expect(runProcess(run, plan, { kind: 'sync', count })).toBe('SIGKILL')
  return run
}

it.each([
  ['of a full dump', /^begin crash full/, 5, /begin crash full/],
  ['of the copy', /^begin awaitRestart full/, 2, /begin awaitRestart full/],
  ['of the comparison', /^begin examine full/, 40, /Connecting to DumpFile: C:.Windows.MEMORY.DMP$/],
])('ends with the same result when killed in the middle %s', (_, behind, further, lastLine) => {
  const run = at(`progress${further}`)
  const before = events.slice(
    0,
    events.findIndex((event) => behind.test(event)),
  )
  const count = before.filter((event) => event === 'progress').length + further
  expect(runProcess(run, SMALL, { kind: 'progress', count })).toBe('SIGKILL')
  expect(journalOf(run).at(-1)).toMatch(lastLine)
  expect(dumpstack(folder.path, 'test', '--resume', run).code).toBe(0)
  expectAsUnkilled(run)
})

it('takes back a line that the kill cut off, and a resume that was killed as it said so, in a folder that was moved', () => {
  const run = at('moved')
  renameSync(killedAt(/ crashed .*kernel/), run)
  appendFileSync(path.join(run, 'journal.jsonl'), '{"seq":99,"at":17')
  appendFileSync(path.join(run, 'crashdumptest.log'), '2024-01-01 00:0')
  for (const count of [1, 2]) expect(runProcess(run, SMALL, { kind: 'sync', count })).toBe('SIGKILL')
  const { code, stdout } = dumpstack(folder.path, 'test', '--resume', run, '--json', '--junit', 'junit.xml')
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toEqual(resultOf(run))
  expect(readFileSync(at('junit.xml'), 'utf8')).toContain('failures="0" errors="0" skipped="0"')
  expect(readFileSync(path.join(run, 'crashdumptest.log'), 'utf8')).toMatch(
    /\(i\) Resumed at the last power off: 2 events of the killed process are taken back\.\n/,
  )
  expectAsUnkilled(run)
})

it('ends its process at each crash where asked, and goes on in the next', () => {
  const run = at('crashes')
  const ends = [1, 2, 3, 4].map(() => runProcess(run, SMALL, null, 'crash'))
  expect(ends).toEqual(['crashed full', 'crashed kernel', 'crashed mini', 'finished'])
  expectAsUnkilled(run)
})

it.each<[what: string, change: Partial<SmallPlan>]>([
  ['scenario wrong-bugcheck', { scenario: 'wrong-bugcheck', dumps: ['mini'] }],
  ['scenario stale-dump', { scenario: 'stale-dump', dumps: ['kernel', 'mini'] }],
  ['scenario no-dump-copy-failed', { scenario: 'no-dump-copy-failed', dumps: ['full', 'kernel'] }],
  ['scenario no-dump-never-written', { scenario: 'no-dump-never-written', dumps: ['kernel'] }],
  ['scenario dump-in-use', { scenario: 'dump-in-use', dumps: ['mini'] }],
  ['scenario other-controller', { scenario: 'other-controller', dumps: ['kernel', 'mini'] }],
  ['scenario wrong-symbols', { scenario: 'wrong-symbols', dumps: ['mini'] }],
  ['virtio-blk', { controller: 'virtio-blk', dumps: ['kernel', 'mini'] }],
  ['a driver file that breaks a rule', { driver: BAD_DRIVER, dumps: ['mini', 'kernel'] }],
])(
  'ends with the same result with %s, killed once its first dump is written and as it looks at the last',
  (_, change) => {
    const plan: SmallPlan = { ...SMALL, ...change }
    expect(runProcess(at('unkilled'), plan, null)).toBe('finished')
    const journal = journalOf(at('unkilled'))
    const run = killedAt(/ begin awaitRestart /, plan, journal)
    const last = journal.findLastIndex((line) => / begin examine /.test(line))
    expect(runProcess(run, plan, { kind: 'sync', count: syncOfLine(run, last) })).toBe('SIGKILL')
    expect(journalOf(run).at(-1)).toBe(journal[last])
    expect(runProcess(run, plan, null)).toBe('finished')
    expect(outcomeOf(run)).toEqual(outcomeOf(at('unkilled')))
    expect(journalOf(run)).toEqual(journal)
    for (const made of [run, at('unkilled')]) rmSync(made, { recursive: true })
  },
  600_000,
)

it('has only its result left to write where the host refused that', async () => {
  const run = at('refused')
  const inTheWay = path.join(run, 'result.json.tmp')
  const block = (event: TestEvent): void => {
    if (event.kind === 'run') mkdirSync(inTheWay)
  }
  const end = await startRun(plan, { folder: run, stopAt: 'end', sinks: [block], signal: never })
  expect(end).toMatchObject({ ended: 'stopped', error: { code: 'RUN_FOLDER_UNSAFE' } })
  rmdirSync(inTheWay)
  await resumeHere(run)
  expectAsUnkilled(run)
})

it('keeps the disk of a run that was to stop after the crash, and was killed in it', () => {
  const plan: SmallPlan = { ...SMALL, stopAfter: 'crash' }
  expect(runProcess(at('unkilled'), plan, null)).toBe('finished')
  const run = killedAt(/ crashed /, plan, journalOf(at('unkilled')))
  const { code, stdout } = dumpstack(folder.path, 'test', '--resume', run)
  expect(stdout).toContain('Stopped after the crash of the full dump')
  expect(code).toBe(3)
  const extents = (folder: string): string => readFileSync(path.join(folder, 'extents.json'), 'utf8')
  expect(extents(run)).toBe(extents(at('unkilled')))
  expect(existsSync(path.join(run, 'disk.img'))).toBe(true)
  for (const made of [run, at('unkilled')]) rmSync(made, { recursive: true })
})

it('says again what a run came to that has its end', () => {
  const again = dumpstack(folder.path, 'test', '--resume', 'whole')
  expect([again.code, again.stdout]).toEqual([0, 'The run in whole has finished. Verdict: pass\n'])
  const { stdout } = dumpstack(folder.path, 'test', '--resume', 'whole', '--json')
  expect(JSON.parse(stdout)).toEqual(resultOf(at('whole')))
  const { code, stderr } = dumpstack(folder.path, 'test', '--resume', 'whole', '--junit', 'j.xml')
  expect([code, stderr]).toEqual([2, 'error: --junit j.xml: the run in whole has finished already\n'])
})

it('takes no other options beside --resume, and names those that were given', () => {
  const { code, stderr } = dumpstack(
    folder.path,
    'test',
    '--resume',
    'whole',
    '--seed',
    '1',
    '--ram',
    '64M',
    '--json',
  )
  expect([code, stderr]).toEqual([
    2,
    "error: --resume takes the run's own options: leave out --ram, --seed\n",
  ])
})

it('names what keeps a folder from being resumed, and leaves it to be resumed later', async () => {
  const run = killedAt(/ end awaitRestart kernel/)
  const file = (name: string): string => path.join(run, name)
  const state = readFileSync(file('state.json'), 'utf8')
  const resume = (): Promise<unknown> => resumeRun({ folder: run, stopAt: 'end', sinks: [], signal: never })
  const withState = (from: string | RegExp, to: string): (() => void) => {
    return () => writeFileSync(file('state.json'), state.replace(from, to))
  }
  const cut = (name: string, byteLength: number): (() => void) => {
    return () => truncateSync(file(name), byteLength)
  }
  const cases: [name: string, damage: () => void, text: string | RegExp][] = [
    ['state.json', () => rmSync(file('state.json')), 'cannot be resumed: state.json is not there'],
    [
      'state.json',
      withState('"format":1', '"format":2'),
      'format is 2, expected 1: the run is of another version',
    ],
    ['state.json', cut('state.json', 300), 'state.json is not JSON'],
    ['state.json', withState(/"nowNs":\d+/, '"nowNs":-1'), 'nowNs is -1, expected a number of at least 0'],
    ['state.json', withState(/"ramBytes":\d+/, '"ramBytes":9e15'), 'options: ramBytes is 9000000000000000'],
    ['state.json', withState('"stage":"awaitRestart"', '"stage":"restart"'), 'stage is restart'],
    ['state.json', withState(/"journalBytes":\d+/, '"journalBytes":777'), 'byte 777 is inside a line'],
    ['journal.jsonl', () => rmSync(file('journal.jsonl')), 'holds no run: journal.jsonl is not there'],
    ['journal.jsonl', cut('journal.jsonl', 1000), 'holds 1000 bytes, expected at least'],
    ['crashdumptest.log', cut('crashdumptest.log', 10), 'holds 10 bytes, expected at least'],
    ['kernel/truth.bin', cut('kernel/truth.bin', 4096), 'truth.bin holds 4096 bytes, expected at least'],
    [
      'disk.json',
      () => renameSync(file('disk.img'), file('gone')),
      'disk.img is not there, expected 68719476736',
    ],
  ]
  for (const [name, damage, text] of cases) {
    const whole = readFileSync(file(name))
    damage()
    await expect(resume(), `${name}: ${text}`).rejects.toThrow(text)
    writeFileSync(file(name), whole)
  }
  renameSync(file('gone'), file('disk.img'))
  const lock = await RunLock.take(run)
  const { code, stderr } = dumpstack(folder.path, 'test', '--resume', run)
  expect([code, stderr]).toEqual([
    4,
    expect.stringMatching(`process ${process.pid} of host .* works on the run in`),
  ])
  lock.release()
  await resumeHere(run)
  expectAsUnkilled(run)
})
