// A rule of dump mode that a driver broke, or the fault that ended its dump, with the place in the driver.
import type { DumpModeRuleId } from './rules.ts'

/** A line of the driver's sources, by the path that its PDB has. */
export interface SourcePlace {
  readonly file: string
  readonly line: number
}

/**
 * How much a finding counts. `fail`: a documented rule is broken, or data is wrong. `warning`: a rule that drivers and Windows keep
 * loosely, and the dump is good all the same. `note`: worth knowing.
 */
export const SEVERITIES = ['fail', 'warning', 'note'] as const
export type Severity = (typeof SEVERITIES)[number]

export interface DumpModeViolation {
  readonly severity: Severity
  readonly rule: DumpModeRuleId
  /** The call or access: `StorPortIssueDpc`. */
  readonly call: string
  /** The message of the first time. */
  readonly message: string
  /** How often this rule was broken at this place. */
  readonly count: number
  readonly driver: string
  /** Address of the caller or of the access; image offset when known. */
  readonly address: string
  readonly offset?: string
  readonly irql: string
  /** Virtual nanoseconds. */
  readonly atNs: number
  /** For a driver whose code runs: what the call was given, and the stack with names, innermost first. */
  readonly arguments?: readonly string[]
  /** Its code at the address, in hexadecimal. */
  readonly bytes?: string
  readonly stack?: readonly string[]
  /** The line of the address, where the driver's PDB has it. */
  readonly source?: SourcePlace
}
