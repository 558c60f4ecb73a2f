// The guest's programs and drivers, as the repository keeps them in guest/bin.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WindowsError } from '../errors.ts'
import { onHost } from './node-host-folder.ts'

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
