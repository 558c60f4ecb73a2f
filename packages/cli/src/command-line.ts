// The command line: options, help, and what ends the process with which code.
import { readFileSync } from 'node:fs'
import { DUMP_TYPES, scenarios } from '@dumpstack/crashtest'
import { Command, CommanderError, Option } from 'commander'
import type { GivenExamineOptions } from './examine.ts'
import { EXIT_USAGE } from './exit-code.ts'
import { reportFailure } from './failure.ts'
import type { GivenCallsOptions } from './run-calls.ts'
import type { GivenPdbOptions } from './run-pdb.ts'
import { parsePageFileSize, parseSize, parseWhole } from './sizes.ts'
import {
  CONTROLLERS,
  controllerOf,
  DEFAULT_CONTROLLER,
  DEFAULT_PAGE_FILE,
  type GivenTestOptions,
  MOST_CPUS,
  MOST_SEED,
  parseDumps,
  parseDumpType,
  parsePath,
  parseScenario,
  parseStopAfter,
  planTest,
} from './test-options.ts'
import { UsageError } from './usage-error.ts'

const DEFAULT_SEED = 1
const STACK_RAM = 128 * 2 ** 20

interface GivenCheckOptions {
  readonly pdb?: string
  readonly controller: string
  readonly seed: number
  readonly sarif?: string
  readonly json?: true
}

const EXIT_CODES = `
Exit codes: 0 pass, 1 fail, 2 wrong use, 3 inconclusive,
            4 the host failed (folder, disk), 130 stopped by Ctrl-C`

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

