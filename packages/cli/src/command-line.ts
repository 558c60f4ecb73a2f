// The command line: the commands, and what ends the process with which code.
import { Command, CommanderError } from 'commander'
import { COMMANDS } from './commands.ts'
import { EXIT_CODES, EXIT_USAGE, type Exit } from './program/exit-code.ts'
import { UsageError } from './program/usage-error.ts'
import { version } from './program/version.ts'
import { printText, tell, tellText } from './terminal/terminal.ts'

export async function runCommandLine(args: readonly string[]): Promise<number> {
  let exitCode = 0
  try {
    // kd has its own options: none of them is one of ours, whatever it is called.
    if (args[0] === 'kd') return await (await import('./kd/run-kd.ts')).runKd(args.slice(1))
    refuseRepeats(args)
    const program = await commandLine(wantedCommand(args), (code) => {
      exitCode = code
    })
    await program.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE
    const { reportFailure } = await import('./program/failure.ts')
    return reportFailure(error, args.includes('--verbose'))
  }
}

/** The command that is asked for, or whose help is: the first word that is no option. */
function wantedCommand(args: readonly string[]): string | undefined {
  const words = args.filter((arg) => !arg.startsWith('-'))
  return words[0] === 'help' ? words[1] : words[0]
}

/** Only the wanted command has its options and its help. */
async function commandLine(wanted: string | undefined, exit: Exit): Promise<Command> {
  const program = new Command('dumpstack')
    .description('Proves that a storage driver can write a Windows crash dump, and reads the dumps.')
    .version(version(), '-V, --version', 'print the version')
    .option('--verbose', 'after an error, also print where it came from')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .exitOverride()
    .configureOutput({ writeOut: printText, writeErr: tellText, outputError: tellRefusal })
    .addHelpText(
      'after',
      `
Examples:
  dumpstack test                           every type of dump, 512 MiB of RAM
  dumpstack test --scenario dump-in-use    when MEMORY.DMP is locked
  dumpstack test --driver viostor.sys      dumps that this driver file writes
  dumpstack test --resume dumpstack-run    continue a run that was stopped
  dumpstack check viostor.sys              does it keep the contract?
  dumpstack examine dumpstack-run          examine the dumps of that run again
  dumpstack verify MEMORY.DMP --all-pages  is this dump whole?
${EXIT_CODES}`,
    )

  for (const { name, summary, load } of COMMANDS) {
    const command = program.command(name).summary(summary)
    if (name === wanted) (await load())(command, exit)
  }
  return program
}

/** One line that quotes what was typed, and perhaps a second with what might be meant. */
function tellRefusal(text: string): void {
  for (const line of text.trimEnd().split(/\n(?=\(Did you mean )/)) tell(line)
}

/** Refuses an option that is given twice, whose first value would be ignored; --device names one of many settings. */
function refuseRepeats(args: readonly string[]): void {
  const names = args
    .filter((arg) => (arg.startsWith('--') && arg !== '--device') || arg === '-y')
    .map((arg) => arg.split('=', 1)[0]!)
  const repeated = names.find((name, index) => names.indexOf(name) < index)
  if (repeated !== undefined) throw new UsageError(`${repeated} is given twice`)
}
