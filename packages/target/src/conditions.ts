// What a scenario changes in the system under test.
import type { ProductType } from '@dumpstack/nt'

/** {} is a healthy system. */
export interface TargetConditions {
  /** The dump miniport itself faults (second bugcheck) before the header is written, or half-way through the body. */
  readonly miniportFault?: 'beforeHeader' | 'midBody'
  /** The copy of the dump stays locked for this long (virtual milliseconds) after the restart. */
  readonly copyLockedMs?: number
  /** The dump stack fails to write: the page file holds no dump at the restart. */
  readonly dumpNeverWritten?: boolean
  /** WerFault's copy fails after `copyLockedMs`; the .tmp file stays. */
  readonly copyFails?: boolean
  /** Free bytes on C:, instead of what the volume really has. */
  readonly freeBytesOnC?: number
  /** Instead of what the profile has. */
  readonly productType?: ProductType
  readonly isDomainMember?: boolean
  /** CrashControl\AlwaysKeepMemoryDump before the test, which leaves it alone. */
  readonly alwaysKeepMemoryDump?: boolean
  /** An old MEMORY.DMP exists, deleting it fails, and the crash leaves no new one. */
  readonly staleDump?: boolean
  /** The copy of the dump ends half-way, and no event says so. */
  readonly dumpCutOff?: boolean
  /** The crash dump stack runs on a second controller that reaches the same disk. */
  readonly otherController?: boolean
}
