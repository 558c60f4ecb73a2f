// The examine step on a dump from elsewhere, a lab's or a user's: no truth of its crash is at hand, so what is compared with RAM,
// with the DMA log or with the crash report is absent. What it says by itself and what the debugger makes of it is judged.
import type { ByteSource } from '@dumpstack/bytes'
import { type Dump, DumpError, openDump, refusalCheck, verifyDump } from '@dumpstack/dumpfile'
import { labDumpChecks } from './checks/index.ts'
import { length } from './checks/length.ts'
import type { NamedJudgement } from './debug-dump.ts'
import { type ExaminationResult, findingsOf, outcomesOf, placesOf, resultOf } from './examine.ts'
import type { DumpType } from './target.ts'
import { worst } from './test-event.ts'

export interface FileToExamine {
  readonly source: ByteSource
  /** Of which type it should be. */
  readonly as: DumpType
  readonly debugged: readonly NamedJudgement[]
}

export function examineFile({ source, as, debugged }: FileToExamine): ExaminationResult {
  const judged: NamedJudgement[] = []
  let dump: Dump | null = null
  try {
    dump = openDump(source)
    const report = resultOf(verifyDump(source, { allPages: false }))
    judged.push([length.id, length.judge(report)])
    const examined = { dump, report, as }
    for (const check of labDumpChecks) judged.push([check.id, check.judge(examined)])
  } catch (error) {
    if (!(error instanceof DumpError)) throw error
    const { verdict, message } = refusalCheck(error)
    judged.push(['format', { verdict, message, places: placesOf(error) }])
  }
  judged.push(...debugged)
  return {
    dump,
    findings: findingsOf(judged),
    examination: {
      type: as,
      verdict: worst(judged.map(([, { verdict }]) => verdict)),
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
