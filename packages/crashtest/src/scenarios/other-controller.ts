// A perfect dump that another controller wrote proves nothing about the one under test.
import { onlyVariant, type Scenario } from './scenario.ts'

export const otherController: Scenario = {
  name: 'other-controller',
  summary: 'a second controller writes the same dump',
  variants: onlyVariant({ otherController: true }),
  expected: 'fail',
  expectedMessages: () => [' bytes were not written by '],
}
