// The page file cannot hold a full dump: refused before anything crashes.
import * as messages from '../messages.ts'
import { onlyVariant, type Scenario } from './scenario.ts'

/** Half of RAM, in whole megabytes: never enough. */
const pageFileBytes = (ramBytes: number): number => Math.floor(ramBytes / 2 / 0x100000) * 0x100000

export const pagefileTooSmall: Scenario = {
  name: 'pagefile-too-small',
  summary: 'page file below RAM + 1 MB: nothing crashes',
  variants: onlyVariant({}),
  pageFileBytes,
  expected: 'fail',
  expectedMessages: (ramBytes) => [
    messages.VERIFYING_PAGE_FILE,
    messages.PAGE_FILE_TOO_SMALL,
    messages.pageFileSize(pageFileBytes(ramBytes)),
    messages.physicalMemorySize(ramBytes),
    messages.PAGE_FILE_ADVICE,
  ],
}
