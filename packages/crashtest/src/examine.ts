// Opens one dump and puts it through every check. Works the same on a dump of this run and on one of a finished run with the truth that it
// kept; of a dump from elsewhere, a lab's or a user's, no truth is at hand, and only what it says by itself is judged.
import { type ByteSource, hex, type PhysicalSpace } from '@dumpstack/bytes'
import { type Dump, DumpError, openDump, refusalCheck, verifyDump } from '@dumpstack/dumpfile'
import { HeaderDumpType, HRESULT_FILE_NOT_FOUND } from '@dumpstack/nt'
import type { CrashReport, DumpType, Evidence } from '@dumpstack/target'
import { withCauses } from './causes.ts'
import { asKept, frontDifferences } from './checks/as-kept.ts'
import {
  type BlockDump,
  excused,
  fail,
  type Judgement,
  type PageDump,
  type Place,
  pass,
} from './checks/check.ts'
import {
  blockDumpChecks,
  crashChecks,
  labDumpChecks,
  pageDumpChecks,
  windowsDumpChecks,
} from './checks/index.ts'
import { length } from './checks/length.ts'
import { mergeRanges } from './checks/written-by.ts'
import { compareBlocks } from './compare-blocks.ts'
import { compareTruth } from './compare-truth.ts'
import type { NamedJudgement } from './debug-dump.ts'
import type { Message } from './messages.ts'
import { examineRam, type RamExamination } from './outside-ram/examine-ram.ts'
import { findingsOf, messagesOf, outcomesOf } from './report.ts'
import { type DumpExamination, type Finding, type TruthCount, worst } from './test-event.ts'
import type { KeptFile } from './truth-file.ts'

/** Microsoft-Windows-WER-SystemErrorReporting: too little free space to keep the dump. */
const DUMP_DELETED = 1018

export interface DumpToExamine {
  readonly type: DumpType
  /** Null where no dump file could be opened; then `whyNone` says why. */
  readonly opened: { readonly source: ByteSource; readonly modifiedAt: number } | null
  readonly whyNone?: Judgement
  /** Null for a dump from elsewhere. */
  readonly known: KnownCrash | null
  /** For a dump from elsewhere: RAM taken from outside at the blue screen, of one time or two. */
  readonly ram?: readonly [PhysicalSpace, PhysicalSpace?]
  /** What the debugger came to, see debug-dump.ts. */
  readonly debugged: readonly NamedJudgement[]
}

/** What the run knows of the crash that the dump should show. */
export interface KnownCrash {
  readonly crash: CrashReport
  readonly evidence: Evidence
  readonly kept: KeptFile | null
  /** The log has what the crash report alone fails: the test says it right after the crash. */
  readonly crashIsSaid: boolean
}

export interface ExaminationResult {
  /** `file` is null: only the caller knows where the dump stays. */
  readonly examination: DumpExamination
  readonly findings: readonly Finding[]
  /** What the log says of it. */
  readonly messages: readonly Message[]
  /** Null where the bytes are not a dump. */
  readonly dump: Dump | null
}

function nothingCompared({ promised, promisedBlocks }: Evidence): TruthCount {
  const none = { compared: 0, equal: 0, changedByDumpPath: 0, different: 0, extra: 0 }
  return promisedBlocks.length > 0
    ? { unit: 'blocks', ...none, missing: promisedBlocks.length }
    : { unit: 'pages', ...none, missing: promised.size }
}

