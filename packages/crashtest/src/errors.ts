// The errors of this room. TRUTH_*: a kept truth that cannot be used; RUN_FOLDER_*: the host's folder; RUN_*: the test itself;
// OBJECT_UNSOUND: what a check found.
import { DumpstackError } from '@dumpstack/bytes'

export class CrashtestError extends DumpstackError {}
