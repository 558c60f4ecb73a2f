// A rule that the driver breaks while the system works on, as a log of violations takes it.
import type { BrokenRule, LoadedImage, MiniportCode, RuntimeViolation } from '@dumpstack/drivers'
import { DISPATCH_LEVEL } from '@dumpstack/nt'

export const brokenRule = (
  { site, ...broken }: RuntimeViolation,
  driver: LoadedImage,
  atNs: number,
  code: MiniportCode | undefined,
): BrokenRule => ({
  ...broken,
  driver,
  routine: driver.base,
  irql: DISPATCH_LEVEL,
  atNs,
  site: () => (site === null ? (code?.callSite() ?? null) : site()),
})
