// A dump driver's routine did not return in bounded time: with one processor and no watchdog the machine would stand still.
import { DriversError } from '../errors.ts'

export class DriverHang extends DriversError {
  /** Whether the log of violations has the hang already. */
  readonly isLogged: boolean
  /** It was cut off for the work that it makes: nothing shows that it would not return in the end. */
  readonly isCutOff: boolean

  /** `what` did not return within which limit. */
  constructor(driver: string, entryPoint: string, what: string, isLogged = false, isCutOff = false) {
    super('DRIVER_HANG', `${driver} ${entryPoint} ${what}`, { driver, entryPoint })
    this.isLogged = isLogged
    this.isCutOff = isCutOff
  }
}
