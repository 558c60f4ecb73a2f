// Which errors of a run with a driver file are the driver's.
import { DriversError, NotJudged } from '@dumpstack/drivers'
import { ImageError } from '@dumpstack/image'
import { DriverFailure } from './driver-failure.ts'

/** What ended a run with a driver file, as its verdict where the driver is to blame. */
export const driverFailure = (error: unknown): unknown =>
  error instanceof DriversError || error instanceof ImageError
    ? new DriverFailure(
        error,
        error instanceof NotJudged ? 'inconclusive' : 'fail',
        error instanceof DriversError,
      )
    : error
