// Who watches a driver file at work: every import call and every register access, as `dumpstack calls` lists them.
import type { DeviceAccess } from '@dumpstack/cpu'
import type { RegisterWindow } from '@dumpstack/machine'

/** Which instance of the driver it was. */
export type SysLife = 'runtime' | 'dump'

/** Filled anew for every event: what is to be kept must be copied. */
export interface ObservedPlace {
  readonly life: SysLife
  /** The image in memory: `dump_viostor.sys`. */
  readonly module: string
  /** The entry point that the port called: `HwStartIo`. */
  readonly routine: string
  /** Relative to the image; of a call, where it returns to. Null outside the image. */
  readonly rva: number | null
  readonly irql: number
  readonly atNs: number
}

export interface SysObserver {
  /** A start of the system. */
  starts(windows: readonly RegisterWindow[]): void
  /** Calls of the driver's own routines may come before its end. */
  callBegins(place: ObservedPlace, name: string, args: readonly bigint[]): void
  /** The end of the last call that has not ended; null where it does not return to its caller. */
  callEnds(atNs: number, result: bigint | null): void
  deviceAccess(place: ObservedPlace, access: DeviceAccess): void
}
