// The same system for tests: with one of our compiled miniports, or a file that the test made.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { IcedDecoder } from '@dumpstack/cpu/node'
import { openSysFile, type SysFile } from '@dumpstack/drivers'
import { controllerNamed } from '@dumpstack/machine'
import { win10_19041 } from '@dumpstack/nt'
import { bootDrivenSystem, type DrivenSystem } from '../check/driven-system.ts'
import { installDriver, readGuestImages } from './guest-images.ts'

const MINIPORTS = new URL('../../../../guest/miniports/bin/', import.meta.url)

export const ownMiniport = (fileName: string): SysFile =>
  openSysFile(fileName, readFileSync(fileURLToPath(new URL(fileName, MINIPORTS))))

export const systemDrivenBy = (file: SysFile, kind: string): DrivenSystem =>
  bootDrivenSystem({
    profile: win10_19041,
    file,
    controller: controllerNamed(kind),
    seed: 1,
    guestImages: installDriver(readGuestImages(win10_19041), win10_19041, file),
    decoder: new IcedDecoder(),
  })
