// `dumpstack check`: its options and help.
import type { Profile } from '@dumpstack/nt'
import type { Command } from 'commander'
import { EXIT_CODES, type Exit, option, pdbOption, profileOption, seedOption } from '../options/options.ts'
import { addSettingOptions, type GivenSettings, givenSettings, SYSTEM_KEYS } from '../options/settings.ts'
import { version } from '../program/version.ts'
import { controllerOf, DRIVEN_CONTROLLERS, parsePath } from '../test/test-options.ts'

interface GivenCheckOptions extends GivenSettings {
  readonly pdb?: string
  readonly profile: Profile
  readonly controller?: string
  readonly seed: number
  readonly plan?: 'one' | 'full'
  readonly sarif?: string
  readonly json?: true
}

export function addCheck(program: Command, exit: Exit): void {
  const command = program
    .command('check')
    .summary('does a driver file keep the dump-mode contract?')
    .description(
      'The contract check of a storage miniport: loads it, does some I/O, crashes with requests in flight and writes a few MiB through its dump copy, ' +
        'in a plan of lives, each on another system: sectors, rings, processors, memory, page file. A setting that is given is the only one, and has one life. ' +
        'Its code is executed. No volume, no dump files: dumpstack test --driver does those.',
    )
    .argument('<file>', 'a Storport miniport for x64: viostor.sys')
    .addOption(pdbOption())
    .addOption(profileOption())
    .option(
      '--controller <name>',
      `the controller under test: ${DRIVEN_CONTROLLERS.join(', ')} (default: the one that the driver drives)`,
    )
    .addOption(seedOption('same options and seed, same run'))
    .addOption(
      option(
        '--plan <lives>',
        "'one': the one life with the settings that are given; 'full': the whole plan around them (default: one where any is given, or else full)",
      ).choices(['one', 'full']),
    )
    .addOption(option('--sarif <file>', 'write the findings as SARIF 2.1.0').argParser(parsePath))
    .option('--json', 'print the result as one JSON object on stdout')
  addSettingOptions(command, SYSTEM_KEYS)
    .addHelpText('after', `\nExample:\n  dumpstack check viostor.sys --controller virtio-blk\n${EXIT_CODES}`)
    .action(async (file: string, given: GivenCheckOptions) => {
      const { runCheck } = await import('./run-check.ts')
      const settings = givenSettings(given)
      exit(
        runCheck({
          file,
          pdb: given.pdb ?? null,
          profile: given.profile,
          controller: given.controller === undefined ? null : controllerOf(given.controller, given.profile),
          seed: given.seed,
          settings,
          isWhole: given.plan === undefined ? Object.keys(settings).length === 0 : given.plan === 'full',
          sarif: given.sarif ?? null,
          json: given.json === true,
          toolVersion: version(),
        }),
      )
    })
}
