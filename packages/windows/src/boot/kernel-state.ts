// What boot laid out, by its parts: the bugcheck and the kernel's services start from it.
import type { Machine } from '@dumpstack/machine'
import type { Profile } from '@dumpstack/nt'
import type { GuestCode } from './guest-code.ts'
import type { KernelGlobals } from './kernel-globals.ts'
import type { KernelImage, LoadedImages } from './loaded-images.ts'
import type { KernelMemoryManager } from './memory-manager.ts'
import type { PfnDatabase } from './pfn-database.ts'
import type { Processor } from './processors.ts'
import type { SecondaryDataBuffer } from './secondary-data.ts'
import type { SystemClock } from './system-clock.ts'
import type { UserProcess } from './user-processes.ts'
import type { UserSharedData } from './user-shared-data.ts'

/** The crash driver as the system has loaded it: its entry point has run and its device is open. */
export interface StartedDriver {
  readonly image: KernelImage
  /** Handle of its device. */
  readonly file: bigint
}

export interface KernelState {
  readonly code: GuestCode
  /** Null before it is loaded. */
  crashDriver: StartedDriver | null
  readonly machine: Machine
  readonly clock: SystemClock
  readonly memory: KernelMemoryManager
  readonly images: LoadedImages
  readonly kernel: KernelImage
  readonly globals: KernelGlobals
  readonly profile: Profile
  readonly processors: readonly Processor[]
  readonly userProcesses: readonly UserProcess[]
  readonly sharedData: UserSharedData
  readonly pfnDatabase: PfnDatabase
  /** The secondary data of drivers, in the order in which they registered. */
  readonly secondaryData: SecondaryDataBuffer[]
}
