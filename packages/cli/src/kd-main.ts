// The program kd: exit codes 0, 1 for a file that is no readable dump, 2 for usage, 4 for infrastructure.
import { systemReason } from '@dumpstack/bytes/node'
import { surviveClosedPipes } from './closed-pipes.ts'
import { EXIT_INFRASTRUCTURE } from './exit-code.ts'
import { runKd } from './kd.ts'
import { tell } from './terminal.ts'

let outputFailed = false
surviveClosedPipes((error) => {
  outputFailed = true
  process.exitCode = EXIT_INFRASTRUCTURE
  tell(`error: cannot write the output: ${systemReason(error)}`)
})
const code = await runKd(process.argv.slice(2))
if (!outputFailed) process.exitCode = code
