// The file was written after the crash, by the test's own clock, and its header says the time of that crash.
import { type DumpCheck, fail, pass } from './check.ts'

/** 1601 to 1970, in milliseconds. */
const FILETIME_EPOCH_MS = 11_644_473_600_000
/** What the header's clock may lag behind: one tick of the system clock and rounding. */
const TOLERANCE_MS = 1000

const utc = (ms: number): string => new Date(ms).toISOString()

export const newer: DumpCheck = {
  id: 'newer',
  judge({ modifiedAt, dump, crash }) {
    const { crashedAt } = crash
    if (modifiedAt < crashedAt) {
      return fail(
        `the file was written at ${utc(modifiedAt)}, before the crash at ${utc(crashedAt)}: a stale dump`,
        [{ found: utc(modifiedAt), expected: `after ${utc(crashedAt)}` }],
      )
    }
    const headerMs = Number(dump.header.systemTime / 10_000n) - FILETIME_EPOCH_MS
    const isInRange = Math.abs(headerMs) <= 8.64e15
    if (!isInRange || headerMs < crashedAt - TOLERANCE_MS || headerMs > modifiedAt + TOLERANCE_MS) {
      const found = isInRange ? utc(headerMs) : `FILETIME ${dump.header.systemTime}`
      return fail(
        `the header's SystemTime is ${found}, expected between the crash at ${utc(crashedAt)} and the file's last write`,
        [{ found, expected: utc(crashedAt) }],
      )
    }
    return pass(`written at ${utc(modifiedAt)}, after the crash at ${utc(crashedAt)}`)
  },
}
