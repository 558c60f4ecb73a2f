// The dump stack writes nothing: no dump in the page file, no MachineCrash, no event 1001.
import * as messages from '../messages.ts'
import { onlyVariant, type Scenario } from './scenario.ts'

export const noDumpNeverWritten: Scenario = {
  name: 'no-dump-never-written',
  summary: 'the dump stack writes nothing: 0x80070002',
  variants: onlyVariant({ dumpNeverWritten: true }),
  expected: 'fail',
  expectedMessages: () => [
    messages.cannotOpen(0x80070002),
    'No dump file (HRESULT 0x80070002): the dump was never written',
  ],
}