/** Yields the percentage done. */
export function* examineDump(input: DumpToExamine): Generator<number, ExaminationResult> {
  const { type, opened, known, ram } = input
  const checked: NamedJudgement[] = []
  let dump: Dump | null = null
  let truth: TruthCount | null = null
  let outside: RamExamination | null = null
  if (known !== null) {
    for (const check of crashChecks) checked.push([check.id, check.judge(known.crash)])
    truth = nothingCompared(known.evidence)
  }

  if (opened === null) {
    checked.push(['file', input.whyNone ?? fail('no dump file was found')])
  } else {
    const { source } = opened
    if (known !== null) checked.push(['file', pass(`found, ${source.byteLength} bytes`)])
    try {
      dump = openDump(source)
      const report = resultOf(verifyDump(source, { allPages: false }))
      checked.push([length.id, length.judge(report)])
      if (known === null) {
        const checks = ram === undefined ? labDumpChecks : windowsDumpChecks
        for (const check of checks) checked.push([check.id, check.judge({ dump, report, as: type })])
        if (ram !== undefined) {
          outside = yield* examineRam(source, dump, ram)
          truth = outside.truth
          checked.push(...outside.judged)
        }
      } else if (dump.header.dumpType === HeaderDumpType.triage) {
        const comparison = compareBlocks(source, dump, known.evidence)
        truth = comparison.count
        const examined: BlockDump = { ...opened, ...known, dump, report, comparison }
        for (const check of blockDumpChecks) checked.push([check.id, check.judge(examined)])
      } else {
        const comparison = yield* compareTruth(source, dump, known.evidence)
        truth = comparison.count
        const examined: PageDump = { ...opened, ...known, dump, report, comparison }
        for (const check of pageDumpChecks) checked.push([check.id, check.judge(examined)])
      }
    } catch (error) {
      if (!(error instanceof DumpError)) throw error
      // A driver under test has no excuse for what cannot be read; a dump from elsewhere may be of a kind that is not.
      const { verdict, message } = known === null ? refusalCheck(error) : fail(error.message)
      checked.push(['format', { verdict, message, places: placesOf(error) }])
      if (known !== null && known.kept !== null) {
        const { places, named } = frontDifferences(source, known.kept)
        if (named.length > 0) checked.push([asKept.id, fail(named.join('; '), places)])
      }
    }
    checked.push(...input.debugged)
  }

  const crash = known === null ? null : known.crash
  const judged = withCauses(
    crash === null
      ? checked
      : checked.map(([id, judgement]): NamedJudgement => [id, excused(crash, id, judgement)]),
    {
      crash,
      byteLength: opened?.source.byteLength ?? null,
      isStale: opened !== null && crash !== null && opened.modifiedAt < crash.crashedAt,
    },
  )
  const said = new Set(known?.crashIsSaid ? crashChecks.map(({ id }) => id) : [])
  const { seconds, bytesWritten } = crash ?? { seconds: 0, bytesWritten: 0 }
  return {
    dump,
    findings: findingsOf(judged),
    messages: [...(outside?.messages ?? []), ...messagesOf(judged, said)],
    examination: {
      type,
      verdict: worst(judged.map(({ judgement }) => judgement.verdict)),
      file: null,
      dumpType: dump?.header.dumpType ?? null,
      bugcheck: dump && { code: dump.header.bugcheckCode, parameters: dump.header.bugcheckParameters },
      pagesInDump: dump?.pages?.size ?? 0,
      truth,
      ...(outside !== null && { differences: outside.differences }),
      writtenBy: opened === null || known === null ? [] : mergeRanges(known.evidence.writtenBy),
      seconds,
      bytesPerSecond: seconds > 0 ? Math.round(bytesWritten / seconds) : 0,
      checks: outcomesOf(judged),
      byteLength: opened?.source.byteLength ?? 0,
    },
  }
}

/** The structure is verified in no time: its percentages would only run ahead of those of the pages. */
function resultOf<T>(work: Generator<unknown, T>): T {
  for (;;) {
    const step = work.next()
    if (step.done) return step.value
  }
}

function placesOf(error: DumpError): Place[] {
  const offset = error.fields['offset']
  return typeof offset === 'number' ? [{ fileOffset: offset }] : []
}

/** Why there is no dump, from what the system itself left behind: MachineCrash and the event log. */
export function explainMissingDump(evidence: Evidence, hresult: number = HRESULT_FILE_NOT_FOUND): Judgement {
  const code = `HRESULT ${hex(hresult)}`
  const ids = new Set(evidence.events.map((event) => event.id))
  const logged = [161, 162, 1001, 1018, 41, 6008, 46, 49].filter((id) => ids.has(id))
  const log = `event log: ${logged.length > 0 ? logged.join(', ') : 'nothing'}${ids.has(1001) ? '' : ', no 1001 of source BugCheck'}`
  if (ids.has(DUMP_DELETED)) {
    return {
      verdict: 'inconclusive',
      message: `no dump file (${code}): the dump was written, and the system deleted it: a client outside a domain keeps MEMORY.DMP only with more than 25 GB free on its volume, or with CrashControl\\AlwaysKeepMemoryDump 1; ${log}`,
    }
  }
  if (evidence.machineCrash === undefined) {
    return fail(
      `no dump file (${code}): the dump was never written: no valid dump header in the page file at the restart, no CrashControl\\MachineCrash; ${log}`,
    )
  }
  return fail(
    `no dump file (${code}): the dump was written but not copied: CrashControl\\MachineCrash names ${evidence.machineCrash.dumpFile}; ${log}`,
  )
}
