// `dumpstack check`: its options and help.

import type { Profile } from '@dumpstack/nt'
import type { Command } from 'commander'
import { option, pdbOption, profileOption, seedOption } from '../options/options.ts'
import { parsePath } from '../options/path-option.ts'
import { addSettingOptions, type GivenSettings, givenSettings, SYSTEM_KEYS } from '../options/settings.ts'
import { parseWhole } from '../options/sizes.ts'
import { EXIT_CODES, type Exit } from '../program/exit-code.ts'
import { version } from '../program/version.ts'
import { controllerOf, DRIVEN_CONTROLLERS } from '../test/test-options.ts'

const MAX_THREADS = 64

interface GivenCheckOptions extends GivenSettings {
  readonly pdb?: string
  readonly profile: Profile
  readonly controller?: string
  readonly seed: number
  readonly plan?: 'one' | 'full'
  readonly budget?: true
  readonly threads?: number
  readonly strict?: true
  readonly knownIssues?: string
  readonly secondCrash?: string
  readonly junit?: string
  readonly sarif?: string
  readonly html?: string
  readonly json?: true
  readonly github?: boolean
}

export function defineCheck(command: Command, exit: Exit): void {
  command
    .description(
      'The contract check of a storage miniport: loads it, does some I/O, crashes with requests in flight and writes a few MiB through its dump copy, ' +
        'in a plan of lives, each on another system: sectors, rings, processors, memory, page file. With a setting, only the one life with that setting runs. ' +
        'The code of the driver is executed. There is no volume and no dump file: dumpstack test --driver has those.',
    )
    .argument('<files...>', 'Storport miniports for x64: viostor.sys; of a folder, all .sys files below it')
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
    .addOption(
      option(
        '--budget',
        'no check, but a table: the memory that one driver asks for, over processors and the settings of its controller that it grows with',
      ).conflicts(['plan', 'strict', 'knownIssues', 'secondCrash', 'junit', 'sarif', 'html']),
    )
    .addOption(
      option(
        '--threads <n>',
        'threads that run lives of the plan (default: one for each two processors, at most 4)',
      ).argParser(parseWhole(1, MAX_THREADS)),
    )
    .option('--strict', 'let a warning fail too')
    .addOption(
      option(
        '--known-issues <file>',
        'findings that do not count: JSON, {"knownIssues": [{"rule", "driver" or "version", "reason"}]}',
      ).argParser(parsePath),
    )
    .addOption(
      option(
        '--second-crash <folder>',
        'write the RAM of each life that a driver ends as a dump into that folder, for kd',
      ).argParser(parsePath),
    )
    .addOption(option('--junit <file>', 'write the result as JUnit XML').argParser(parsePath))
    .addOption(option('--sarif <file>', 'write the findings as SARIF 2.1.0').argParser(parsePath))
    .addOption(option('--html <file>', 'write the result as one HTML page').argParser(parsePath))
    .option('--json', 'print the result as one JSON object on stdout')
    .option(
      '--github',
      'annotations and job summary of GitHub Actions (default: where GITHUB_ACTIONS is true)',
    )
    .option('--no-github', 'neither of the two')
  addSettingOptions(command, SYSTEM_KEYS)
    .addHelpText(
      'after',
      `\nExamples:\n  dumpstack check viostor.sys --controller virtio-blk\n  dumpstack check build/ --known-issues known.json --junit check.xml\n  dumpstack check viostor.sys --budget\n${EXIT_CODES}`,
    )
    .action(async (places: string[], given: GivenCheckOptions) => {
      const settings = givenSettings(given)
      const alike = {
        places,
        pdb: given.pdb ?? null,
        profile: given.profile,
        controller: given.controller === undefined ? null : controllerOf(given.controller, given.profile),
        seed: given.seed,
        settings,
        json: given.json === true,
        toolVersion: version(),
      }
      if (given.budget === true) {
        const { runBudget } = await import('./run-budget.ts')
        exit(runBudget(alike))
        return
      }
      const { runCheck } = await import('./run-check.ts')
      exit(
        runCheck({
          ...alike,
          isWhole: given.plan === undefined ? Object.keys(settings).length === 0 : given.plan === 'full',
          threadCount: given.threads ?? null,
          isStrict: given.strict === true,
          known: given.knownIssues ?? null,
          secondCrash: given.secondCrash ?? null,
          junit: given.junit ?? null,
          sarif: given.sarif ?? null,
          html: given.html === undefined ? null : { file: given.html, ...(await import('./check-page.ts')) },
          github: given.github ?? process.env['GITHUB_ACTIONS'] === 'true',
        }),
      )
    })
}
