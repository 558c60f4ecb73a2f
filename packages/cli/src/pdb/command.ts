// `dumpstack pdb`: its options and help.
import type { Command } from 'commander'
import type { Exit } from '../program/exit-code.ts'
import type { GivenPdbOptions } from './run-pdb.ts'

export function definePdb(command: Command, exit: Exit): void {
  command
    .description('Shows what a PDB holds: one view at a time, --summary unless another is asked for.')
    .argument('<file>', 'a PDB (MSF 7.00)')
    .option('--summary', 'identity as symbol stores write it, and counts')
    .option('--publics', 'every public, by address: RVA, segment:offset, name')
    .option('--types [name]', 'every type with its size; with a name, its fields as dt shows them')
    .option('--lines <address>', 'source line, function and locals at an RVA (0x1234), a name or name+0x10')
    .option('--image <file>', 'the image: its section headers count where the PDB has none')
    .option('--json', 'print the view as one JSON object on stdout')
    .addHelpText(
      'after',
      `
Examples:
  dumpstack pdb ntkrnlmp.pdb
  dumpstack pdb ntkrnlmp.pdb --types _LIST_ENTRY
  dumpstack pdb ntkrnlmp.pdb --lines KeBugCheck2+0x10

Exit codes: 0 shown, 1 not a PDB, damaged, or without what was asked for,
            2 wrong use`,
    )
    .action(async (file: string, given: GivenPdbOptions) => {
      const { runPdb, viewOf } = await import('./run-pdb.ts')
      exit(runPdb(file, given.image ?? null, viewOf(given), given.json === true))
    })
}
