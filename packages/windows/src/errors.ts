// Errors of the system around the drivers.
import { DumpstackError } from '@dumpstack/bytes'

export class WindowsError extends DumpstackError {}

/**
 * The guest kernel cannot go on, in its own code or in what it maps and allocates. The system is deterministic: it comes to this only where
 * a driver has destroyed what is the kernel's.
 */
export class KernelError extends WindowsError {}
