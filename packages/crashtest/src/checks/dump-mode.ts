// No driver of the dump stack broke a dump mode rule (DM-nn).
import { andMore, type CrashCheck, counted, DUMP_MODE, fail, pass, stackText } from './check.ts'

const NAMED = 4

export const dumpMode: CrashCheck = {
  id: DUMP_MODE,
  judge({ violations }) {
    if (violations.length === 0) return pass('no dump mode rule was broken')
    const named = violations
      .slice(0, NAMED)
      .map(
        (v) =>
          `${v.rule} by ${v.driver}${v.offset === undefined ? '' : ` at offset ${v.offset}`} in ${v.call}: ${v.message}${stackText(v)}`,
      )
    return fail(
      `${counted(violations.length, 'violation')}: ${named.join('; ')}${andMore(violations.length, NAMED)}`,
    )
  },
}
