// Interrupt request levels of x64 (the public "Managing hardware priorities" page of the kit), and their names in reports.
export const PASSIVE_LEVEL = 0
export const DISPATCH_LEVEL = 2
/** Of the controller's interrupt; unverified: Windows assigns it, drivers only see that it is above DISPATCH_LEVEL. */
export const DEVICE_LEVEL = 5
/** KeBugCheckEx raises to it, and nothing on the dump path lowers it again. */
export const HIGH_LEVEL = 15

const NAMES: ReadonlyMap<number, string> = new Map([
  [PASSIVE_LEVEL, 'PASSIVE_LEVEL'],
  [1, 'APC_LEVEL'],
  [DISPATCH_LEVEL, 'DISPATCH_LEVEL'],
  [HIGH_LEVEL, 'HIGH_LEVEL'],
])

/** Levels of devices have numbers only. */
export const irqlText = (level: number): string => NAMES.get(level) ?? String(level)
