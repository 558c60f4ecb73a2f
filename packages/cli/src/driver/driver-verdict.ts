// Which errors of a run with a driver file are the driver's.
import { DriversError, NotJudged } from '@dumpstack/drivers'
import { ImageError } from '@dumpstack/image'
import { MachineError, type MachineErrorCode } from '@dumpstack/machine'
import { KernelError } from '@dumpstack/windows'
import { DriverFailure } from './driver-failure.ts'

/** Errors of the machine that only a faulty driver causes: it destroyed the system, or made its controller work without end. */
const BY_A_DRIVER: ReadonlySet<MachineErrorCode> = new Set(['RAM_HOLE', 'DEVICE_WORK', 'STRAY_WRITES'])

const isOfADestroyedSystem = (error: unknown): error is KernelError | MachineError =>
  error instanceof KernelError || (error instanceof MachineError && BY_A_DRIVER.has(error.code))

/** What ended a run with a driver file, as its verdict where the driver is to blame. */
export function driverFailure(error: unknown): unknown {
  if (error instanceof DriversError)
    return new DriverFailure(error, error instanceof NotJudged ? 'inconclusive' : 'fail', true)
  if (error instanceof ImageError) return new DriverFailure(error, 'fail', false)
  return isOfADestroyedSystem(error) ? new DriverFailure(error, 'fail', true) : error
}
