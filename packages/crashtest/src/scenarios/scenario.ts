// A scenario changes the system under test and says what must come of it. One file a scenario, one line in the list.
import type { TargetConditions } from '@dumpstack/target'
import { type Message, messageLine } from '../messages.ts'
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
  /** What the log must say: messages whole, texts as a part of a line. */
  expectedMessages(ramBytes: number): readonly (Message | string)[]
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

/** Enough for the test's 20 GB, too little for a client to keep MEMORY.DMP: that takes more than 25 GB. */
export const LITTLE_SPACE_BYTES = 22 * 1024 ** 3

/** Those as they stand in the log. */
export const expectedLines = (scenario: Scenario, ramBytes: number): readonly string[] =>
  scenario
    .expectedMessages(ramBytes)
    .map((expected) => (typeof expected === 'string' ? expected : `${messageLine(expected)}\n`))

export const onlyVariant = (conditions: TargetConditions): readonly ScenarioVariant[] => [
  { name: null, conditions },
]
export const onlySymbols = (symbols: SymbolCondition): readonly ScenarioVariant[] => [
  { name: null, conditions: {}, symbols },
]
