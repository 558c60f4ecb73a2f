// A PDB of another build lies where the kernel's should: never used, and both identities are said.
import * as messages from '../messages.ts'
import { onlySymbols, type Scenario } from './scenario.ts'

export const wrongSymbols: Scenario = {
  name: 'wrong-symbols',
  summary: "another build's PDB in place of the kernel's: not used",
  variants: onlySymbols('otherKernel'),
  expected: 'inconclusive',
  expectedMessages: () => [
    messages.SYMBOLS_NOT_LOADED,
    'mismatched: wanted guid ',
    'Error retrieving addresses of nt!',
    'Unable to get ',
    'the current process (_EPROCESS)',
  ],
}
