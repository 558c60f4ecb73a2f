// The contract check of a driver file with the repository's guest images around it.

import { IcedDecoder } from '@dumpstack/cpu/node'
import { type ControllerModel, controllerNamed } from '@dumpstack/machine'
import { drivenControllers, type Profile } from '@dumpstack/nt'
import { checkDriver, type DriverCheckOptions, findController } from '../check/check-driver.ts'
import type { DriverCheckReport } from '../check/driver-finding.ts'
import type { DriverFileOptions } from './create-windows-target.ts'
import { installDriver, readGuestImages } from './guest-images.ts'

/** Throws TargetOptionsError DRIVER_NAME_TAKEN and SETTING. */
export function checkDriverFile(
  { file, names, observer }: Omit<DriverFileOptions, 'description'>,
  options: Pick<
    DriverCheckOptions,
    'profile' | 'controller' | 'seed' | 'settings' | 'isWhole' | 'onProgress' | 'onStop'
  >,
): DriverCheckReport {
  const { profile } = options
  return checkDriver({
    ...options,
    file,
    names,
    guestImages: installDriver(readGuestImages(profile), profile, file),
    decoder: new IcedDecoder(),
    ...(observer !== undefined && { observer }),
  })
}

/** The one of the profile's controllers that the driver is for. Throws NotJudged NO_SUCH_DEVICE, and TargetOptionsError DRIVER_NAME_TAKEN. */
export function findDriverController(
  { file, names }: Omit<DriverFileOptions, 'description'>,
  profile: Profile,
): ControllerModel {
  const guestImages = installDriver(readGuestImages(profile), profile, file)
  const options = { profile, file, names, seed: 1, guestImages, decoder: new IcedDecoder() }
  return findController(options, drivenControllers(profile).map(controllerNamed))
}
