// `dumpstack test`: its options and help.

import { scenarios } from '@dumpstack/crashtest'
import type { Profile } from '@dumpstack/nt'
import { DUMP_TYPES, MAX_CPUS } from '@dumpstack/target'
import type { Command } from 'commander'
import {
  addOutputOptions,
  controllerOption,
  option,
  pdbOption,
  profileOption,
  seedOption,
  symbolPathOption,
} from '../options/options.ts'
import { parsePath } from '../options/path-option.ts'
import { addSettingOptions } from '../options/settings.ts'
import { parsePageFileSize, parseSize, parseWhole } from '../options/sizes.ts'
import { EXIT_CODES, type Exit } from '../program/exit-code.ts'
import { UsageError } from '../program/usage-error.ts'
import {
  DEFAULT_CONTROLLER,
  DEFAULT_PAGE_FILE,
  type GivenTestOptions,
  parseDumps,
  parseScenario,
  parseStopAfter,
  planTest,
  testOutput,
} from './test-options.ts'

export function defineTest(command: Command, exit: Exit): void {
  const defaultPageFile = parsePageFileSize(DEFAULT_PAGE_FILE)
  command
    .description(
      'The Crashdump Support Test of the Windows Hardware Lab Kit (HLK): boots a Windows-shaped machine, crashes it with bugcheck 0xE2 while its disk is busy, ' +
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
      option('--cpus <n>', `number of CPUs, 1 to ${MAX_CPUS}`).argParser(parseWhole(1, MAX_CPUS)).default(4),
    )
    .addOption(profileOption())
    .addOption(
      controllerOption().default(DEFAULT_CONTROLLER, `${DEFAULT_CONTROLLER}, or what the driver file drives`),
    )
    .addOption(
      option(
        '--pagefile <size>',
        `page file: MB, mem+N (RAM in MB plus N), or bytes: 1074143232B (default: ${DEFAULT_PAGE_FILE})`,
      ).argParser(parsePageFileSize),
    )
    .addOption(
      option('--scenario <name>', 'break the system in a known way, see below').argParser(parseScenario),
    )
    .addOption(seedOption('same options and seed, same bytes'))
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
    .addOption(pdbOption())
    .addOption(
      option(
        '--resume <dir>',
        'continue the stopped or killed run in that folder, with its own options; only -y, --json, --junit and --events beside it',
      ).argParser(parsePath),
    )
  addSettingOptions(command, ['sector', 'diskSize'])
  addOutputOptions(command)
    .addHelpText('after', `\nScenarios:\n${scenarioLines()}\n${EXIT_CODES}`)
    .action(async (given: GivenTestOptions) => {
      const output = testOutput(given)
      if (given.resume !== undefined) {
        refuseBesideResume(command)
        const { resumeTest } = await import('./run-test.ts')
        exit(await resumeTest(given.resume, given.y ?? null, output))
        return
      }
      // what can be refused without the driver is, before it is asked which controller it drives
      const { device, ...others } = given
      const { profile } = planTest(others, defaultPageFile)
      const controller = await controllerWith(command, given, profile)
      const plan = planTest({ ...others, controller, ...(device && { device }) }, defaultPageFile)
      const { runTest } = await import('./run-test.ts')
      exit(await runTest(plan, given.out ?? null, output))
    })
}

/** A run goes on as it began: any other option would have to change what has already happened. */
function refuseBesideResume(command: Command): void {
  const allowed = ['--resume', '-y', '--json', '--junit', '--events']
  const given = command.options
    .filter((one) => command.getOptionValueSource(one.attributeName()) === 'cli')
    .map((one) => one.long ?? one.short ?? one.flags)
    .filter((name) => !allowed.includes(name))
  if (given.length === 0) return
  throw new UsageError(`--resume takes the run's own options: leave out ${given.join(', ')}`)
}

/** With a driver file and no --controller: the one that the driver is for. */
async function controllerWith(
  command: Command,
  { controller, driver, pdb }: GivenTestOptions,
  profile: Profile,
): Promise<string> {
  if (driver === undefined || command.getOptionValueSource('controller') !== 'default') return controller
  const { controllerOfDriver } = await import('../driver/driver-controller.ts')
  return controllerOfDriver(driver, pdb ?? null, profile)
}

function scenarioLines(): string {
  const width = Math.max(...scenarios.map((scenario) => scenario.name.length))
  return scenarios.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join('\n')
}
