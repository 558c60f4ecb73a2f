// The examine step on a dump from elsewhere, a lab's or a user's: no truth of its crash is at hand, so what is compared with RAM,
// with the DMA log or with the crash report is absent. What it says by itself and what the debugger makes of it is judged.
import type { ByteSource } from '@dumpstack/bytes'
import { type Dump, DumpError, openDump, refusalCheck, verifyDump } from '@dumpstack/dumpfile'
import type { DumpType } from '@dumpstack/target'
import { withCauses } from './causes.ts'
import { labDumpChecks } from './checks/index.ts'
import { length } from './checks/length.ts'
import type { NamedJudgement } from './debug-dump.ts'
import { type ExaminationResult, placesOf, resultOf } from './examine.ts'
import { findingsOf, messagesOf, outcomesOf } from './report.ts'
import { worst } from './test-event.ts'

export interface FileToExamine {
  readonly source: ByteSource
  /** Of which type it should be. */
  readonly as: DumpType
  readonly debugged: readonly NamedJudgement[]
}

export function examineFile({ source, as, debugged }: FileToExamine): ExaminationResult {
  const checked: NamedJudgement[] = []
  let dump: Dump | null = null
  try {
    dump = openDump(source)
    const report = resultOf(verifyDump(source, { allPages: false }))
    checked.push([length.id, length.judge(report)])
    const examined = { dump, report, as }
    for (const check of labDumpChecks) checked.push([check.id, check.judge(examined)])
  } catch (error) {
    if (!(error instanceof DumpError)) throw error
    const { verdict, message } = refusalCheck(error)
    checked.push(['format', { verdict, message, places: placesOf(error) }])
  }
  checked.push(...debugged)
  const judged = withCauses(checked, { crash: null, byteLength: source.byteLength, isStale: false })
  return {
    dump,
    findings: findingsOf(judged),
    messages: messagesOf(judged, new Set()),
    examination: {
      type: as,
      verdict: worst(judged.map(({ judgement }) => judgement.verdict)),
      file: null,
      byteLength: source.byteLength,
      dumpType: dump?.header.dumpType ?? null,
      bugcheck: dump && { code: dump.header.bugcheckCode, parameters: dump.header.bugcheckParameters },
      pagesInDump: dump?.pages?.size ?? 0,
      truth: null,
      writtenBy: [],
      seconds: 0,
      bytesPerSecond: 0,
      checks: outcomesOf(judged),
    },
  }
}
