// An old MEMORY.DMP cannot be deleted and the crash leaves no new one: the old file must not be taken for it.
import * as messages from '../messages.ts'
import { onlyVariant, type Scenario } from './scenario.ts'

export const staleDump: Scenario = {
  name: 'stale-dump',
  summary: 'the old MEMORY.DMP stays and no new one comes',
  variants: onlyVariant({ staleDump: true }),
  expected: 'fail',
  expectedMessages: () => [messages.OLD_DUMP_NOT_DELETED, 'The file was written at '],
}
