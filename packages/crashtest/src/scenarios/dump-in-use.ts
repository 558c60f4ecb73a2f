// WerFault still holds MEMORY.DMP at the first look; five minutes later it is free.
import * as messages from '../messages.ts'
import { onlyVariant, type Scenario } from './scenario.ts'

export const dumpInUse: Scenario = {
  name: 'dump-in-use',
  summary: 'MEMORY.DMP is locked for a while: retried, good',
  variants: onlyVariant({ copyLockedMs: 4 * 60_000 }),
  expected: 'pass',
  expectedMessages: () => [messages.IN_USE, messages.IN_USE_ADVICE],
}
