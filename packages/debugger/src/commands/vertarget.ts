import type { Command } from '../command.ts'
import { printTarget, type TargetFact, targetFact } from '../target-facts.ts'

export const vertarget: Command<TargetFact> = {
  names: ['vertarget', 'version'],
  help: {
    summary: 'show the Windows version and the times of the dump',
    usage: ['vertarget'],
    text: 'Shows Windows version, processors, product, the base of the kernel, when it crashed and how long it had run.',
    follows:
      'learn.microsoft.com/windows-hardware/drivers/debuggercmds/vertarget--show-target-computer-version-',
  },
  async *facts(session) {
    yield targetFact(session)
  },
  print: printTarget,
}
