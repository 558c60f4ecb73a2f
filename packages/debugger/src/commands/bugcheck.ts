import { hex64 } from '@dumpstack/bytes'
import { bugcheckTitle, parameterLines } from '../analysis/parameters.ts'
import type { Command } from '../command.ts'

export const bugcheck: Command = {
  names: ['.bugcheck'],
  help: {
    summary: 'show the bugcheck code and its parameters',
    usage: ['.bugcheck'],
    text: 'Shows the bugcheck code and its four parameters as the header of the dump has them, then the name of the bugcheck and what each parameter says.',
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-bugcheck--display-bug-check-data-',
  },
  async run({ session, print }) {
    const { bugcheckCode, bugcheckParameters } = session.system
    print(`Bugcheck code ${bugcheckCode.toString(16).toUpperCase().padStart(8, '0')}`)
    print(`Arguments ${bugcheckParameters.map(hex64).join(' ')}`)
    print()
    print(bugcheckTitle(session))
    for (const line of await parameterLines(session)) print(line)
  },
}
