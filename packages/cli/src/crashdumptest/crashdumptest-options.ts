// The command line of crashdumptest, as the kit prints it: options are one dash and a word, which no option library
// declares; so they are read here.
import { DUMP_TYPES, MAX_CPUS } from '@dumpstack/target'
import { InvalidArgumentError } from 'commander'
import { DEFAULT_DEBUGGERS, debuggersFolder } from '../drive/kd-launchers.ts'
import { parsePageFileSize, parseSize, parseWhole } from '../options/sizes.ts'
import { UsageError } from '../program/usage-error.ts'
import type { TestOutput } from '../test/test-options.ts'
import {
  DEFAULT_CONTROLLER,
  DEFAULT_PAGE_FILE,
  DRIVEN_CONTROLLERS,
  MAX_SEED,
  parseDumps,
  parseScenario,
  planTest,
  type TestPlan,
} from '../test/test-options.ts'

export const CRASHDUMPTEST_HELP = `Usage: crashdumptest -c
       crashdumptest -dtm -y DIR [-ypass] [options]
       crashdumptest -autorun -y DIR [-dtm] [-step]

The Crashdump Support Test of the Windows Hardware Lab Kit (HLK), in the steps of the kit. -autorun goes through every
crash, restart and examination to the end.

  -c                 clear past failures: what an earlier test left in the work folder
  -dtm -y DIR        initialise: check page file and disk, install debuggers and crash driver, set the page file, restart
  -autorun -y DIR    run the test, to its end

Options:
  -y DIR             symbols: a folder (C:\\Symbols is the work folder's C/Symbols), or a symbol path
  -ypass             take DIR as it is: it need not exist
  -dtm               without questions, for a harness
  -step              end at each crash of the system under test; the same -autorun -step continues after the restart
  -json              print the result of the finished test as one JSON object on stdout, and nothing else
  -junit FILE        write the result of the finished test as JUnit XML
  -events FILE       write each event as a line of JSON as it happens; - is stdout
  -work DIR          work folder (default: crashdumptest-work)

Options of -dtm:
  -pagefile SIZE     page file: MB, or mem+N: RAM in MB plus N (default: mem+257)
  -debuggers DIR     where the debuggers are installed (default: C:\\Debuggers)
  -dumps TYPES       dump types, in order (default: full,kernel,mini)
  -ram SIZE          RAM of the system: 512M, 1G (default: 512M)
  -cpus N            number of CPUs, 1 to ${MAX_CPUS} (default: 4)
  -controller NAME   controller under test: ${DRIVEN_CONTROLLERS.join(', ')} (default: ${DEFAULT_CONTROLLER})
  -driver FILE.sys   storage miniport under test (default: one of our own)
  -pdb FILE          symbols of the driver (default: the PDB beside it)
  -seed N            same options and seed, same bytes (default: 1)
  -scenario NAME     break the system in a known way; dumpstack test --help lists them
  -?                 this text

Exit codes: 0 pass, or cleared, or initialised; 1 fail; 2 wrong use; 4 the host failed; 5 with -step: the system crashed,
            run the same command again; 130 stopped by Ctrl-C
`

export const DEFAULT_WORK_FOLDER = 'crashdumptest-work'
const DEFAULT_SEED = 1
const DEFAULT_CPUS = 4
const DEFAULT_RAM = 512 * 2 ** 20

export type CrashdumptestStep =
  | { readonly step: 'help' }
  | { readonly step: 'clear'; readonly workFolder: string }
  | {
      readonly step: 'initialise'
      readonly workFolder: string
      readonly plan: TestPlan
      /** Take the symbol folder as it is. */
      readonly passSymbols: boolean
      readonly output: TestOutput
    }
  | {
      readonly step: 'autorun'
      readonly workFolder: string
      readonly symbolPath: string | null
      /** End at each crash of the system under test. */
      readonly oneCrash: boolean
      readonly output: TestOutput
    }

/** Each names a step; -dtm stands beside -autorun too. */
const STEPS = new Set(['-c', '-dtm', '-autorun'])
const WITH_VALUE = new Set([
  '-y',
  '-work',
  '-junit',
  '-events',
  '-pagefile',
  '-debuggers',
  '-dumps',
  '-ram',
  '-cpus',
  '-controller',
  '-driver',
  '-pdb',
  '-seed',
  '-scenario',
])
const FLAGS = new Set(['-c', '-dtm', '-autorun', '-ypass', '-step', '-json'])

