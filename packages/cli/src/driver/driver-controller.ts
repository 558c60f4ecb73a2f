// Which controller a driver file is for, where the user does not say: the driver is asked.
import type { Profile } from '@dumpstack/nt'
import { findDriverController } from '@dumpstack/windows/node'
import { openDriver } from './driver-file.ts'
import { driverFailure } from './driver-verdict.ts'

export function controllerOfDriver(file: string, pdb: string | null, profile: Profile): string {
  try {
    const driver = openDriver(file, pdb)
    try {
      return findDriverController(driver, { profile }).kind
    } finally {
      driver.close()
    }
  } catch (error) {
    throw driverFailure(error)
  }
}
