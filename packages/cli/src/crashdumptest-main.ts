// The program crashdumptest; its exit codes: docs/crashdumptest.md.
import { systemReason } from '@dumpstack/bytes/node'
import { surviveClosedPipes } from './closed-pipes.ts'
import { runCrashdumptest } from './crashdumptest.ts'
import { EXIT_INFRASTRUCTURE } from './exit-code.ts'

let outputFailed = false
surviveClosedPipes((error) => {
  outputFailed = true
  process.exitCode = EXIT_INFRASTRUCTURE
  process.stderr.write(`error: cannot write the output: ${systemReason(error)}\n`)
})
const code = await runCrashdumptest(process.argv.slice(2))
if (!outputFailed) process.exitCode = code
