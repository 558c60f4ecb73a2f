// TimeDateStamp of an image as a date. Since reproducible builds it is often a hash: such a number is no date.
import type { DebugModule } from '../modules.ts'
import type { Session } from '../session.ts'
import { unixDate } from '../target-facts.ts'

/** Windows NT 3.1; no driver that loads is older. */
const FIRST_DATE = 741_312_000
/** A driver may have been built on a machine whose clock ran ahead, but not by this much. */
const SLACK_SECONDS = 86_400 * 30

export type ImageTime = {
  /** TimeDateStamp, 0 where the target does not hold it. */
  readonly stamp: number
  /** False for a number that is no date, most likely a hash. */
  readonly isDate: boolean
}

export function imageTime({ system }: Session, { loaded }: DebugModule): ImageTime {
  const stamp = loaded.timeDateStamp >>> 0
  const crashed = unixSeconds(system.systemTime)
  const isDate = stamp >= FIRST_DATE && (crashed === null || stamp <= crashed + SLACK_SECONDS)
  return { stamp, isDate }
}

/** `Fri Jul 28 09:12:49 2017 (597AFDB1)`; a number that is no date says so. */
export function imageTimeText({ stamp, isDate }: ImageTime): string {
  const number = stamp.toString(16).toUpperCase().padStart(8, '0')
  if (stamp === 0) return `unknown (${number})`
  return isDate
    ? `${unixDate(stamp)} (${number})`
    : `no date, most likely the hash of a reproducible build (${number})`
}

/** Null where the header of the dump holds no time. */
function unixSeconds(fileTime: bigint): number | null {
  const seconds = Number(fileTime / 10_000_000n) - 11_644_473_600 // far below 2^53
  return seconds > 0 && seconds < 2 ** 32 ? seconds : null
}
