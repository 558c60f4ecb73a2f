// A dump driver's routine did not return in bounded time: with one processor and no watchdog the machine would stand still.
import { DriversError } from '../errors.ts'

export class DriverHang extends DriversError {
  constructor(driver: string, entryPoint: string, seconds: number) {
    super('DRIVER_HANG', `${driver} ${entryPoint} did not return within ${seconds} s of the machine's time`, {
      driver,
      entryPoint,
    })
  }
}
