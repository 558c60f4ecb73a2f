// What every check gets and gives. A check is one file and one line in checks/index.ts.
import { type ByteSource, hex } from '@dumpstack/bytes'
import type { Dump, VerifyReport } from '@dumpstack/dumpfile'
import type { Bugcheck, DumpModeViolation } from '@dumpstack/nt'
import type { CrashReport, DumpType, Evidence } from '@dumpstack/target'
import type { BlockComparison } from '../compare-blocks.ts'
import type { TruthComparison } from '../compare-truth.ts'
import type { Message } from '../messages.ts'
import type { Finding, Verdict } from '../test-event.ts'
import type { KeptFile } from '../truth-file.ts'

/** A dump beside everything that is known about the crash that it should show. */
export interface ExaminedDump {
  readonly source: ByteSource
  /** Virtual milliseconds since 1970. */
  readonly modifiedAt: number
  readonly dump: Dump
  readonly report: VerifyReport
  readonly crash: CrashReport
  readonly evidence: Evidence
  /** As the run left the file; null while the run itself examines it. */
  readonly kept: KeptFile | null
}

/** A dump from elsewhere: nothing is known of its crash. */
export interface LabDump {
  readonly dump: Dump
  readonly report: VerifyReport
  readonly as: DumpType
}
export interface LabDumpCheck {
  readonly id: string
  judge(examined: LabDump): Judgement
}

/** A dump of pages: full or kernel. */
export interface PageDump extends ExaminedDump {
  readonly comparison: TruthComparison
}
/** A mini dump. */
export interface BlockDump extends ExaminedDump {
  readonly comparison: BlockComparison
}

export type Place = Omit<Finding, 'check' | 'verdict' | 'message'>
export interface Judgement {
  readonly verdict: Verdict
  readonly message: string
  /** Where; at most the first few. */
  readonly places?: readonly Place[]
  /** What the log says of it, where that is not the message: in the words of the kit. */
  readonly says?: readonly Message[]
  /** What could not be got without symbols: said together, since it has one cause. */
  readonly unableToGet?: readonly string[]
}

/** Judges from the crash report alone: also where there is no dump. */
export interface CrashCheck {
  readonly id: string
  judge(crash: CrashReport): Judgement
}
export interface DumpCheck<T extends ExaminedDump = ExaminedDump> {
  readonly id: string
  judge(examined: T): Judgement
}

export const pass = (message: string): Judgement => ({ verdict: 'pass', message })
export const fail = (message: string, places: readonly Place[] = []): Judgement => ({
  verdict: 'fail',
  message,
  places,
})

/** Where the target could not run the driver's code further, only what the driver did before counts against it. */
export const excused = (crash: CrashReport, id: string, judgement: Judgement): Judgement =>
  crash.notJudged !== undefined && judgement.verdict === 'fail' && id !== DUMP_MODE
    ? { ...judgement, verdict: 'inconclusive' }
    : judgement

/** Id of the check of dump mode rules. */
export const DUMP_MODE = 'dumpMode'

export const bugcheckText = (bugcheck: Bugcheck): string =>
  `${hex(bugcheck.code)} (${bugcheck.parameters.map((parameter) => hex(parameter)).join(', ')})`

/** `3 pages`, `1 page`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

const NAMED_FRAMES = 4
/** ` (a < b < c)`: the innermost frames of a violation, where its driver's code ran. */
export const stackText = ({ stack = [] }: Pick<DumpModeViolation, 'stack'>): string =>
  stack.length === 0 ? '' : ` (${stack.slice(0, NAMED_FRAMES).join(' < ')})`

/** ` and 5 more` where `named` of `total` were named. */
export const andMore = (total: number, named: number): string =>
  total > named ? `; and ${total - named} more` : ''
