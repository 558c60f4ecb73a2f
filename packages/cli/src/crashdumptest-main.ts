// The program crashdumptest; its exit codes: docs/crashdumptest.md.
import { systemReason } from '@dumpstack/bytes/node'
import { surviveClosedPipes } from './closed-pipes.ts'
import { runCrashdumptest } from './crashdumptest.ts'
import { EXIT_INFRASTRUCTURE } from './exit-code.ts'
import { tell } from './terminal.ts'

let outputFailed = false
surviveClosedPipes((error) => {
  outputFailed = true
  process.exitCode = EXIT_INFRASTRUCTURE
  tell(`error: cannot write the output: ${systemReason(error)}`)
})
const code = await runCrashdumptest(process.argv.slice(2))
if (!outputFailed) process.exitCode = code
