// Which errors of a run with a driver file are the driver's.
import { DumpstackError } from '@dumpstack/bytes'
import { DriversError, NotJudged } from '@dumpstack/drivers'
import { ImageError } from '@dumpstack/image'
import { DriverFailure } from './driver-failure.ts'

/**
 * What the system and its machine come to where a driver destroyed what is theirs, or had its controller work without end: without a
 * driver file the same system, which is deterministic, never does.
 */
const OF_A_DESTROYED_SYSTEM: ReadonlySet<string> = new Set([
  'GUEST_STOPPED',
  'NOT_MAPPED',
  'ALREADY_MAPPED',
  'OUT_OF_MEMORY',
  'RAM_HOLE',
  'DEVICE_WORK',
  'STRAY_WRITES',
])

/** What ended a run with a driver file, as its verdict where the driver is to blame. */
export function driverFailure(error: unknown): unknown {
  if (error instanceof DriversError)
    return new DriverFailure(error, error instanceof NotJudged ? 'inconclusive' : 'fail', true)
  if (error instanceof ImageError) return new DriverFailure(error, 'fail', false)
  return error instanceof DumpstackError && OF_A_DESTROYED_SYSTEM.has(error.code)
    ? new DriverFailure(error, 'fail', true)
    : error
}
