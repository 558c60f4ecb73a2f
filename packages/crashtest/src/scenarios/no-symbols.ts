// The symbol path leads nowhere: the dump may be good, and the debugger cannot tell.
import * as messages from '../messages.ts'
import { onlySymbols, type Scenario } from './scenario.ts'

export const noSymbols: Scenario = {
  name: 'no-symbols',
  summary: 'no symbols are found: nothing can be judged with them',
  variants: onlySymbols('none'),
  expected: 'inconclusive',
  expectedMessages: () => [
    messages.SYMBOLS_NOT_LOADED,
    messages.SYMBOLS_ADVICE,
    messages.SYMBOLS_OUT_OF_DATE,
    'Error retrieving addresses of nt!',
    'Unable to get ',
    'the current process (_EPROCESS)',
  ],
}
