// WerFault's copy fails: 0x80070020 while it tries, 0x80070002 after, and MachineCrash still names the .tmp file.
import * as messages from '../messages.ts'
import { onlyVariant, type Scenario } from './scenario.ts'

export const noDumpCopyFailed: Scenario = {
  name: 'no-dump-copy-failed',
  summary: 'the copy fails: 0x80070020 turns into 0x80070002',
  variants: onlyVariant({ copyLockedMs: 4 * 60_000, copyFails: true }),
  expected: 'fail',
  expectedMessages: () => [
    messages.IN_USE,
    messages.IN_USE_ADVICE,
    messages.cannotOpen(0x80070002),
    messages.changedHresult(0x80070020, 0x80070002),
    'No dump file (HRESULT 0x80070002): the dump was written but not copied: CrashControl\\MachineCrash names C:\\',
  ],
}
