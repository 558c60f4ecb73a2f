// The Windows-shaped system on a host folder: disk image, files of C:, guest images from guest/bin.
import type { Target, TargetConditions } from '@dumpstack/crashtest'
import { WindowsError } from '../errors.ts'

export interface WindowsTargetOptions {
  /** The run folder; disk.img, disk.json and C/ are made in it. */
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

export interface WindowsTarget extends Target {
  /** Leaves disk.img, disk.json and extents.json in the run folder when the target closes; their host paths. */
  keepDisk(): Promise<readonly string[]>
}

/** Powers the machine on and boots it: describe() answers at once. */
export function createWindowsTarget(options: WindowsTargetOptions): WindowsTarget {
  throw new WindowsError('NOT_BUILT', `the system for ${options.folder} is not built yet`)
}
