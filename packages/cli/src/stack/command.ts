// `dumpstack stack`: its options and help.
import type { Profile } from '@dumpstack/nt'
import type { Command } from 'commander'
import { controllerOption, DEFAULT_SEED, profileOption } from '../options/options.ts'
import { parsePageFileSize } from '../options/sizes.ts'
import { EXIT_CODES, type Exit } from '../program/exit-code.ts'
import { DEFAULT_PAGE_FILE, planTest } from '../test/test-options.ts'

const STACK_RAM = 128 * 2 ** 20

export function defineStack(command: Command, exit: Exit): void {
  const defaultPageFile = parsePageFileSize(DEFAULT_PAGE_FILE)
  command
    .description(
      'Boots the machine and lists the crash dump stack: name on disk, name in memory, base, size, purpose.',
    )
    .addOption(profileOption())
    .addOption(controllerOption())
    .option('--json', 'print the list as one JSON object on stdout')
    .addHelpText('after', EXIT_CODES)
    .action(async (given: { json?: true; profile: Profile; controller: string }) => {
      const plan = planTest(
        { ...given, dumps: ['full'], ram: STACK_RAM, cpus: 1, seed: DEFAULT_SEED },
        defaultPageFile,
      )
      const { runStack } = await import('./run-stack.ts')
      exit(runStack(plan, given.json === true))
    })
}
