// `dumpstack calls`: its options and help.
import { DUMP_TYPES } from '@dumpstack/target'
import type { Command } from 'commander'
import { option } from '../options/options.ts'
import type { Exit } from '../program/exit-code.ts'
import { parseDumpType } from '../test/test-options.ts'
import type { GivenCallsOptions } from './run-calls.ts'

export function defineCalls(command: Command, exit: Exit): void {
  command
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
In names * stands for anything, and case does not count. --call and --register
together show what matches either.

Examples:
  dumpstack calls dumpstack-run --dump full --routine HwFindAdapter
  dumpstack calls dumpstack-run --life dump --call RequestComplete
  dumpstack calls dumpstack-run --register PxCI
  dumpstack calls dumpstack-run --summary

Exit codes: 0 shown, 2 wrong use,
            4 no such run, no driver file in it, or a damaged record`,
    )
    .action(async (folder: string, given: GivenCallsOptions) => {
      const { runCalls } = await import('./run-calls.ts')
      exit(await runCalls(folder, given))
    })
}
