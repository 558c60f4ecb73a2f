// A run that is killed with SIGKILL at any sync of its journal, and resumed, has the same result as one that was
// not: the same JSON but for the host's times, the same journal, the same bytes of every dump.
import { spawnSync } from 'node:child_process'
import { renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { planTest, resumeRun, startRun } from '#session'
import { temporaryFolder } from './cli.ts'
import { journalOf, nextSync, outcomeOf, runProcess, SMALL } from './killed-run.ts'

const folder = temporaryFolder()
afterAll(() => folder.remove())
const at = (name: string): string => path.join(folder.path, name)
const { scenario: _none, ...given } = SMALL
const plan = planTest(given, () => SMALL.pageFileBytes)
const never = new AbortController().signal

let wanted: object
let wantedJournal: string[]
beforeAll(async () => {
  await startRun(plan, { folder: at('whole'), stopAt: 'end', sinks: [], signal: never })
  wanted = outcomeOf(at('whole'))
  wantedJournal = journalOf(at('whole'))
})

function expectAsUnkilled(run: string): void {
  expect(outcomeOf(run)).toEqual(wanted)
  expect(journalOf(run)).toEqual(wantedJournal)
  rmSync(run, { recursive: true })
}

/**
 * A copy of a run folder as it is now, holes and all: what a SIGKILL would leave of it at this instant, without the lock, whose holder
 * lives on here. The test above takes locks over.
 */
function copyOf(run: string, to: string): void {
  const { status, stderr } = spawnSync('cp', ['--archive', '--sparse=always', run, to], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  rmSync(path.join(to, 'run.lock'))
}

async function resumeHere(run: string): Promise<void> {
  expect(await resumeRun({ folder: run, stopAt: 'end', sinks: [], signal: never })).toMatchObject({
    ended: 'finished',
  })
}

it('is killed at every sync, by a process that is killed at the sync before it, and ends with the same result', () => {
  const run = at('chain')
  const killedAt: string[] = []
  let end = runProcess(run, SMALL, { kind: 'sync', count: 1 })
  while (end === 'SIGKILL') {
    killedAt.push(journalOf(run).at(-1)!)
    end = runProcess(run, SMALL, { kind: 'sync', count: nextSync(run) })
  }
  expect(end).toBe('finished')
  expect(killedAt).toEqual(wantedJournal)
  expectAsUnkilled(run)
}, 900_000)

// What lies on the disk at the sync is copied, which is what SIGKILL leaves, and resumed in this process. At the begin of each step of
// each dump: the test above has come by every sync.
it.skipIf(process.platform !== 'linux')(
  'ends with the same result from the start of any step, with nothing left over from other kills',
  async () => {
    const run = at('source')
    const copies: string[] = []
    const copy = (event: { kind: string }): void => {
      if (event.kind !== 'begin') return
      copies.push(at(`copy${copies.length}`))
      copyOf(run, copies.at(-1)!)
    }
    await startRun(plan, { folder: run, stopAt: 'end', sinks: [copy], signal: never })
    expect(copies.length).toBe(wantedJournal.filter((line) => / begin /.test(line)).length)
    for (const one of copies) {
      rmSync(run, { recursive: true })
      renameSync(one, run)
      await resumeHere(run)
      expect(journalOf(run)).toEqual(wantedJournal)
      expect(outcomeOf(run)).toEqual(wanted)
    }
  },
  900_000,
)
