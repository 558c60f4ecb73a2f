// One process of a run that sends itself a signal at a given event, after the sync of its line in the journal:
//   node killed-run.mjs FOLDER PLAN KIND COUNT [STOP-AT [SIGNAL [TIMING]]]
// PLAN is what planTest takes, as JSON; KIND `sync` counts the events that this process journals, `progress` the others,
// COUNT 0 kills never. A run in the folder is resumed. STOP-AT `crash` ends the process in order at each crash. SIGNAL is
// SIGKILL where it is not given. TIMING is that of the lock, as JSON.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { scenarios } from '@dumpstack/crashtest'
import { planTest, resumeRun, startRun } from '#session'
import { catchInterrupts } from '../../packages/cli/dist/program/interrupt.js'

const [folder, plan, kind, count, stopAt = 'end', signal = 'SIGKILL', timing] = process.argv.slice(2)
const state = path.join(folder, 'state.json')
const firstSeq = existsSync(state) ? JSON.parse(readFileSync(state, 'utf8')).position.nextSeq : 0
let left = Number(count)
const killer = (event) => {
  const isCounted = event.seq >= firstSeq && (event.kind === 'progress') === (kind === 'progress')
  if (isCounted && --left === 0) process.kill(process.pid, signal)
}
const interrupt = catchInterrupts()
const options = {
  folder,
  stopAt,
  sinks: [killer],
  signal: interrupt.signal,
  ...(timing && { lockTiming: JSON.parse(timing) }),
}
const { scenario, pageFileBytes, ...given } = JSON.parse(plan)
const end = existsSync(state)
  ? await resumeRun(options)
  : await startRun(
      planTest(
        { ...given, ...(scenario && { scenario: scenarios.find(({ name }) => name === scenario) }) },
        () => pageFileBytes,
      ),
      options,
    )
interrupt.release()
if (end.ended === 'brokenOff' || (end.ended === 'stopped' && !interrupt.signal.aborted)) throw end.error
process.stdout.write(end.ended === 'crashed' ? `crashed ${end.dump}` : end.ended)
