// `dumpstack cmd`: its arguments and help.
import type { Command } from 'commander'
import type { Exit } from '../program/exit-code.ts'

export function defineCmd(command: Command, exit: Exit): void {
  command
    .description(
      'Runs a command line, as the Windows Hardware Lab Kit (HLK) prints it, in the system of a run: C: is the run folder, the program is the debugger ' +
        'that the test installs there.',
    )
    .argument('<dir>', 'run folder')
    .argument('<line>', 'the command line, as one argument')
    .addHelpText(
      'after',
      `
Example:
  dumpstack cmd dumpstack-run 'c:\\Debuggers\\kd -z c:\\Windows\\MEMORY.DMP -y SRV*C:\\Symbols*https://symbols.example'

Exit codes: those of kd`,
    )
    .action(async (dir: string, line: string) => {
      const { runCmd } = await import('./run-cmd.ts')
      exit(await runCmd(dir, line))
    })
}
