// The Windows-shaped system on a host folder: disk image, files of C:, guest images from guest/bin.
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Target, TargetConditions } from '@dumpstack/crashtest'
import { FileDiskImage } from '@dumpstack/machine/node'
import { ramRuns } from '../boot/memory-layout.ts'
import { WindowsError } from '../errors.ts'
import { IMAGE_NAME, MANIFEST_NAME } from '../target/disk-record.ts'
import type { SystemOptions } from '../target/options.ts'
import { SystemTarget } from '../target/system-target.ts'
import { readGuestImages } from './guest-images.ts'
import { NodeHostFolder, onHost } from './node-host-folder.ts'

export interface WindowsTargetOptions {
  /** The run folder, made where its parent exists; disk.img, disk.json and C/ are made in it. */
  readonly folder: string
  readonly seed: number
  /** Bytes the guest can use: the sum of the runs. */
  readonly ramBytes: number
  readonly cpuCount: number
  readonly pageFileBytes: number
  readonly conditions: TargetConditions
  /** 512 (512e) by default, or 4096 (4Kn). */
  readonly logicalSectorBytes?: 512 | 4096
  /** 64 GiB by default. */
  readonly diskBytes?: number
  /** Host milliseconds, for the seconds that a dump takes. */
  readonly hostNow: () => number
}

const DEFAULT_DISK_BYTES = 64 * 1024 ** 3

/** Powers the machine on and starts it: describe() answers at once. Throws WindowsError for options that cannot be. */
export function createWindowsTarget(options: WindowsTargetOptions): Target {
  const runs = ramRuns(options.ramBytes)
  const guestImages = readGuestImages()
  const imagePath = join(options.folder, IMAGE_NAME)
  if (existsSync(imagePath)) {
    throw new WindowsError('FOLDER_IN_USE', `${imagePath} exists: the folder holds another run`)
  }
  if (!existsSync(options.folder)) onHost(options.folder, () => mkdirSync(options.folder))
  const diskBytes = options.diskBytes ?? DEFAULT_DISK_BYTES
  const image = onHost(imagePath, () => FileDiskImage.create(imagePath, diskBytes))
  try {
    return new HostedWindowsTarget(
      {
        seed: options.seed,
        runs,
        cpuCount: options.cpuCount,
        pageFileBytes: options.pageFileBytes,
        conditions: options.conditions,
        logicalSectorBytes: options.logicalSectorBytes ?? 512,
        image,
        host: new NodeHostFolder(options.folder),
        guestImages,
        hostNow: options.hostNow,
        hostTurn: () => new Promise((resolve) => setImmediate(resolve)),
      },
      options.folder,
    )
  } catch (error) {
    image.close()
    removeDisk(options.folder)
    throw error
  }
}

/** Removes disk and C: from the host when the run is over, unless the disk is to stay. */
class HostedWindowsTarget extends SystemTarget {
  readonly #folder: string

  constructor(options: SystemOptions, folder: string) {
    super(options)
    this.#folder = folder
  }

  override close(): void {
    super.close()
    if (!this.isDiskKept) removeDisk(this.#folder)
  }
}

function removeDisk(folder: string): void {
  for (const name of [IMAGE_NAME, MANIFEST_NAME, 'C'])
    rmSync(join(folder, name), { recursive: true, force: true })
}
