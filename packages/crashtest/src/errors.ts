// The errors of this room. TRUTH_*: a kept truth that cannot be used; RUN_FOLDER_CORRUPT: a record that does not
// hold together; RUN_*: the test itself; OBJECT_UNSOUND: what a check found.
import { DumpstackError } from '@dumpstack/bytes'

export class CrashtestError extends DumpstackError {}
