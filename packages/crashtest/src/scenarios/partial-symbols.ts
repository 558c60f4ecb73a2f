// The symbols of nt are there, those of ntdll are not: said, and enough to judge by.
import * as messages from '../messages.ts'
import { onlySymbols, type Scenario } from './scenario.ts'

export const partialSymbols: Scenario = {
  name: 'partial-symbols',
  summary: 'symbols of nt, none of ntdll: said, and good',
  variants: onlySymbols('withoutNtdll'),
  expected: 'pass',
  expectedMessages: () => [
    messages.SYMBOLS_NOT_LOADED,
    messages.SYMBOLS_ADVICE,
    messages.SYMBOLS_OUT_OF_DATE,
    'ntdll.dll: ntdll.pdb ',
  ],
}
