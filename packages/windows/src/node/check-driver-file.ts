// The contract check of a driver file with the repository's guest images around it.

import { IcedDecoder } from '@dumpstack/cpu/node'
import type { ControllerKind } from '@dumpstack/machine'
import { checkDriver, type DriverCheckOptions, findController } from '../check/check-driver.ts'
import type { DriverCheckReport } from '../check/driver-finding.ts'
import type { DriverFileOptions } from './create-windows-target.ts'
import { installDriver, readGuestImages } from './guest-images.ts'

/** Throws WindowsError DRIVER_NAME_TAKEN. */
export function checkDriverFile(
  { file, names, observer }: Omit<DriverFileOptions, 'description'>,
  controller: ControllerKind,
  seed: number,
  onPhase?: DriverCheckOptions['onPhase'],
): DriverCheckReport {
  return checkDriver({
    file,
    names,
    controller,
    seed,
    guestImages: installDriver(readGuestImages(), file),
    decoder: new IcedDecoder(),
    ...(observer !== undefined && { observer }),
    ...(onPhase !== undefined && { onPhase }),
  })
}

/** The controller that the driver is for. Throws NotJudged NO_SUCH_DEVICE, and WindowsError DRIVER_NAME_TAKEN. */
export function findDriverController({
  file,
  names,
}: Omit<DriverFileOptions, 'description'>): ControllerKind {
  const guestImages = installDriver(readGuestImages(), file)
  return findController({ file, names, seed: 1, guestImages, decoder: new IcedDecoder() })
}
