// Interrupt request levels of x64: the page "Managing hardware priorities" of the driver kit; the same numbers are in the
// public header ddk/wdm.h of mingw-w64. Several names share the two highest numbers: the commonest stands here.
export const PASSIVE_LEVEL = 0
export const APC_LEVEL = 1
export const DISPATCH_LEVEL = 2
/** KeBugCheckEx raises to it, and nothing on the dump path lowers it again. */
export const HIGH_LEVEL = 15

const NAMES: ReadonlyMap<number, string> = new Map([
  [PASSIVE_LEVEL, 'PASSIVE_LEVEL'],
  [APC_LEVEL, 'APC_LEVEL'],
  [DISPATCH_LEVEL, 'DISPATCH_LEVEL'],
  [13, 'CLOCK_LEVEL'],
  [14, 'IPI_LEVEL'],
  [HIGH_LEVEL, 'HIGH_LEVEL'],
])

/** Levels of devices have numbers only. */
export const irqlText = (level: number): string => NAMES.get(level) ?? String(level)
