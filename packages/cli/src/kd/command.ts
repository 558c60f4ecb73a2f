// `dumpstack kd`: the program kd, which has options of its own.
import type { Command } from 'commander'
import type { Exit } from '../program/exit-code.ts'

export function defineKd(command: Command, exit: Exit): void {
  command
    .description('The debugger: the same as the program kd. `dumpstack kd -?` lists its options.')
    .argument('[args...]', 'options of kd: -z FILE -y PATH -c "cmd; cmd" -logo FILE --json')
    .allowUnknownOption()
    .helpOption(false)
    .action(async (args: readonly string[]) => {
      const { runKd } = await import('./run-kd.ts')
      exit(await runKd(args))
    })
}
