// A dump driver's routine did not return in bounded time: with one processor and no watchdog the machine would stand still.
import { DriversError } from '../errors.ts'

export class DriverHang extends DriversError {
  /** `what` did not return within which limit. */
  constructor(driver: string, entryPoint: string, what: string) {
    super('DRIVER_HANG', `${driver} ${entryPoint} ${what}`, { driver, entryPoint })
  }
}
