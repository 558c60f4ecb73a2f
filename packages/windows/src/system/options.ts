// What a Windows-shaped system is made of, from outside: sizes, conditions, images, and where its bytes go.

import type { PageRun } from '@dumpstack/bytes'
import type { Decoder } from '@dumpstack/cpu'
import type { DumpWriteObserver, SymbolNames, SysFile, SysObserver } from '@dumpstack/drivers'
import type { ControllerModel, DiskImage, Settings } from '@dumpstack/machine'
import type { Profile } from '@dumpstack/nt'
import type { TargetConditions, TargetDriver } from '@dumpstack/target'
import type { HostFolder } from '../volume/host-folder.ts'

/** A driver file of the user's, which runs in place of the profile's miniport in both lives. */
interface DriverUnderTest {
  readonly file: SysFile
  readonly names: SymbolNames
  readonly observer: SysObserver | null
  readonly description: TargetDriver
}

/** Milliseconds since 1970 at virtual time 0: 2024-01-01T00:00:00Z. */
export const EPOCH_MS = 1_704_067_200_000

/** A file that the test installs on C:. */
export interface InstalledFile {
  /** `C:\Debuggers\kd` */
  readonly path: string
  readonly bytes: Uint8Array
  /** The host may run it. */
  readonly isProgram: boolean
}

export interface SystemOptions {
  /** The Windows that is tested. */
  readonly profile: Profile
  readonly seed: number
  readonly runs: readonly PageRun[]
  readonly cpuCount: number
  readonly pageFileBytes: number
  readonly conditions: TargetConditions
  readonly controller: ControllerModel
  /** The settings of the controller that differ from its defaults. */
  readonly settings?: Partial<Settings>
  readonly logicalSectorBytes: 512 | 4096
  readonly physicalSectorBytes: 512 | 4096
  readonly image: DiskImage
  /** The run folder. */
  readonly host: HostFolder
  /** Decodes what the processor runs. */
  readonly decoder: Decoder
  /** Guest images by name on disk. */
  readonly guestImages: ReadonlyMap<string, Uint8Array>
  /** Absent: TypeScript stands in for the profile's miniport. */
  readonly driver?: DriverUnderTest
  /** What the step that installs debuggers puts on C:. */
  readonly debuggers: readonly InstalledFile[]
  /** Told of each write of a dump. */
  readonly onDumpWrite?: DumpWriteObserver
  /** The machine's. */
  readonly stopFlag?: Int32Array
  /** Host milliseconds. */
  readonly hostNow: () => number
  /** Lets the host's event loop turn once. */
  readonly hostTurn: () => Promise<void>
}
