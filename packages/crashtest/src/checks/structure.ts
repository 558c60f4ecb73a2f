// The file is a whole crash dump by its own contents: size, counts, runs, bitmap, KDBG, page tables (dumpfile's verify).
import { andMore, counted, type ExaminedDump, fail, type Judgement, pass } from './check.ts'

const NAMED = 8

export const structure = {
  id: 'structure',
  judge({ report }: Pick<ExaminedDump, 'report'>): Judgement {
    const bad = report.checks.filter((check) => check.verdict === 'fail')
    if (bad.length > 0) {
      const named = bad.slice(0, NAMED)
      return fail(
        `${counted(bad.length, 'finding')}: ${named.map((check) => check.message).join('; ')}${andMore(bad.length, NAMED)}`,
        named.map((check) => ({
          ...(check.offset !== undefined && { fileOffset: Number(check.offset) }),
          ...(check.found !== undefined && { found: check.found }),
          ...(check.expected !== undefined && { expected: check.expected }),
        })),
      )
    }
    const open = report.checks.filter((check) => check.verdict === 'inconclusive')
    if (open.length > 0) {
      return { verdict: 'inconclusive', message: open.map((check) => check.message).join('; ') }
    }
    const remarks = report.checks
      .filter((check) => check.remark === true)
      .map((check) => `; ${check.message}`)
    const passed = `${report.dumpTypeName}: ${counted(report.checks.length, 'structural check')} passed`
    return pass(`${passed}${remarks.join('')}`)
  },
}
