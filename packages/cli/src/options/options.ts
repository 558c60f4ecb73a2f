// Options that more than one command has, and what their help says alike.

import { PROFILES } from '@dumpstack/nt'
import { type Command, Option } from 'commander'
import {
  DEFAULT_CONTROLLER,
  DEFAULT_PROFILE,
  DRIVEN_CONTROLLERS,
  MAX_SEED,
  parseProfile,
} from '../test/test-options.ts'
import { parsePath } from './path-option.ts'
import { parseWhole } from './sizes.ts'

export const DEFAULT_SEED = 1

export const option = (flags: string, description: string): Option => new Option(flags, description)

export const seedOption = (description: string): Option =>
  option('--seed <n>', description).argParser(parseWhole(0, MAX_SEED)).default(DEFAULT_SEED)

export const pdbOption = (): Option =>
  option('--pdb <file>', 'names for the driver file (default: the PDB beside it)').argParser(parsePath)

export const profileOption = (): Option =>
  option('--profile <name>', `the Windows that is tested: ${PROFILES.map(({ name }) => name).join(', ')}`)
    .argParser(parseProfile)
    .default(DEFAULT_PROFILE, DEFAULT_PROFILE.name)

export const controllerOption = (): Option =>
  option('--controller <name>', `the controller under test: ${DRIVEN_CONTROLLERS.join(', ')}`).default(
    DEFAULT_CONTROLLER,
  )

export const symbolPathOption = (): Option =>
  option(
    '-y <path>',
    'symbol path of the debugger: folders, SRV*store*... separated by ; (default: those of our own guest)',
  ).argParser(parsePath)

/** What a test or an examination leaves besides a run folder. */
export const addOutputOptions = (command: Command): Command =>
  command
    .option('--json', 'print the result as one JSON object on stdout')
    .addOption(option('--junit <file>', 'write the result as JUnit XML').argParser(parsePath))
    .addOption(
      option(
        '--events <file>',
        'write each event as a line of JSON as it happens, the result in the last; - is stdout',
      ).argParser(parsePath),
    )
