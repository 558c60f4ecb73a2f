// Who watches a driver file at work: every import call and every register access, as `dumpstack calls` lists them.
import type { DeviceAccess } from '@dumpstack/machine'

/** Which instance of the driver it was. */
export type SysLife = 'runtime' | 'dump'

export interface ObservedPlace {
  readonly life: SysLife
  /** The entry point that the port called: `HwStartIo`. */
  readonly routine: string
  /** In the driver, relative to its image. */
  readonly rva: number
  readonly irql: number
  readonly atNs: number
}

export interface SysObserver {
  importCall(place: ObservedPlace, name: string, args: readonly bigint[], result: bigint): void
  deviceAccess(place: ObservedPlace, access: DeviceAccess): void
}
