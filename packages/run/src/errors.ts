// The errors of this room. RUN_FOLDER_*: the folder of a run, which may come from anywhere; HOST_IO: the host that keeps it. What is damaged in a
// folder, or of another version, is a KeptRunError of the room target.
import { DumpstackError, type ErrorFields } from '@dumpstack/bytes'

export type RunErrorCode =
  | 'HOST_IO'
  | 'RUN_FOLDER_BUSY'
  | 'RUN_FOLDER_EMPTY'
  | 'RUN_FOLDER_FOREIGN'
  | 'RUN_FOLDER_LOST'
  | 'RUN_FOLDER_NOT_A_RUN'
  | 'RUN_FOLDER_NOT_EMPTY'
  | 'RUN_FOLDER_NOT_KEPT'
  | 'RUN_FOLDER_NO_CALLS'
  | 'RUN_FOLDER_TAKEN'
  | 'RUN_FOLDER_TOO_LARGE'
  | 'RUN_FOLDER_UNSAFE'

export class RunError extends DumpstackError {
  declare readonly code: RunErrorCode

  constructor(code: RunErrorCode, message: string, fields: ErrorFields = {}, options?: ErrorOptions) {
    super(code, message, fields, options)
  }
}

/** A file or folder in the run folder is in the way of one that the run has there: RUN_FOLDER_UNSAFE, RUN_FOLDER_FOREIGN. */
export class InTheWayError extends RunError {}

/** The folder is not a run folder: RUN_FOLDER_NOT_A_RUN. */
export class NotARunError extends RunError {}
