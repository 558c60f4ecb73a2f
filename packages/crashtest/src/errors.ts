// The errors of this room. TRUTH_SHORT: a kept truth that cannot be used; OBJECT_UNSOUND: what a check found.
import { DumpstackError } from '@dumpstack/bytes'

export class CrashtestError extends DumpstackError {}
