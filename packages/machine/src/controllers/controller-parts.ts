// What a controller is given by its machine.
import type { VirtualClock } from '../clock.ts'
import type { OnRefused } from '../evidence.ts'
import type { PlannedFaults } from '../faults.ts'
import type { HostWork } from '../host-work.ts'
import type { NotModelledLog } from '../not-modelled.ts'
import type { Bdf } from '../pci.ts'
import type { DmaRam } from '../ram.ts'
import type { OnOverlap, OnStore } from './memory-claims.ts'

export interface ControllerParts {
  /** As reports name it: `ahci0`. */
  readonly name: string
  readonly bdf: Bdf
  /** Of its line. */
  readonly interruptVector: number
  readonly clock: VirtualClock
  readonly ram: DmaRam
  readonly faults: PlannedFaults
  readonly notModelled: NotModelledLog
  readonly work: HostWork
  /** The end of a command was reported to its driver. */
  readonly onCompletion: () => void
  /** It refused what its driver gave it and waits for a reset. */
  readonly onStopped: (reason: string) => void
  /** It refuses something that goes beyond a limit, by an error of that request alone. */
  readonly onRefused: OnRefused
  /** Two structures that its driver gave it overlap, or data that it is to write overlaps one. */
  readonly onOverlap: OnOverlap
  readonly onStore: OnStore
  /** It writes an interrupt message (PCI 3.0, section 6.8). */
  readonly onMessage: (address: number, data: number) => void
}
