// Errors of the system around the drivers.
import { DumpstackError } from '@dumpstack/bytes'

export class WindowsError extends DumpstackError {}

/**
 * The guest kernel cannot go on, in its own code or in what it maps and allocates. The system is deterministic: this happens only where
 * a driver has overwritten memory of the kernel.
 */
export class KernelError extends WindowsError {}
