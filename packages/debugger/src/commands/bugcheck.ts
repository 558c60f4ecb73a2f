import { hex64 } from '@dumpstack/bytes'
import {
  type BugcheckFact,
  bugcheckFact,
  bugcheckTitle,
  type ParameterFact,
  parameterFacts,
  parameterText,
} from '../analysis/parameters.ts'
import type { Command } from '../command.ts'

export const bugcheck: Command<BugcheckFact | ParameterFact> = {
  names: ['.bugcheck'],
  help: {
    summary: 'show the bugcheck code and its parameters',
    usage: ['.bugcheck'],
    text: 'Shows the bugcheck code and its four parameters as the header of the dump has them, then the name of the bugcheck and what each parameter says.',
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-bugcheck--display-bug-check-data-',
  },
  async *facts(session) {
    yield bugcheckFact(session)
    yield* parameterFacts(session)
  },
  print(fact, write) {
    if (fact.kind === 'parameter') {
      write(parameterText(fact))
      return
    }
    write(`Bugcheck code ${fact.code.toString(16).toUpperCase().padStart(8, '0')}`)
    write(`Arguments ${fact.parameters.map(hex64).join(' ')}`)
    write()
    write(bugcheckTitle(fact))
  },
}
