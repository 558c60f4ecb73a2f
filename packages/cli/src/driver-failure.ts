// A run with a driver file that came to no dump: the driver's own failure, or nobody's.
import { DumpstackError } from '@dumpstack/bytes'
import { DriversError, NotJudged } from '@dumpstack/drivers'
import { ImageError } from '@dumpstack/image'

/** The driver under test did not let the test happen: its fault, or nobody's. */
export class DriverFailure extends DumpstackError {
  readonly verdict: 'fail' | 'inconclusive'

  constructor(cause: DumpstackError) {
    super(cause.code, cause.message, cause.fields, { cause })
    this.verdict = cause instanceof NotJudged ? 'inconclusive' : 'fail'
  }
}

/** What ended a run with a driver file, as its verdict where the driver is to blame. */
export const driverFailure = (error: unknown): unknown =>
  error instanceof DriversError || error instanceof ImageError ? new DriverFailure(error) : error
