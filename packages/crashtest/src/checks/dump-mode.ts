// No driver of the dump stack broke a dump mode rule (DM-nn).
import type { DumpModeViolation } from '@dumpstack/nt'
import { andMore, type CrashCheck, counted, DUMP_MODE, fail, pass, stackText } from './check.ts'

const NAMED = 4

export const dumpMode: CrashCheck = {
  id: DUMP_MODE,
  judge({ violations }) {
    const broken = violations.filter(({ severity }) => severity === 'fail')
    if (broken.length > 0) return fail(`${counted(broken.length, 'violation')}: ${named(broken)}`)
    const other =
      violations.length === 0 ? '' : `; ${counted(violations.length, 'remark')}: ${named(violations)}`
    return pass(`no dump mode rule was broken${other}`)
  },
}

const named = (violations: readonly DumpModeViolation[]): string =>
  violations
    .slice(0, NAMED)
    .map(
      (v) =>
        `${v.rule} by ${v.driver}${v.offset === undefined ? '' : ` at offset ${v.offset}`} in ${v.call}: ${v.message}${v.count > 1 ? ` (${v.count} times)` : ''}${stackText(v)}`,
    )
    .join('; ') + andMore(violations.length, NAMED)