/** Throws UsageError. */
export function parseCrashdumptest(args: readonly string[]): CrashdumptestStep {
  const given = optionsIn(args)
  if (given === null) return { step: 'help' }
  const workFolder = given.get('-work') ?? DEFAULT_WORK_FOLDER
  if (given.has('-c')) {
    only(given, '-c', ['-c', '-work'])
    return { step: 'clear', workFolder }
  }
  if (given.has('-autorun')) {
    only(given, '-autorun', [
      '-autorun',
      '-dtm',
      '-y',
      '-ypass',
      '-work',
      '-step',
      '-json',
      '-junit',
      '-events',
    ])
    return {
      step: 'autorun',
      workFolder,
      symbolPath: given.get('-y') ?? null,
      oneCrash: given.has('-step'),
      output: outputOf(given),
    }
  }
  if (!given.has('-dtm')) {
    throw new UsageError('crashdumptest needs -c, -dtm or -autorun: crashdumptest -? explains them')
  }
  only(
    given,
    '-dtm',
    [...FLAGS, ...WITH_VALUE].filter((option) => option !== '-step'),
  )
  return {
    step: 'initialise',
    workFolder,
    plan: planOf(given),
    passSymbols: given.has('-ypass'),
    output: outputOf(given),
  }
}

const outputOf = (given: ReadonlyMap<string, string>): TestOutput => ({
  json: given.has('-json'),
  junit: given.get('-junit') ?? null,
  events: given.get('-events') ?? null,
})

/** Null where help was asked for. */
function optionsIn(args: readonly string[]): Map<string, string> | null {
  const given = new Map<string, string>()
  for (let index = 0; index < args.length; index++) {
    const text = args[index]!
    const option = text.replace(/^\//, '-').toLowerCase()
    if (['-?', '-h', '--help'].includes(option)) return null
    if (!FLAGS.has(option) && !WITH_VALUE.has(option)) {
      throw new UsageError(`crashdumptest has no option '${text}': crashdumptest -? lists them`)
    }
    if (given.has(option)) throw new UsageError(`${option} is given twice`)
    let value = ''
    if (WITH_VALUE.has(option)) {
      value = args[++index] ?? ''
      if (value === '') throw new UsageError(`${option} needs a value`)
    }
    given.set(option, value)
  }
  return given
}

/** Of the options that are not for the step that initialises alone. */
const PLACES: ReadonlyMap<string, string> = new Map([
  ['-step', 'the step that runs the test (-autorun)'],
  ['-json', 'the steps that may end the test (-dtm, -autorun)'],
  ['-junit', 'the steps that may end the test (-dtm, -autorun)'],
  ['-events', 'the steps that may end the test (-dtm, -autorun)'],
])

function only(given: ReadonlyMap<string, string>, step: string, allowed: readonly string[]): void {
  const other = [...given.keys()].find((option) => !allowed.includes(option))
  if (other === undefined) return
  throw new UsageError(
    STEPS.has(other)
      ? `${other} and ${step} are two steps: give one`
      : `${other} is for ${PLACES.get(other) ?? 'the step that initialises (-dtm)'}, not for ${step}`,
  )
}

function planOf(given: ReadonlyMap<string, string>): TestPlan {
  const value = <T>(option: string, parse: (text: string) => T): T | undefined => {
    const text = given.get(option)
    if (text === undefined) return undefined
    try {
      return parse(text)
    } catch (error) {
      if (error instanceof InvalidArgumentError) throw new UsageError(`${option} ${text}: ${error.message}`)
      throw error
    }
  }
  const pagefile = value('-pagefile', parsePageFileSize)
  const scenario = value('-scenario', parseScenario)
  const symbolPath = given.get('-y')
  const driver = given.get('-driver')
  const pdb = given.get('-pdb')
  try {
    return planTest(
      {
        dumps: value('-dumps', parseDumps) ?? DUMP_TYPES,
        ram: value('-ram', parseSize) ?? DEFAULT_RAM,
        cpus: value('-cpus', parseWhole(1, MAX_CPUS)) ?? DEFAULT_CPUS,
        controller: given.get('-controller') ?? DEFAULT_CONTROLLER,
        seed: value('-seed', parseWhole(0, MAX_SEED)) ?? DEFAULT_SEED,
        debuggers: debuggersFolder(given.get('-debuggers') ?? DEFAULT_DEBUGGERS),
        ...(pagefile !== undefined && { pagefile }),
        ...(scenario !== undefined && { scenario }),
        ...(symbolPath !== undefined && { y: symbolPath }),
        ...(driver !== undefined && { driver }),
        ...(pdb !== undefined && { pdb }),
      },
      parsePageFileSize(DEFAULT_PAGE_FILE),
    )
  } catch (error) {
    // the plan speaks of the options of dumpstack test
    if (error instanceof UsageError) throw new UsageError(error.message.replaceAll(/--(?=\w)/g, '-'))
    throw error
  }
}
