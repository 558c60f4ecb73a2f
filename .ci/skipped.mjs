// Reads vitest's JSON reports: prints the totals and fails when a test was skipped that could have run here.
// The one thing a machine may lack is the folder of real inputs beside the project (../shared/data).
import { existsSync, readFileSync } from 'node:fs'

const reports = process.argv.slice(2).map((file) => JSON.parse(readFileSync(file, 'utf8')))

const tests = reports.flatMap(({ testResults }) => testResults.flatMap((file) => file.assertionResults))
const count = (status) => tests.filter((test) => test.status === status).length
const skipped = tests.filter(
  (test) => test.status === 'pending' || test.status === 'skipped' || test.status === 'todo',
)
const haveInputs = existsSync(new URL('../../shared/data', import.meta.url))
const unexcused = skipped.filter((test) => haveInputs || !test.fullName.includes('shared/data'))
for (const test of skipped) console.error(`skipped: ${test.fullName}`)
console.log(`${count('passed')} passed, ${count('failed')} failed, ${skipped.length} skipped`)
const isEmpty = reports.length === 0 || reports.some(({ numPassedTests }) => numPassedTests === 0)
if (isEmpty || unexcused.length > 0) process.exit(1)