export function commandLine(exit: (code: number) => void): Command {
  const defaultPageFile = parsePageFileSize(DEFAULT_PAGE_FILE)
  const program = new Command('dumpstack')
    .description('Proves that a storage driver can write a Windows crash dump, and reads the dumps.')
    .version(version(), '-V, --version', 'print the version')
    .option('--verbose', 'after an error, also print where it came from')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  dumpstack test                           every type of dump, 512 MiB of RAM
  dumpstack test --scenario dump-in-use    when MEMORY.DMP is locked
  dumpstack test --driver viostor.sys      dumps that this driver file writes
  dumpstack test --resume dumpstack-run    go on with a run that was killed
  dumpstack check viostor.sys              does it keep the contract? in seconds
  dumpstack examine dumpstack-run          look at the dumps of that run again
  dumpstack verify MEMORY.DMP --all-pages  is this dump whole?
${EXIT_CODES}`,
    )

  program
    .command('test')
    .summary('crash a machine, restart it, judge its dumps')
    .description(
      'The Crashdump Support Test: boots a Windows-shaped machine, crashes it with bugcheck 0xE2 while its disk is busy, ' +
        'restarts it, finds each dump and compares every page or block with the RAM that it came from.',
    )
    .addOption(
      option('--dumps <types>', 'dump types to test, in order')
        .argParser(parseDumps)
        .default(DUMP_TYPES, DUMP_TYPES.join(',')),
    )
    .addOption(
      option('--ram <size>', 'RAM that the guest can use: 512M, 1G, 1073094656B')
        .argParser(parseSize)
        .default(512 * 2 ** 20, '512M'),
    )
    .addOption(
      option('--cpus <n>', `number of CPUs, 1 to ${MOST_CPUS}`)
        .argParser(parseWhole(1, MOST_CPUS))
        .default(4),
    )
    .addOption(controllerOption())
    .addOption(
      option(
        '--pagefile <size>',
        `page file: MB, mem+N (RAM in MB plus N), or bytes: 1074143232B (default: ${DEFAULT_PAGE_FILE})`,
      ).argParser(parsePageFileSize),
    )
    .addOption(
      option('--scenario <name>', 'break the system in a known way, see below').argParser(parseScenario),
    )
    .addOption(
      option('--seed <n>', 'same options and seed, same bytes')
        .argParser(parseWhole(0, MOST_SEED))
        .default(DEFAULT_SEED),
    )
    .addOption(
      option(
        '--out <dir>',
        'run folder: journal, log, dumps and truth (default: dumpstack-run, or the next free number)',
      ).argParser(parsePath),
    )
    .addOption(
      option(
        '--stop-after <step>',
        "'crash': keep the disk as the dump driver left it, judge nothing",
      ).argParser(parseStopAfter),
    )
    .addOption(symbolPathOption())
    .addOption(
      option(
        '--driver <file>',
        'a .sys file that runs the disk and writes the dump: its code is executed',
      ).argParser(parsePath),
    )
    .addOption(
      option('--pdb <file>', 'names for the driver file (default: the PDB beside it)').argParser(parsePath),
    )
    .addOption(
      option(
        '--resume <dir>',
        'go on with the killed run in that folder, with its own options; only --json and --junit beside it',
      ).argParser(parsePath),
    )
    .option('--json', 'print the result as one JSON object on stdout')
    .addOption(option('--junit <file>', 'write the result as JUnit XML').argParser(parsePath))
    .addHelpText('after', `\nScenarios:\n${scenarioLines()}\n${EXIT_CODES}`)
    .action(async (given: GivenTestOptions, command: Command) => {
      const output = { json: given.json === true, junit: given.junit ?? null }
      if (given.resume !== undefined) {
        refuseBesideResume(command)
        const { resumeTest } = await import('./run-test.ts')
        exit(await resumeTest(given.resume, output))
        return
      }
      let plan = planTest(given, defaultPageFile)
      const controller = await controllerWith(command, given.controller, given.driver, given.pdb ?? null)
      if (controller !== given.controller) plan = planTest({ ...given, controller }, defaultPageFile)
      const { runTest } = await import('./run-test.ts')
      exit(await runTest(plan, given.out ?? null, output))
    })

  program
    .command('check')
    .summary('does a driver file keep the dump-mode contract?')
    .description(
      'The contract check of a storage miniport: loads it, does some I/O, crashes with requests in flight and writes a few MiB through its dump copy, ' +
        'on each kind of disk that drivers get wrong. Its code is executed. No volume, no restart, no dump files: dumpstack test --driver does those.',
    )
    .argument('<file>', 'a Storport miniport for x64: viostor.sys')
    .addOption(
      option('--pdb <file>', 'names for the driver file (default: the PDB beside it)').argParser(parsePath),
    )
    .addOption(controllerOption())
    .addOption(
      option('--seed <n>', 'same options and seed, same run')
        .argParser(parseWhole(0, MOST_SEED))
        .default(DEFAULT_SEED),
    )
    .addOption(option('--sarif <file>', 'write the findings as SARIF 2.1.0').argParser(parsePath))
    .option('--json', 'print the result as one JSON object on stdout')
    .addHelpText('after', `\nExample:\n  dumpstack check viostor.sys --controller virtio-blk\n${EXIT_CODES}`)
    .action(async (file: string, given: GivenCheckOptions, command: Command) => {
      const { runCheck } = await import('./run-check.ts')
      const isAsked = command.getOptionValueSource('controller') === 'default'
      exit(
        runCheck({
          file,
          pdb: given.pdb ?? null,
          controller: isAsked ? null : controllerOf(given.controller),
          seed: given.seed,
          sarif: given.sarif ?? null,
          json: given.json === true,
          toolVersion: version(),
        }),
      )
    })

  program
    .command('examine')
    .summary('examine the dumps of a finished run again, or any dump')
    .description(
      'Examines the dumps of a finished run again, against the truth that it kept; or any dump file, by its own words and with the debugger. ' +
        'Changes nothing.',
    )
    .argument('<path>', 'run folder of dumpstack test, or a dump file')
    .addOption(
      option('--as <type>', `of which type a dump file should be: ${DUMP_TYPES.join(', ')}`).argParser(
        parseDumpType,
      ),
    )
    .addOption(symbolPathOption())
    .addOption(option('--junit <file>', 'write the result as JUnit XML').argParser(parsePath))
    .option('--json', 'print the result as one JSON object on stdout')
    .addHelpText(
      'after',
      `\nExamples:\n  dumpstack examine dumpstack-run --json\n  dumpstack examine MEMORY.DMP --as kernel -y SRV*C:\\Symbols\n${EXIT_CODES}`,
    )
    .action(async (place: string, given: GivenExamineOptions) => {
      const { examine } = await import('./examine.ts')
      exit(await examine(place, given))
    })

  program
    .command('calls')
    .summary('what a driver file called, and which registers it touched')
    .description(
      'Lists every import call and every register access of a run with --driver: virtual time since power on, life (the runtime instance or ' +
        'the one of the dump), IRQL, entry point, place in the image by offset and PDB, then the call with arguments and result, or the register with its value.',
    )
    .argument('<dir>', 'run folder of dumpstack test --driver FILE.sys')
    .addOption(
      option(
        '--dump <type>',
        `only the start that ended in the crash of that dump: ${DUMP_TYPES.join(', ')}`,
      ).argParser(parseDumpType),
    )
    .addOption(option('--life <life>', 'only one instance of the driver').choices(['runtime', 'dump']))
    .addOption(option('--routine <name>', 'only what happens in that entry point: HwFindAdapter, HwStart*'))
    .addOption(option('--call <name>', 'only that import: StorPortInitialize, RequestComplete, StorPort*'))
    .addOption(
      option('--register <name>', 'only that register: PxCI (of any port), P0CI, QUEUE_NOTIFY, BAR5+0x138'),
    )
    .option('--summary', 'how often each call and each register access happened, instead of the list')
    .option('--json', 'one JSON object a line; with --summary one object')
    .addHelpText(
      'after',
      `
In names * stands for anything, and case does not count. --call and --register together show what matches either.

Examples:
  dumpstack calls dumpstack-run --dump full --routine HwFindAdapter
  dumpstack calls dumpstack-run --life dump --call RequestComplete --register PxCI
  dumpstack calls dumpstack-run --summary

Exit codes: 0 shown, 2 wrong use, 4 no such run, no driver file in it, or a damaged record`,
    )
    .action(async (folder: string, given: GivenCallsOptions) => {
      const { runCalls } = await import('./run-calls.ts')
      exit(await runCalls(folder, given))
    })

  program
    .command('verify')
    .summary('is a dump file whole?')
    .description(
      'Checks a crash dump by its own words: size, counts, bitmap, runs, pools, KDBG, page tables, module list.',
    )
    .argument('<file>', 'a kernel crash dump: MEMORY.DMP, a minidump')
    .option('--all-pages', 'also read every page')
    .option('--json', 'print the report as one JSON object on stdout')
    .addHelpText('after', `\nExample:\n  dumpstack verify MEMORY.DMP --json\n${EXIT_CODES}`)
    .action(async (file: string, given: { json?: true; allPages?: true }) => {
      const { runVerify } = await import('./run-verify.ts')
      exit(await runVerify(file, given.json === true, given.allPages === true))
    })

  program
    .command('kd')
    .summary('debug a dump')
    .description('The debugger: the same as the program kd. `dumpstack kd -?` lists its options.')
    .argument('[args...]', 'options of kd: -z FILE -y PATH -c "cmd; cmd" -logo FILE --json')
    .allowUnknownOption()
    .helpOption(false)
    .action(async (args: readonly string[]) => exit(await kd(args)))

  program
    .command('cmd')
    .summary('a command line of Windows in a run folder')
    .description(
      'Runs a command line as the test kit prints it in the system of a run: C: is the run folder, the program is the debugger ' +
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

  program
    .command('stack')
    .summary('list the drivers of the crash dump stack')
    .description(
      'Boots the machine and lists the crash dump stack: name on disk, name in memory, base, size, purpose.',
    )
    .addOption(controllerOption())
    .option('--json', 'print the list as one JSON object on stdout')
    .addHelpText('after', EXIT_CODES)
    .action(async ({ controller, ...given }: { json?: true; controller: string }) => {
      const plan = planTest(
        { dumps: ['full'], ram: STACK_RAM, cpus: 1, controller, seed: DEFAULT_SEED },
        defaultPageFile,
      )
      const { runStack } = await import('./run-stack.ts')
      exit(runStack(plan, given.json === true))
    })
  program
    .command('pdb')
    .summary('what a PDB holds: identity, publics, types, lines')
    .description('Shows what a PDB holds: one view at a time, --summary unless another is asked for.')
    .argument('<file>', 'a PDB (MSF 7.00)')
    .option('--summary', 'identity as symbol stores write it, and counts')
    .option('--publics', 'every public, by address: RVA, segment:offset, name')
    .option('--types [name]', 'every type with its size; with a name, its fields as dt shows them')
    .option('--lines <address>', 'source line, function and locals at an RVA (0x1234), a name or name+0x10')
    .option('--json', 'print the view as one JSON object on stdout')
    .addHelpText(
      'after',
      `
Examples:
  dumpstack pdb ntkrnlmp.pdb
  dumpstack pdb ntkrnlmp.pdb --types _LIST_ENTRY
  dumpstack pdb ntkrnlmp.pdb --lines KeBugCheck2+0x10

Exit codes: 0 shown, 1 not a PDB, damaged, or without what was asked for, 2 wrong use`,
    )
    .action(async (file: string, given: GivenPdbOptions) => {
      const { runPdb, viewOf } = await import('./run-pdb.ts')
      exit(runPdb(file, viewOf(given), given.json === true))
    })
  return program
}

/** A run goes on as it began: any other option would have to change what has already happened. */
function refuseBesideResume(command: Command): void {
  const allowed = ['--resume', '--json', '--junit']
  const given = command.options
    .filter((one) => command.getOptionValueSource(one.attributeName()) === 'cli')
    .map((one) => one.long ?? one.short ?? one.flags)
    .filter((name) => !allowed.includes(name))
  if (given.length === 0) return
  throw new UsageError(`--resume takes the run's own options: leave out ${given.join(', ')}`)
}

