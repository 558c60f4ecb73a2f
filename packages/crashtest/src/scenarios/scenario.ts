// A scenario changes the system under test and says what must come of it. One file a scenario, one line in the list.
import type { TargetConditions } from '../target.ts'
import type { Verdict } from '../test-event.ts'

export interface Scenario {
  readonly name: string
  /** One line for the help. */
  readonly summary: string
  /** Each runs the whole test once. */
  readonly variants: readonly ScenarioVariant[]
  /** Replaces --pagefile; giving both is a contradiction. */
  pageFileBytes?(ramBytes: number): number
  readonly expected: Verdict
  /** Texts that the log must hold, each whole or a part of a line. */
  expectedMessages(ramBytes: number): readonly string[]
}

export interface ScenarioVariant {
  /** Null for the only one; else it names the variant's folder inside the run folder. */
  readonly name: string | null
  readonly conditions: TargetConditions
}

export const onlyVariant = (conditions: TargetConditions): readonly ScenarioVariant[] => [
  { name: null, conditions },
]
