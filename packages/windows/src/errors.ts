// Errors of the system around the drivers.
import { DumpstackError } from '@dumpstack/bytes'

export class WindowsError extends DumpstackError {}
