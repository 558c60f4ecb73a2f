// The contract check of a driver file with the repository's guest images around it.

import { IcedDecoder } from '@dumpstack/cpu/node'
import { type ControllerModel, controllerNamed } from '@dumpstack/machine'
import { drivenControllers, type Profile } from '@dumpstack/nt'
import { type BudgetOptions, type BudgetTable, measureBudget } from '../check/budget.ts'
import {
  checkDriver,
  checkDriverOnAny,
  type DriverCheckOptions,
  findController,
} from '../check/check-driver.ts'
import type { DriverCheckReport } from '../check/driver-finding.ts'
import { type LifeOptions, type LifeResult, runLife } from '../check/life.ts'
import type { LifeSettings } from '../check/settings.ts'
import type { DriverFileOptions } from './create-windows-target.ts'
import { installDriver, readGuestImages } from './guest-images.ts'

/** One, so that what is decoded for one file serves the next. */
const decoder = new IcedDecoder()

/**
 * Without a controller on the one of the profile's that the driver is for. Throws TargetOptionsError DRIVER_NAME_TAKEN and SETTING, and
 * NotJudged NO_SUCH_DEVICE.
 */
export function checkDriverFile(
  driver: Omit<DriverFileOptions, 'description'>,
  {
    controller,
    ...options
  }: Omit<DriverCheckOptions, keyof Installed | 'controller'> & {
    readonly controller: ControllerModel | null
  },
): DriverCheckReport {
  const all = { ...options, ...installed(driver, options.profile) }
  return controller === null
    ? checkDriverOnAny(all, drivenControllers(options.profile).map(controllerNamed))
    : checkDriver({ ...all, controller })
}

/** Runs single lives of a plan. Throws TargetOptionsError DRIVER_NAME_TAKEN. */
export function driverLives(
  driver: Omit<DriverFileOptions, 'description'>,
  options: Omit<LifeOptions, keyof Installed>,
): (life: LifeSettings) => LifeResult {
  const all = { ...options, ...installed(driver, options.profile) }
  return (life) => runLife(all, life)
}

/** Throws TargetOptionsError DRIVER_NAME_TAKEN and SETTING. */
export function measureDriverBudget(
  driver: Omit<DriverFileOptions, 'description'>,
  options: Omit<BudgetOptions, keyof Installed>,
): BudgetTable {
  return measureBudget({ ...options, ...installed(driver, options.profile) })
}

type Installed = Pick<LifeOptions, 'file' | 'names' | 'guestImages' | 'decoder' | 'observer'>

const installed = (
  { file, names, observer }: Omit<DriverFileOptions, 'description'>,
  profile: Profile,
): Installed => ({
  file,
  names,
  guestImages: installDriver(readGuestImages(profile), profile, file),
  decoder,
  ...(observer !== undefined && { observer }),
})

/** The one of the profile's controllers that the driver is for. Throws NotJudged NO_SUCH_DEVICE, and TargetOptionsError DRIVER_NAME_TAKEN. */
export function findDriverController(
  driver: Omit<DriverFileOptions, 'description'>,
  options: Pick<LifeOptions, 'profile' | 'stopFlag'>,
): ControllerModel {
  const { profile } = options
  return findController(
    { ...options, seed: 1, ...installed(driver, profile) },
    drivenControllers(profile).map(controllerNamed),
  )
}
