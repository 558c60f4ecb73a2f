// C: has less than the 20 GB that the test asks for: refused before anything crashes.
import * as messages from '../messages.ts'
import { FREE_BYTES_NEEDED } from '../prerequisites.ts'
import { onlyVariant, type Scenario } from './scenario.ts'

const FREE_BYTES = 19 * 1024 * 0x100000

export const lowDiskSpace: Scenario = {
  name: 'low-disk-space',
  summary: 'less than 20 GB free: nothing crashes',
  variants: onlyVariant({ freeBytesOnC: FREE_BYTES }),
  expected: 'fail',
  expectedMessages: () => [messages.freeSpaceTooSmall(FREE_BYTES, FREE_BYTES_NEEDED)],
}
