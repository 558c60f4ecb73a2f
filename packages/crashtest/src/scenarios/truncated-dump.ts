// The dump file ends half-way and looks like any other: its own header gives it away.
import { onlyVariant, type Scenario } from './scenario.ts'

export const truncatedDump: Scenario = {
  name: 'truncated-dump',
  summary: 'the dump file is cut off half-way',
  variants: onlyVariant({ dumpCutOff: true }),
  expected: 'fail',
  expectedMessages: () => ['The file is cut off: it is ', ' bytes long, its header says '],
}
