// Stalls, in slices: whatever controllers do meanwhile is charged as it goes, and the host can end between two of them.
import type { CallFrame } from '../call-frame.ts'
import { type Export, exported, NOTHING } from './export.ts'

const SLICE_US = 100_000
/** Drivers wait so, a microsecond at a time: a stall is charged less than other calls, so that what counts is the time. */
const STALL_WORK = 8

export function stall(call: CallFrame, microseconds: number): void {
  for (let left = microseconds; left > 0; left -= SLICE_US) {
    call.port.stallExecution(Math.min(left, SLICE_US))
    call.charge(0)
  }
}

/** (Microseconds) */
export const STALL: Export = exported(
  1,
  (call) => {
    stall(call, call.u32(0))
    return NOTHING
  },
  STALL_WORK,
)
