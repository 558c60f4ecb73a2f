// The header names bugcheck 0xE2 and the four parameters that the crash driver gave to KeBugCheckEx.
import type { Bugcheck } from '@dumpstack/nt'
import { bugcheckText, type DumpCheck, fail, pass } from './check.ts'
import { MANUALLY_INITIATED_CRASH } from './screen.ts'

export const bugcheck: DumpCheck = {
  id: 'bugcheck',
  judge({ dump, evidence }) {
    const found: Bugcheck = { code: dump.header.bugcheckCode, parameters: dump.header.bugcheckParameters }
    const expected: Bugcheck = { code: MANUALLY_INITIATED_CRASH, parameters: evidence.bugcheck.parameters }
    const [foundText, expectedText] = [bugcheckText(found), bugcheckText(expected)]
    if (foundText === expectedText) return pass(`bugcheck ${foundText}`)
    return fail(`bugcheck is ${foundText}, expected ${expectedText}`, [
      { found: foundText, expected: expectedText },
    ])
  },
}
