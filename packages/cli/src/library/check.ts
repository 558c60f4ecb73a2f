// `dumpstack/check`: does a storage miniport keep the dump-mode contract?
import { controllerNamed } from '@dumpstack/machine'
import { PROFILES } from '@dumpstack/nt'
import type { DriverCheckReport, LifeSettings } from '@dumpstack/windows'
import { checkDriverFile } from '@dumpstack/windows/node'
import { openDriver } from '../driver/driver-file.ts'
import { UsageError } from '../program/usage-error.ts'
import { controllerOf, DEFAULT_PROFILE, profileNamed } from '../test/test-options.ts'

export { DumpstackError } from '@dumpstack/bytes'
export type { DriverCheckReport, DriverCheckRun, DriverFinding, LifeSettings } from '@dumpstack/windows'
export { UsageError } from '../program/usage-error.ts'
/** The Windows versions by name. */
export const profileNames: readonly string[] = PROFILES.map(({ name }) => name)

export interface CheckDriverOptions {
  /** The PDB beside the driver where it is absent. */
  readonly pdb?: string
  /** One of profileNames. */
  readonly profile?: string
  /** `ahci`, `nvme`, `virtio-blk`; the one that the driver drives where it is absent. */
  readonly controller?: string
  /** Same options and seed, same findings; 1 where it is absent. */
  readonly seed?: number
  /** Settings of docs/settings.md: the one life with these, or with `plan: 'full'` the whole plan around them. */
  readonly settings?: LifeSettings
  /** `full` where there are no settings. */
  readonly plan?: 'one' | 'full'
}

/**
 * Checks a driver file as `dumpstack check` does, which takes seconds of this thread: its code is executed. Throws UsageError for a file
 * that cannot be read and for options that cannot be, and DumpstackError for a file that is no Storport miniport for x64 or that starts
 * on no controller; every other fault of the driver is in the report.
 */
export function checkDriver(file: string, options: CheckDriverOptions = {}): DriverCheckReport {
  const { settings = {}, seed = 1, plan = Object.keys(settings).length === 0 ? 'full' : 'one' } = options
  const profile = options.profile === undefined ? DEFAULT_PROFILE : profileNamed(options.profile)
  if (profile === undefined)
    throw new UsageError(`profile is ${options.profile}, expected one of ${profileNames.join(', ')}`)
  const driver = openDriver(file, options.pdb ?? null)
  try {
    const controller =
      options.controller === undefined ? null : controllerNamed(controllerOf(options.controller, profile))
    return checkDriverFile(driver, { profile, controller, seed, settings, isWhole: plan === 'full' })
  } finally {
    driver.close()
  }
}