/** Of two values for one option, the first would silently mean nothing. */
function refuseRepeats(args: readonly string[]): void {
  const names = args.filter((arg) => arg.startsWith('--') || arg === '-y').map((arg) => arg.split('=', 1)[0]!)
  const repeated = names.find((name, index) => names.indexOf(name) < index)
  if (repeated !== undefined) throw new UsageError(`${repeated} is given twice`)
}

async function kd(args: readonly string[]): Promise<number> {
  const { runKd } = await import('./kd.ts')
  return await runKd(args)
}

const option = (flags: string, description: string): Option => new Option(flags, description)

/** With a driver file and no --controller: the one that the driver is for. */
async function controllerWith(
  command: Command,
  given: string,
  driver: string | undefined,
  pdb: string | null,
): Promise<string> {
  if (driver === undefined || command.getOptionValueSource('controller') !== 'default') return given
  const { controllerOfDriver } = await import('./driver-controller.ts')
  return controllerOfDriver(driver, pdb)
}

const controllerOption = (): Option =>
  option('--controller <name>', `the controller under test: ${CONTROLLERS.join(', ')}`).default(
    DEFAULT_CONTROLLER,
  )

const symbolPathOption = (): Option =>
  option(
    '-y <path>',
    'symbol path of the debugger: folders, SRV*store*... separated by ; (default: those of our own guest)',
  ).argParser(parsePath)

function scenarioLines(): string {
  const width = Math.max(...scenarios.map((scenario) => scenario.name.length))
  return scenarios.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join('\n')
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  const manifest: unknown = JSON.parse(text)
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest)
    return String(manifest.version)
  throw new Error('package.json names no version')
}
