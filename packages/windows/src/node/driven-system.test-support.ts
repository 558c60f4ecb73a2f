// The same system for tests: with one of our compiled miniports, or a file that the test made.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { IcedDecoder } from '@dumpstack/cpu/node'
import { openSysFile, type SysFile } from '@dumpstack/drivers'
import { controllerNamed, MemoryDiskImage } from '@dumpstack/machine'
import { win10_19041 } from '@dumpstack/nt'
import { diskLayout } from '../check/check-dump.ts'
import { bootDrivenSystem, type DrivenSystem } from '../check/driven-system.ts'
import { systemSettings } from '../check/settings.ts'
import { installDriver, readGuestImages } from './guest-images.ts'

const MINIPORTS = new URL('../../../../guest/miniports/bin/', import.meta.url)

export const PLAIN_LAYOUT = diskLayout(systemSettings({}), 1, 0)

export const ownMiniport = (fileName: string): SysFile =>
  openSysFile(fileName, readFileSync(fileURLToPath(new URL(fileName, MINIPORTS))))

/** With the medium of its disk. */
export function systemDrivenBy(
  file: SysFile,
  kind: string,
): DrivenSystem & { readonly image: MemoryDiskImage } {
  const image = new MemoryDiskImage(PLAIN_LAYOUT.byteLength)
  const options = {
    profile: win10_19041,
    file,
    controller: controllerNamed(kind),
    life: { memory: 'above-4G' },
    seed: 1,
    guestImages: installDriver(readGuestImages(win10_19041), win10_19041, file),
    decoder: new IcedDecoder(),
  }
  return { ...bootDrivenSystem(options, image), image }
}
