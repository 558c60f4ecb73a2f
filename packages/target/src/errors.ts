// What a target raises that its caller acts on, and what a record of a run raises that does not hold together. Any other
// error of a target ends the run.
import { DumpstackError, type ErrorFields } from '@dumpstack/bytes'
import { hresultText } from '@dumpstack/nt'

export type TargetErrorCode =
  /** A dump cannot be opened: it is not there, or another process holds it. */
  | 'DUMP_OPEN'
  /** Options that the system cannot have. */
  | 'DRIVER_NAME_TAKEN'
  | 'PAGE_FILE_OUTSIDE_DISK'
  | 'RAM_SIZE'
  | 'SETTING'
  | KeptRunErrorCode

export type KeptRunErrorCode =
  /** What a run kept is damaged: its marker, journal, state, result or truth. */
  | 'RUN_FOLDER_CORRUPT'
  /** It is of another version. */
  | 'RUN_FOLDER_FORMAT'

export class TargetError extends DumpstackError {
  declare readonly code: TargetErrorCode

  constructor(code: TargetErrorCode, message: string, fields: ErrorFields = {}, options?: ErrorOptions) {
    super(code, message, fields, options)
  }
}

/** What a run kept of itself cannot be used. */
export class KeptRunError extends TargetError {
  declare readonly code: KeptRunErrorCode
}

/** Wrong use that only the system can tell, which knows its disk, its memory map and its drivers. */
export class TargetOptionsError extends TargetError {}

/** The error when openDump fails, as a Windows program sees it: 0x80070002, 0x80070020. */
export class DumpOpenError extends TargetError {
  readonly hresult: number

  constructor(hresult: number, path: string) {
    const code = `0x${hresult.toString(16).toUpperCase()}`
    super('DUMP_OPEN', `cannot open ${path}: HRESULT ${code} ${hresultText(hresult) ?? ''}`.trimEnd(), {
      path,
    })
    this.hresult = hresult
  }
}
