// The errors of this room. RUN_FOLDER_*: the folder of a run, which may come from anywhere; HOST_*: the host that keeps it.
import { DumpstackError } from '@dumpstack/bytes'

export class RunError extends DumpstackError {}
