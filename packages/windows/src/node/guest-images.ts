// The guest's programs and drivers, as the repository keeps them in guest/bin.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SysFile } from '@dumpstack/drivers'
import { type ControllerDrivers, DEFAULT_PROFILE } from '@dumpstack/nt'
import { WindowsError } from '../errors.ts'
import { onHost } from './system-folder.ts'

/** Images and their PDBs. From src/node and from dist/node alike. */
export const GUEST_FOLDER = fileURLToPath(new URL('../../../../guest/bin', import.meta.url))
const IMAGE_NAME = /\.(exe|dll|sys)$/

/** By name on disk: `ntkrnlmp.exe`. */
export function readGuestImages(): ReadonlyMap<string, Uint8Array> {
  const images = new Map<string, Uint8Array>()
  for (const name of onHost(GUEST_FOLDER, () => readdirSync(GUEST_FOLDER)).filter((file) =>
    IMAGE_NAME.test(file),
  )) {
    const path = join(GUEST_FOLDER, name)
    images.set(
      name,
      onHost(path, () => readFileSync(path)),
    )
  }
  if (images.size === 0) throw new WindowsError('IMAGE_MISSING', `${GUEST_FOLDER} holds no guest images`)
  return images
}

/** The guest's images with one of the user's, which may replace a miniport of the profile but no other part of the system. */
export function installDriver(
  images: ReadonlyMap<string, Uint8Array>,
  { fileName, image }: SysFile,
): ReadonlyMap<string, Uint8Array> {
  const miniports = Object.values(DEFAULT_PROFILE.controllers)
    .filter((drivers): drivers is ControllerDrivers => typeof drivers === 'object')
    .map((drivers) => drivers.miniport)
  const taken = [...images.keys(), 'ntoskrnl.exe'].find(
    (name) => name.toLowerCase() === fileName.toLowerCase(),
  )
  if (taken !== undefined && !miniports.includes(taken)) {
    throw new WindowsError(
      'DRIVER_NAME_TAKEN',
      `driver ${fileName} has the name of a part of the system, expected a name of its own`,
      { fileName },
    )
  }
  return new Map([...images].filter(([name]) => name !== taken)).set(fileName, image.bytes)
}
