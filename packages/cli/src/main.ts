// The program: exit codes are those of the verdict, 2 for usage, 4 for infrastructure, 130 after Ctrl-C.
import { runProgram } from './program/program.ts'

await runProgram(
  import.meta.url,
  async () => (await import('./command-line.ts')).runCommandLine,
  (args) => ['test', 'check'].includes(args.find((arg) => !arg.startsWith('-')) ?? ''),
)
