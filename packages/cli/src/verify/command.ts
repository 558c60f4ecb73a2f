// `dumpstack verify`: its options and help.
import type { Command } from 'commander'
import { EXIT_CODES, type Exit } from '../program/exit-code.ts'

export function defineVerify(command: Command, exit: Exit): void {
  command
    .description(
      'Checks a crash dump by its own contents: size, counts, bitmap, runs, pools, KDBG, page tables, module list.',
    )
    .argument('<file>', 'a kernel crash dump: MEMORY.DMP, a minidump')
    .option('--all-pages', 'also read every page')
    .option('--json', 'print the report as one JSON object on stdout')
    .addHelpText('after', `\nExample:\n  dumpstack verify MEMORY.DMP --json\n${EXIT_CODES}`)
    .action(async (file: string, given: { json?: true; allPages?: true }) => {
      const { runVerify } = await import('./run-verify.ts')
      exit(await runVerify(file, given.json === true, given.allPages === true))
    })
}
