// What a Windows-shaped system is made of, from outside: sizes, conditions, images, and where its bytes go.
import type { PageRun } from '@dumpstack/bytes'
import type { TargetConditions } from '@dumpstack/crashtest'
import type { DiskImage } from '@dumpstack/machine'
import type { HostFolder } from '../volume/host-folder.ts'

/** Milliseconds since 1970 at virtual time 0: 2024-01-01T00:00:00Z. */
export const EPOCH_MS = 1_704_067_200_000

export interface SystemOptions {
  readonly seed: number
  readonly runs: readonly PageRun[]
  readonly cpuCount: number
  readonly pageFileBytes: number
  readonly conditions: TargetConditions
  readonly logicalSectorBytes: 512 | 4096
  readonly image: DiskImage
  /** The run folder. */
  readonly host: HostFolder
  /** Guest images by name on disk. */
  readonly guestImages: ReadonlyMap<string, Uint8Array>
  /** Host milliseconds. */
  readonly hostNow: () => number
  /** Lets the host's event loop turn once. */
  readonly hostTurn: () => Promise<void>
}
