// The command line: the commands, and what ends the process with which code.
import { Command, CommanderError } from 'commander'
import { addCalls } from './calls/command.ts'
import { addCheck } from './check/command.ts'
import { addCmd } from './cmd/command.ts'
import { addExamine } from './examine/command.ts'
import { EXIT_CODES, type Exit } from './options/options.ts'
import { addPdb } from './pdb/command.ts'
import { EXIT_USAGE } from './program/exit-code.ts'
import { reportFailure } from './program/failure.ts'
import { UsageError } from './program/usage-error.ts'
import { version } from './program/version.ts'
import { addStack } from './stack/command.ts'
import { printText, tell, tellText } from './terminal/terminal.ts'
import { addTest } from './test/command.ts'
import { addVerify } from './verify/command.ts'

/** Each command loads what it needs when it runs: wrong options and help cost nothing. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  let exitCode = 0
  const program = commandLine((code) => {
    exitCode = code
  })
  try {
    // kd has its own options: none of them is one of ours, whatever it is called.
    if (args[0] === 'kd') return await kd(args.slice(1))
    refuseRepeats(args)
    await program.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE
    return reportFailure(error, program.opts()['verbose'] === true)
  }
}

export function commandLine(exit: Exit): Command {
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
  dumpstack test --resume dumpstack-run    go on with a run that was stopped
  dumpstack check viostor.sys              does it keep the contract? in seconds
  dumpstack examine dumpstack-run          look at the dumps of that run again
  dumpstack verify MEMORY.DMP --all-pages  is this dump whole?
${EXIT_CODES}`,
    )

  addTest(program, exit)
  addCheck(program, exit)
  addExamine(program, exit)
  addCalls(program, exit)
  addVerify(program, exit)
  program
    .command('kd')
    .summary('debug a dump')
    .description('The debugger: the same as the program kd. `dumpstack kd -?` lists its options.')
    .argument('[args...]', 'options of kd: -z FILE -y PATH -c "cmd; cmd" -logo FILE --json')
    .allowUnknownOption()
    .helpOption(false)
    .action(async (args: readonly string[]) => exit(await kd(args)))

  addCmd(program, exit)
  addStack(program, exit)
  addPdb(program, exit)
  return program
}

/** One line that quotes what was typed, and perhaps a second with what might be meant. */
function tellRefusal(text: string): void {
  for (const line of text.trimEnd().split(/\n(?=\(Did you mean )/)) tell(line)
}

/** Of two values for one option, the first would silently mean nothing; --device names one of many settings. */
function refuseRepeats(args: readonly string[]): void {
  const names = args
    .filter((arg) => (arg.startsWith('--') && arg !== '--device') || arg === '-y')
    .map((arg) => arg.split('=', 1)[0]!)
  const repeated = names.find((name, index) => names.indexOf(name) < index)
  if (repeated !== undefined) throw new UsageError(`${repeated} is given twice`)
}

async function kd(args: readonly string[]): Promise<number> {
  const { runKd } = await import('./kd/run-kd.ts')
  return await runKd(args)
}
