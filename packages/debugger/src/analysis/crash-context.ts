// The registers of the crash itself: those that the bugcheck names, by a CONTEXT or a trap frame; else those of a trap frame on
// the stack that holds the address of the code at fault. Those of the call of KeBugCheckEx are the last resort.
import { CONTEXT_AMD64, ContextX64, describeBugcheck, KtrapFrame, parameterOfKind } from '@dumpstack/nt'
import { DebuggerError } from '../errors.ts'
import { isArm64 } from '../processors.ts'
import { type RegisterFile, Registers } from '../registers.ts'
import type { Session } from '../session.ts'

export interface CrashContext {
  readonly registers: RegisterFile
  /** `.cxr 0xffff850429891720`: what shows them again. */
  readonly from: string
}

/** A kernel stack has 24 KiB, a large one 72 KiB. */
const MAX_STACK_BYTES = 0x12000
/** rbx, rsi, rdi, r12 to r15: what the entry of a trap leaves where it was. */
const NOT_IN_TRAP_FRAME: ReadonlySet<number> = new Set([3, 6, 7, 12, 13, 14, 15])
const KERNEL_CODE = 0x10
const USER_CODE = 0x33
/** Bit 1 of EFLAGS is always set; above bit 21 none is (Intel SDM vol. 1, 3.4.3). */
const EFLAGS_ALWAYS = 2
const EFLAGS_MAX = 0x40_0000

/** What the bugcheck itself tells of the exception; null where it names none that the dump holds. */
export function namedContext(session: Session): CrashContext | null {
  if (isArm64(session)) return null
  const { bugcheckCode, bugcheckParameters } = session.system
  const description = describeBugcheck(bugcheckCode, bugcheckParameters)
  if (description === null) return null
  const context = parameterOfKind(description, 'context')
  const registers = context === null ? null : readContext(session, context)
  if (context !== null && registers !== null) return { registers, from: `.cxr 0x${context.toString(16)}` }
  const named = parameterOfKind(description, 'trapFrame')
  const fault = parameterOfKind(description, 'instruction')
  const kept = session.target.exception
  if (named === null && kept !== null && kept.ip === fault) {
    return { registers: kept, from: 'the header of the dump' }
  }
  const frame =
    named ?? (fault === null ? null : findTrapFrame(session, fault, parameterOfKind(description, 'address')))
  const trapped = frame === null ? null : readTrapFrame(session, frame)
  return frame === null || trapped === null
    ? null
    : { registers: trapped, from: `.trap 0x${frame.toString(16)}` }
}

/** The same, or the registers that the header keeps. Throws DebuggerError CONTEXT_ABSENT. */
export function exceptionContext(session: Session): CrashContext {
  const named = namedContext(session)
  if (named !== null) return named
  const registers = session.target.exception
  if (registers === null) {
    throw new DebuggerError(
      'CONTEXT_ABSENT',
      'the header of the dump holds no registers: its context was not set',
    )
  }
  return { registers, from: 'the header of the dump' }
}

/** Null where the dump does not hold a CONTEXT of x64 there. */
function readContext({ memory }: Session, address: bigint): Registers | null {
  const bytes = memory.available(address, ContextX64.size)
  if (bytes.byteLength < ContextX64.size) return null
  const registers = Registers.of(bytes)
  const isContext = (registers.context.contextFlags & CONTEXT_AMD64) !== 0 && registers.rip !== 0n
  return isContext ? registers : null
}

/** Null where the dump does not hold a trap frame there. */
export function readTrapFrame({ memory }: Session, address: bigint): Registers | null {
  const bytes = memory.available(address, KtrapFrame.size)
  if (bytes.byteLength < KtrapFrame.size) return null
  const frame = KtrapFrame.of(bytes)
  const { eFlags, segCs } = frame
  const isFrame =
    (segCs === KERNEL_CODE || segCs === USER_CODE) &&
    (eFlags & EFLAGS_ALWAYS) !== 0 &&
    eFlags < EFLAGS_MAX &&
    frame.rip !== 0n
  if (!isFrame) return null
  const registers = Registers.of(new Uint8Array(ContextX64.size), NOT_IN_TRAP_FRAME)
  for (const name of ['rax', 'rcx', 'rdx', 'r8', 'r9', 'r10', 'r11', 'rbp', 'rip', 'rsp'] as const) {
    registers.context[name] = frame[name]
  }
  registers.context.eFlags = eFlags
  registers.context.segCs = segCs
  registers.context.segSs = frame.segSs
  registers.context.mxCsr = frame.mxCsr
  return registers
}

/** Where on the stack of the crash a trap frame holds `ip`, best one of a fault at `faultAddress`; null where none does. */
function findTrapFrame(session: Session, ip: bigint, faultAddress: bigint | null): bigint | null {
  let found: bigint | null = null
  for (const place of stackPlacesOf(session, ip)) {
    const address = place - BigInt(KtrapFrame.fields.rip.offset)
    if (readTrapFrame(session, address) === null) continue
    const fault = session.memory.tryU64(address + BigInt(KtrapFrame.fields.faultAddress.offset))
    if (faultAddress === null || fault === faultAddress) return address
    found ??= address
  }
  return found
}

/** Where a value lies on the stack of the crash: from where a minidump begins it, else from the registers of the header, outwards. */
export function* stackPlacesOf({ target, memory }: Session, value: bigint): Generator<bigint> {
  const top = target.current.stack ?? target.exception?.sp ?? null
  if (top === null || value === 0n) return
  const from = top & ~7n
  const stack = memory.available(from, MAX_STACK_BYTES)
  const view = new DataView(stack.buffer, stack.byteOffset, stack.byteLength)
  for (let at = 0; at + 8 <= stack.byteLength; at += 8) {
    if (view.getBigUint64(at, true) === value) yield from + BigInt(at)
  }
}
