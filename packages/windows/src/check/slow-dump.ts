// Whether a dump is written in the time that a person waits: 64 MiB in a minute of the machine's clock, on a device without faults.
import type { DumpTimes } from '@dumpstack/drivers'
import type { Severity } from '@dumpstack/nt'

const BYTES = 64 * 2 ** 20
const MAX_SECONDS = 60
/** After such a wait a user takes the machine for hung. */
const HOPELESS_SECONDS = 3600

export interface SlowDump {
  readonly verdict: Severity
  readonly message: string
}

/**
 * Null of a dump that is fast enough. A life writes less than 64 MiB: its writes count as often as they fit there, but for the longest, which
 * may wait for what comes once, and the start counts once.
 */
export function slowDump(times: DumpTimes, bytesWritten: number): SlowDump | null {
  const { startSeconds, writeSeconds, longestSeconds, waits } = times
  const scale = Math.max(1, BYTES / bytesWritten)
  const seconds = startSeconds + longestSeconds + (writeSeconds - longestSeconds) * scale
  if (!(seconds > MAX_SECONDS)) return null
  const verdict = seconds > HOPELESS_SECONDS ? 'fail' : 'warning'
  const where = waits === null ? '' : `, ${waits.seconds.toFixed(1)} s of it in ${waits.entryPoint}`
  const took = `${bytesWritten} bytes of dump took ${writeSeconds.toFixed(1)} s of the machine's time${where}, after ${startSeconds.toFixed(1)} s of start`
  const message = `${took}: 64 MiB take ${seconds.toFixed(0)} s, expected at most ${MAX_SECONDS} s`
  return { verdict, message }
}
