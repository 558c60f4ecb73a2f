// `dumpstack examine`: its options and help.
import { DUMP_TYPES } from '@dumpstack/target'
import type { Command } from 'commander'
import { addOutputOptions, option, symbolPathOption } from '../options/options.ts'
import { parsePath } from '../options/path-option.ts'
import { EXIT_CODES, type Exit } from '../program/exit-code.ts'
import { parseDumpType } from '../test/test-options.ts'
import type { GivenExamineOptions } from './run-examine.ts'

export function defineExamine(command: Command, exit: Exit): void {
  command
    .description(
      'Examines the dumps of a finished run again, against the truth that it kept; or any dump file, by its own contents and with the debugger, and with --ram against the RAM of its crash. ' +
        'Changes nothing.',
    )
    .argument('<path>', 'run folder of dumpstack test, or a dump file')
    .addOption(
      option(
        '--as <type>',
        `the type that a dump file must have (default: the type that its header says): ${DUMP_TYPES.join(', ')}`,
      ).argParser(parseDumpType),
    )
    .addOption(
      option(
        '--ram <file>',
        'for a dump file: RAM that the hypervisor wrote while the machine stood at the blue screen, flat or an ELF core; every page is compared with it',
      ).argParser(parsePath),
    )
    .addOption(
      option(
        '--ram-before <file>',
        'beside --ram: RAM of the same crash from before the dump was written, which tells what changed meanwhile',
      ).argParser(parsePath),
    )
    .addOption(symbolPathOption())
  addOutputOptions(command)
    .addHelpText(
      'after',
      `\nExamples:\n  dumpstack examine dumpstack-run --json\n  dumpstack examine MEMORY.DMP -y SRV*C:\\Symbols\n  dumpstack examine MEMORY.DMP --ram ram.elf\n${EXIT_CODES}`,
    )
    .action(async (place: string, given: GivenExamineOptions) => {
      const { examine } = await import('./run-examine.ts')
      exit(await examine(place, given))
    })
}
