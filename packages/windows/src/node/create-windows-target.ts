// The Windows-shaped system on a host folder: disk image, files of C:, guest images from guest/bin.

import { IcedDecoder } from '@dumpstack/cpu/node'
import type { DumpWriteObserver, SymbolNames, SysFile, SysObserver } from '@dumpstack/drivers'
import { ahci, type ControllerModel, type Settings } from '@dumpstack/machine'
import { FileDiskImage } from '@dumpstack/machine/node'
import type { Profile } from '@dumpstack/nt'
import type { Target, TargetConditions, TargetDriver } from '@dumpstack/target'
import { ramRuns } from '../boot/memory-layout.ts'
import { WindowsError } from '../errors.ts'
import { EXTENTS_NAME, IMAGE_NAME, MANIFEST_NAME } from '../system/disk-record.ts'
import type { InstalledFile, SystemOptions } from '../system/options.ts'
import { type PoweredOffSystem, SystemTarget } from '../system/system-target.ts'
import { installDriver, readGuestImages } from './guest-images.ts'
import { onThisHost, type SystemFolder } from './system-folder.ts'

export interface WindowsTargetOptions {
  readonly profile: Profile
  /** Where disk.img, disk.json and C/ are made. */
  readonly folder: SystemFolder
  readonly seed: number
  /** Bytes the guest can use: the sum of the runs. */
  readonly ramBytes: number
  readonly cpuCount: number
  readonly pageFileBytes: number
  readonly conditions: TargetConditions
  /** The controller under test; ahci by default. */
  readonly controller?: ControllerModel
  /** The settings of the controller that differ from its defaults. */
  readonly settings?: Partial<Settings>
  /** 512 (512e) by default, or 4096 (4Kn). */
  readonly logicalSectorBytes?: 512 | 4096
  /** 4096 by default. */
  readonly physicalSectorBytes?: 512 | 4096
  /** 64 GiB by default. */
  readonly diskBytes?: number
  /** A system in that folder that another process switched off; a new one without it. */
  readonly resumed?: PoweredOffSystem
  /** A driver file that runs in place of the profile's miniport. */
  readonly driver?: DriverFileOptions
  /** What the step that installs debuggers puts on C:; nothing by default. */
  readonly debuggers?: readonly InstalledFile[]
  /** Told of each write of a dump. */
  readonly onDumpWrite?: DumpWriteObserver
  /** Shared with the thread that receives signals: once its first element is not 0, whatever runs ends with Interrupted (bytes). */
  readonly stopFlag?: Int32Array
  /** Host milliseconds, for the seconds that a dump takes. */
  readonly hostNow: () => number
}

/** A .sys file as its user gives it; `names` come from its PDB. */
export interface DriverFileOptions {
  readonly file: SysFile
  readonly names: SymbolNames
  readonly observer?: SysObserver
  readonly description: TargetDriver
}

const DEFAULT_DISK_BYTES = 64 * 1024 ** 3

/**
 * Powers the machine on and starts it: describe() answers at once; a resumed one stays off. Throws WindowsError for
 * options that cannot be, DISK_GONE where the disk of a resumed one is not as it was.
 */
export function createWindowsTarget(options: WindowsTargetOptions): Target {
  const runs = ramRuns(options.ramBytes)
  const { profile, driver } = options
  const installed = readGuestImages(profile)
  const guestImages = driver === undefined ? installed : installDriver(installed, profile, driver.file)
  const host = onThisHost(options.folder)
  const isNew = options.resumed === undefined
  if (isNew && host.byteLengthOf(IMAGE_NAME) !== null) {
    throw new WindowsError('FOLDER_IN_USE', `${host.pathOf(IMAGE_NAME)} exists: the folder holds another run`)
  }
  const image = openDisk(host, options.diskBytes ?? DEFAULT_DISK_BYTES, isNew)
  try {
    return new HostedWindowsTarget(
      {
        profile,
        seed: options.seed,
        runs,
        cpuCount: options.cpuCount,
        pageFileBytes: options.pageFileBytes,
        conditions: options.conditions,
        controller: options.controller ?? ahci,
        ...(options.settings !== undefined && { settings: options.settings }),
        logicalSectorBytes: options.logicalSectorBytes ?? 512,
        physicalSectorBytes: options.physicalSectorBytes ?? 4096,
        image,
        host,
        debuggers: options.debuggers ?? [],
        guestImages,
        decoder: new IcedDecoder(),
        ...(driver !== undefined && { driver: { ...driver, observer: driver.observer ?? null } }),
        ...(options.onDumpWrite !== undefined && { onDumpWrite: options.onDumpWrite }),
        ...(options.stopFlag !== undefined && { stopFlag: options.stopFlag }),
        hostNow: options.hostNow,
        hostTurn: () => new Promise((resolve) => setImmediate(resolve)),
      },
      options.folder,
      options.resumed ?? null,
    )
  } catch (error) {
    image.close()
    if (isNew) removeSystem(options.folder)
    throw error
  }
}

function openDisk(host: SystemFolder, byteLength: number, isNew: boolean): FileDiskImage {
  const path = host.pathOf(IMAGE_NAME)
  const options = { beforeWrite: () => host.checkWrite() }
  if (isNew) return FileDiskImage.inNewFile(path, host.descriptorOf(IMAGE_NAME, true), byteLength, options)
  const found = host.byteLengthOf(IMAGE_NAME)
  if (found === byteLength) return FileDiskImage.inFile(path, host.descriptorOf(IMAGE_NAME, false), options)
  const what = found === null ? 'is not there' : `holds ${found} bytes`
  throw new WindowsError('DISK_GONE', `disk image ${path} ${what}, expected ${byteLength} bytes`, {
    byteLength,
  })
}

/** Removes disk and C: from the host when the run is over, unless the disk is to stay. */
class HostedWindowsTarget extends SystemTarget {
  readonly #folder: SystemFolder

  constructor(options: SystemOptions, folder: SystemFolder, resumed: PoweredOffSystem | null) {
    super(options, resumed)
    this.#folder = folder
  }

  override close(end: 'over' | 'stopped' = 'over'): void {
    super.close()
    if (end === 'over' && !this.isDiskKept) removeSystem(this.#folder)
  }
}

/** Disk and C:, where they are there: what the system made of them, and nothing that debuggers have fetched into C:\Symbols. */
export function removeSystem(folder: SystemFolder): void {
  for (const name of [IMAGE_NAME, MANIFEST_NAME, EXTENTS_NAME, 'C']) folder.removeMade(name)
}

/** Whether keepDisk left a disk there for a stranger. */
export const isDiskKept = (folder: SystemFolder): boolean => folder.byteLengthOf(EXTENTS_NAME) !== null
