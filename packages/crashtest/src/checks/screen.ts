// The stop code on the screen is the one that was asked for. Any other is a second bugcheck raised while the dump was
// written: the fault of a driver on the dump path.
import { hex } from '@dumpstack/bytes'
import { bugcheckText, type CrashCheck, fail, pass, stackText } from './check.ts'

export const MANUALLY_INITIATED_CRASH = 0xe2

export const screen: CrashCheck = {
  id: 'screen',
  judge({ shown, violations, bytesWritten, finalStatus }) {
    if (shown.code === MANUALLY_INITIATED_CRASH)
      return pass(`the screen shows bugcheck ${bugcheckText(shown)}`)
    const culprit = violations.findLast(({ severity }) => severity === 'fail')
    const by =
      culprit === undefined
        ? 'no driver could be named'
        : `${culprit.driver} at offset ${culprit.offset ?? 'unknown'} (address ${culprit.address}, ${culprit.call}): ${culprit.message}${stackText(culprit)}`
    return fail(
      `the screen shows bugcheck ${bugcheckText(shown)}, expected 0xe2: a second bugcheck while the dump was written, which ended it after ${bytesWritten} bytes with status ${hex(finalStatus >>> 0)}, by ${by}`,
      [{ found: bugcheckText(shown), expected: '0xe2' }],
    )
  },
}
