// The errors of this room. RUN_FOLDER_*: the folder of a run, which may come from anywhere; HOST_*: the host that keeps it.
import { DumpstackError } from '@dumpstack/bytes'

export class RunError extends DumpstackError {}

/** A file or folder in the run folder is in the way of one that the run has there: RUN_FOLDER_UNSAFE, RUN_FOLDER_FOREIGN. */
export class InTheWayError extends RunError {}

/** The folder is not a run folder: RUN_FOLDER_NOT_A_RUN. */
export class NotARunError extends RunError {}
