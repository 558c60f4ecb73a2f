// `dumpstack report`: its options and help.
import { type Command, Option } from 'commander'
import { parsePath } from '../options/path-option.ts'
import type { Exit } from '../program/exit-code.ts'

export function defineReport(command: Command, exit: Exit): void {
  command
    .description(
      'Makes one HTML file of a finished or stopped run: verdict, findings, steps, and of each dump the blue screen, a map of the memory, ' +
        'its place on the disk and the timeline of its writes. The page loads nothing and runs no script.',
    )
    .argument('<dir>', 'run folder of dumpstack test')
    .addOption(
      new Option(
        '--out <file>',
        'where the page is written (default: report.html in the run folder)',
      ).argParser(parsePath),
    )
    .addHelpText(
      'after',
      `
Examples:
  dumpstack report dumpstack-run
  dumpstack report dumpstack-run --out page.html

Exit codes: 0 written, 2 wrong use, 4 no such run, or a damaged one`,
    )
    .action(async (folder: string, given: { readonly out?: string }) => {
      const { runReport } = await import('./run-report.ts')
      exit(await runReport(folder, given.out ?? null))
    })
}
