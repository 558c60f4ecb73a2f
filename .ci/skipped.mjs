// Reads vitest's JSON report: prints the totals and fails when a test was skipped that could have run here.
// The one thing a machine may lack is the folder of real inputs beside the project (../shared/data).
import { existsSync, readFileSync } from 'node:fs'

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const tests = report.testResults.flatMap((file) => file.assertionResults)
const skipped = tests.filter(
  (test) => test.status === 'pending' || test.status === 'skipped' || test.status === 'todo',
)
const haveInputs = existsSync(new URL('../../shared/data', import.meta.url))
const unexcused = skipped.filter((test) => haveInputs || !test.fullName.includes('shared/data'))
for (const test of skipped) console.error(`skipped: ${test.fullName}`)
console.log(`${report.numPassedTests} passed, ${report.numFailedTests} failed, ${skipped.length} skipped`)
if (report.numPassedTests === 0 || unexcused.length > 0) process.exit(1)
