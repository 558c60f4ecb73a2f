// One process of a run that ends itself with SIGKILL at a given event, behind the sync of its line in the journal:
//   node killed-run.mjs FOLDER PLAN KIND COUNT [crash]
// PLAN is what planTest takes, as JSON; KIND `sync` counts the events that this process journals, `progress` the others,
// COUNT 0 kills never. A run in the folder is resumed. `crash` ends the process in order at each crash.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { scenarios } from '@dumpstack/crashtest'
import { planTest, resumeRun, startRun } from 'dumpstack/session'

const [folder, plan, kind, count, stopAt = 'end'] = process.argv.slice(2)
const state = path.join(folder, 'state.json')
const firstSeq = existsSync(state) ? JSON.parse(readFileSync(state, 'utf8')).position.nextSeq : 0
let left = Number(count)
const killer = (event) => {
  const isCounted = event.seq >= firstSeq && (event.kind === 'progress') === (kind === 'progress')
  if (isCounted && --left === 0) process.kill(process.pid, 'SIGKILL')
}
const options = { folder, stopAt, sinks: [killer], signal: new AbortController().signal }
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
if (end.ended === 'brokenOff') throw end.error
process.stdout.write(end.ended === 'crashed' ? `crashed ${end.dump}` : end.ended)
