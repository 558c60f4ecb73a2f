// nt!IopFinalCrashDumpStatus: 0 is success, 0xffffffff never started, anything else the status that ended the dump.
import { hex } from '@dumpstack/bytes'
import { type CrashCheck, fail, pass } from './check.ts'

const NEVER_STARTED = 0xffffffff

export const finalStatus: CrashCheck = {
  id: 'finalStatus',
  judge(crash) {
    const status = crash.finalStatus >>> 0
    if (status === 0) return pass('the dump ended with status 0x0')
    const what =
      status === NEVER_STARTED
        ? 'the dump never started: '
        : `the dump ended early after ${crash.bytesWritten} bytes: `
    const cause = crash.failure === undefined ? '' : `: ${crash.failure}`
    return fail(`${what}status ${hex(status)}, expected 0x0${cause}`, [
      { found: hex(status), expected: '0x0' },
    ])
  },
}
