// Errors of the processor: guest code that stopped (stop.ts), and misuse by the caller.
import { DumpstackError, type ErrorFields } from '@dumpstack/bytes'

export type CpuErrorCode =
  /** Guest code could not go on: the reason, its address and bytes are in the error. */
  | 'CPU_STOP'
  /** The processor was asked for what it cannot do: overlapping traps, a register that does not exist. */
  | 'CPU_USE'

export class CpuError extends DumpstackError {
  declare readonly code: CpuErrorCode

  constructor(code: CpuErrorCode, message: string, fields: ErrorFields = {}) {
    super(code, message, fields)
  }
}
