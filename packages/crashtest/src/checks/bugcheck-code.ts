// A dump from elsewhere shows the test's bugcheck, 0xE2; the parameters that its crash driver gave are unknown.
import { hex } from '@dumpstack/bytes'
import { bugcheckName } from '@dumpstack/nt'
import { bugcheckText, fail, type LabDumpCheck, pass } from './check.ts'
import { MANUALLY_INITIATED_CRASH } from './screen.ts'

const named = (code: number): string => `${hex(code)} ${bugcheckName(code) ?? ''}`.trimEnd()

export const bugcheckCode: LabDumpCheck = {
  id: 'bugcheck',
  judge({ dump }) {
    const { bugcheckCode: code, bugcheckParameters: parameters } = dump.header
    if (code === MANUALLY_INITIATED_CRASH) return pass(`bugcheck ${bugcheckText({ code, parameters })}`)
    const expected = named(MANUALLY_INITIATED_CRASH)
    return fail(`bugcheck is ${named(code)}, expected ${expected}: not a crash of the test`, [
      { found: hex(code), expected: hex(MANUALLY_INITIATED_CRASH) },
    ])
  },
}
