// The program: exit codes are those of the verdict, 2 for usage, 4 for infrastructure, 130 after Ctrl-C.
import { runCommandLine } from './command-line.ts'
import { surviveClosedPipes } from './terminal.ts'

surviveClosedPipes()
process.exitCode = await runCommandLine(process.argv.slice(2))
