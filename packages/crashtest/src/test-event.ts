// The one stream that everything is folded from: journal, log, JSON, JUnit and screen.

import type { Bugcheck } from '@dumpstack/nt'
import type { CrashReport, DumpType, SystemEvent, TargetDescription, WrittenRange } from '@dumpstack/target'

export const VERDICTS = ['pass', 'fail', 'inconclusive'] as const
export type Verdict = (typeof VERDICTS)[number]

/** Fail outweighs inconclusive, which outweighs pass. */
export function worst(verdicts: Iterable<Verdict>): Verdict {
  let result: Verdict = 'pass'
  for (const verdict of verdicts) {
    if (verdict === 'fail') return 'fail'
    if (verdict === 'inconclusive') result = verdict
  }
  return result
}

/** The steps of the test, in the order of the kit's page. */
export const STEP_NAMES = [
  'prerequisites',
  'debuggers',
  'crashDriver',
  'pageFile',
  'restart',
  'crashControl',
  'crash',
  'awaitRestart',
  'examine',
  'restore',
] as const
export type StepName = (typeof STEP_NAMES)[number]

export interface Finding {
  /** The check that made it: `truth`, `dumpType`, `writtenBy`. */
  readonly check: string
  readonly verdict: Verdict
  readonly message: string
  readonly pfn?: number
  readonly fileOffset?: number
  readonly found?: string
  readonly expected?: string
}

export interface TruthCount {
  /** What is counted: the pages of a full or kernel dump, the blocks of memory of a mini dump. */
  readonly unit: 'pages' | 'blocks'
  readonly compared: number
  readonly equal: number
  readonly changedByDumpPath: number
  readonly different: number
  readonly missing: number
  readonly extra: number
}

/** What the examine step learned about one dump. */
export interface DumpExamination {
  readonly type: DumpType
  readonly verdict: Verdict
  readonly file: string | null
  readonly byteLength: number
  readonly dumpType: number | null
  readonly bugcheck: Bugcheck | null
  readonly pagesInDump: number
  /** Null for a dump from elsewhere: nothing was at hand to compare it with. */
  readonly truth: TruthCount | null
  readonly writtenBy: readonly WrittenRange[]
  readonly seconds: number
  readonly bytesPerSecond: number
  readonly checks: readonly CheckOutcome[]
}

export interface CheckOutcome {
  readonly id: string
  readonly verdict: Verdict
  readonly message: string
  /** The check that names the cause of this failure; absent for a finding of its own. */
  readonly causedBy?: string
}

export type TestEventBody =
  | {
      readonly kind: 'run'
      readonly options: Readonly<Record<string, unknown>>
      readonly seed: number
      /** Which of a scenario's variants this is; null where it has one. */
      readonly variant: string | null
      readonly target: TargetDescription
    }
  /** Another process goes on behind the last power off; what the killed one had journalled since then is gone. */
  | { readonly kind: 'resumed'; readonly discarded: number }
  | { readonly kind: 'begin'; readonly step: StepName; readonly dump?: DumpType }
  | {
      readonly kind: 'end'
      readonly step: StepName
      readonly dump?: DumpType
      readonly verdict: Verdict
      /** Of the host: how long the step took whoever waits for it. */
      readonly seconds: number
    }
  | { readonly kind: 'message'; readonly level: 'i' | 'x'; readonly text: string }
  | { readonly kind: 'finding'; readonly finding: Finding }
  | { readonly kind: 'crashed'; readonly dump: DumpType; readonly report: CrashReport }
  | { readonly kind: 'examined'; readonly dump: DumpType; readonly examination: DumpExamination }
  | { readonly kind: 'systemEvents'; readonly dump: DumpType; readonly events: readonly SystemEvent[] }
  | { readonly kind: 'progress'; readonly percent: number }
/** `at`: milliseconds since 1970 on the target's clock. All but `progress` are journalled and synced. */
/** Where events go; the times are the target's. */
export type Emit = (body: TestEventBody, at: number) => void
export type TestEvent = { readonly seq: number; readonly at: number } & TestEventBody
