// The dump miniport itself faults, so that a second bugcheck replaces 0xE2 on the screen: once before the header is
// written, once half-way through the body.
import type { Scenario } from './scenario.ts'

export const wrongBugcheck: Scenario = {
  name: 'wrong-bugcheck',
  summary: 'the dump miniport faults: before the header, mid-body',
  variants: [
    { name: 'before-header', conditions: { miniportFault: 'beforeHeader' } },
    { name: 'mid-body', conditions: { miniportFault: 'midBody' } },
  ],
  expected: 'fail',
  expectedMessages: () => [
    'The screen shows bugcheck 0x',
    'a second bugcheck while the dump was written, which ended it after 0 bytes',
    'No dump file',
  ],
}
