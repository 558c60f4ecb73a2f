import type { Command } from '../command.ts'
import { targetLines } from '../target-lines.ts'

export const vertarget: Command = {
  names: ['vertarget', 'version'],
  help: {
    summary: 'show what system the dump is of',
    usage: ['vertarget'],
    text: 'Shows Windows version, processors, product, the base of the kernel, when it crashed and how long it had run.',
    follows:
      'learn.microsoft.com/windows-hardware/drivers/debuggercmds/vertarget--show-target-computer-version-',
  },
  run({ session, print }) {
    for (const line of targetLines(session)) print(line)
  },
}
