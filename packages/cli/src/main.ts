// The program: exit codes are those of the verdict, 2 for usage, 4 for infrastructure, 130 after Ctrl-C.
import { systemReason } from '@dumpstack/bytes/node'
import { surviveClosedPipes } from './closed-pipes.ts'
import { runCommandLine } from './command-line.ts'
import { EXIT_INFRASTRUCTURE } from './exit-code.ts'
import { tell } from './terminal.ts'

let outputFailed = false
surviveClosedPipes((error) => {
  outputFailed = true
  process.exitCode = EXIT_INFRASTRUCTURE
  tell(`error: cannot write the output: ${systemReason(error)}`)
})
const code = await runCommandLine(process.argv.slice(2))
if (!outputFailed) process.exitCode = code
