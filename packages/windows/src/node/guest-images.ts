// The guest's programs and drivers, as the repository keeps them for each profile.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SysFile } from '@dumpstack/drivers'
import type { ControllerDrivers, Profile } from '@dumpstack/nt'
import { TargetOptionsError } from '@dumpstack/target'
import { WindowsError } from '../errors.ts'
import { onHost } from './system-folder.ts'

/** From here to what holds `guest`: from src/node and dist/node the repository, from the chunks of the bundle the package. */
const HOMES = ['../../../../', '../../']

/** Images and their PDBs. */
export function guestFolder({ guestImages }: Profile): string {
  const folders = HOMES.map((home) => fileURLToPath(new URL(`${home}guest/${guestImages}`, import.meta.url)))
  return folders.find((folder) => existsSync(folder)) ?? folders[0]!
}
const IMAGE_NAME = /\.(exe|dll|sys)$/

/** By name on disk: `ntkrnlmp.exe`. */
export function readGuestImages(profile: Profile): ReadonlyMap<string, Uint8Array> {
  const folder = guestFolder(profile)
  const images = new Map<string, Uint8Array>()
  for (const name of onHost(folder, () => readdirSync(folder)).filter((file) => IMAGE_NAME.test(file))) {
    const path = join(folder, name)
    images.set(
      name,
      onHost(path, () => readFileSync(path)),
    )
  }
  if (images.size === 0) throw new WindowsError('IMAGE_MISSING', `${folder} holds no guest images`)
  return images
}

/** The guest's images with one of the user's, which may replace a miniport of the profile but no other part of the system. */
export function installDriver(
  images: ReadonlyMap<string, Uint8Array>,
  profile: Profile,
  { fileName, image }: SysFile,
): ReadonlyMap<string, Uint8Array> {
  const miniports = Object.values(profile.stack)
    .filter((drivers): drivers is ControllerDrivers => typeof drivers === 'object')
    .map((drivers) => drivers.miniport)
  const taken = [...images.keys(), 'ntoskrnl.exe'].find(
    (name) => name.toLowerCase() === fileName.toLowerCase(),
  )
  if (taken !== undefined && !miniports.includes(taken)) {
    throw new TargetOptionsError(
      'DRIVER_NAME_TAKEN',
      `driver ${fileName} has the name of a part of the system, expected a name of its own`,
      { fileName },
    )
  }
  return new Map([...images].filter(([name]) => name !== taken)).set(fileName, image.bytes)
}
