// A client outside a domain with less than 25 GB free deletes MEMORY.DMP once it is reported: the dump was written, and no file
// is left to judge. A mini dump stays.
import * as messages from '../messages.ts'
import { LITTLE_SPACE_BYTES, onlyVariant, type Scenario } from './scenario.ts'

export const dumpDropped: Scenario = {
  name: 'dump-dropped',
  summary: 'a client with 22 GB free deletes MEMORY.DMP: not judged',
  variants: onlyVariant({ freeBytesOnC: LITTLE_SPACE_BYTES }),
  expected: 'inconclusive',
  expectedMessages: () => [
    messages.cannotOpen(0x80070002),
    'Event 1018 BugCheck (Microsoft-Windows-WER-SystemErrorReporting): ',
    'No dump file (HRESULT 0x80070002): the dump was written, and the system deleted it: ',
  ],
}
