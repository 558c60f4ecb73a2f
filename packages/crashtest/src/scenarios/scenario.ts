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
  /** What the debugger finds along its symbol path; absent: what it needs. Of the judge, not of the system. */
  readonly symbols?: SymbolCondition
}

/** No file at all; all but ntdll's; all, but the kernel's PDB is another build's. */
export type SymbolCondition = 'none' | 'withoutNtdll' | 'otherKernel'

export const onlyVariant = (conditions: TargetConditions): readonly ScenarioVariant[] => [
  { name: null, conditions },
]
export const onlySymbols = (symbols: SymbolCondition): readonly ScenarioVariant[] => [
  { name: null, conditions: {}, symbols },
]
