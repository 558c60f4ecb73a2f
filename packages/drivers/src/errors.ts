// Errors of the driver room: our faults and unusable set-ups. What a guest driver does wrong is never one of these.
import { DumpstackError } from '@dumpstack/bytes'

export class DriversError extends DumpstackError {}
