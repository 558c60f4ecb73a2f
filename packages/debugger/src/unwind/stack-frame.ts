// A frame of a call stack as the walk finds it.
import type { Registers } from '../registers.ts'

/**
 * frame: recorded as such, in a register context or by a trap. unwind: by unwind information from the frame below.
 * call: the caller of KeBugCheckEx, whose return address lies at rsp while the registers are those of the call.
 * code: by the code of the frame below, which runs straight to a ret.
 * scan: a guess, the next value on the stack that evidence shows to be a return address, of this call or an earlier one.
 */
export type FoundBy = 'frame' | 'unwind' | 'call' | 'code' | 'scan'

export interface StackFrame {
  readonly childSp: bigint
  readonly ip: bigint
  /** As they were in the frame; those that calls lose are unknown outside the innermost one. */
  readonly registers: Registers
  readonly foundBy: FoundBy
  /** Why unwinding did not lead here; null for frames that are no guess. */
  readonly missing: string | null
  /** rsp after the return address is popped: where the caller left room for the arguments; null where not known. */
  readonly argumentsAt: bigint | null
  /** Where the next frame goes on; 0 at the end of the stack, null where the walk ends before it. */
  readonly returnAddress: bigint | null
}
