// The crash comes while the disk is busy, and what the dump stack's reset of the controller drops stays undone. Data that a
// dropped read would have moved shows in changedByDumpPath.
import { hex } from '@dumpstack/bytes'
import { type CrashCheck, counted, fail, pass } from './check.ts'

const MIN_COMMANDS = 2

export const inFlight: CrashCheck = {
  id: 'inFlight',
  judge({ inFlight: { commands, completed, leaked } }) {
    if (commands < MIN_COMMANDS) {
      return fail(
        `${counted(commands, 'command')} in flight at the crash, expected at least ${MIN_COMMANDS}: the controller was not busy`,
        [{ found: String(commands), expected: `at least ${MIN_COMMANDS}` }],
      )
    }
    if (leaked.length > 0) {
      return fail(
        `${leaked.length} of ${commands} commands in flight at the crash never completed and changed the disk all the same, at disk offset ${leaked.map((offset) => hex(offset)).join(', ')}`,
      )
    }
    const after = completed === 0 ? '' : `, ${completed} completed before the controller was reset`
    return pass(
      `${counted(commands, 'command')} in flight at the crash${after}: the disk holds nothing of those that were dropped`,
    )
  },
}
