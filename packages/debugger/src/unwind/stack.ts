// The call stack from a register context outwards. Each frame says how it was found, and what was missing where it is
// a guess: a guess is never shown as unwound.
import { hex64 } from '@dumpstack/bytes'
import { ImageError } from '@dumpstack/image'
import { bugcheckBase } from '@dumpstack/nt'
import { DebuggerError } from '../errors.ts'
import type { DebugModule } from '../modules.ts'
import { Registers } from '../registers.ts'
import type { Session } from '../session.ts'
import { isOfAnotherProcess } from '../user-modules.ts'
import { judgeReturnAddress, type ReturnAddress } from './call-before.ts'
import { returnSlot } from './code-to-return.ts'
import type { FoundBy, StackFrame } from './stack-frame.ts'
import { UnknownRegister, unwindStep } from './unwind-x64.ts'

/** A value on the stack that points into a module, of which nothing at hand tells whether it is a return address. */
export interface OpenValue {
  readonly address: bigint
  readonly value: bigint
}

export interface StackEnd {
  /** Met by scans, from the innermost outwards. */
  readonly open: readonly OpenValue[]
  /** Why the walk ended before the end of the stack; null where it did not. */
  readonly stopped: string | null
  /** Images whose unwind information is neither in the dump nor in a file: with them, guesses become frames. */
  readonly missingImages: readonly DebugModule[]
}

export interface WalkedStack extends StackEnd {
  readonly frames: readonly StackFrame[]
}

export const MAX_FRAMES = 256
/** General registers that a call may lose: rax, rcx, rdx and r8 to r11 ("x64 calling convention", learn.microsoft.com). */
const VOLATILE = [0, 1, 2, 8, 9, 10, 11]
/** General registers whose values are unknown after a guess: all but rsp. */
const ALL_BUT_RSP = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
/** A kernel stack has 24 KiB, a large one 72 KiB. */
const MAX_SCAN_BYTES = 0x12000
const FIRST_KERNEL_ADDRESS = 0xffff800000000000n

/** The whole stack. `thread` is the one whose stack it is: that of user mode is in the dump's page tables for one process only. */
export async function walkStack(
  session: Session,
  start: Registers,
  maxFrames: number = MAX_FRAMES,
  thread: bigint | null = session.currentThread,
): Promise<WalkedStack> {
  const frames: StackFrame[] = []
  const walk = stackFrames(session, start, maxFrames, thread)
  for (;;) {
    const step = await walk.next()
    if (step.done === true) return { frames, ...step.value }
    frames.push(step.value)
  }
}

/** Yields each frame as soon as it is known where it returns to. */
export async function* stackFrames(
  session: Session,
  start: Registers,
  maxFrames: number,
  thread: bigint | null,
): AsyncGenerator<StackFrame, StackEnd> {
  const absent = new Set<DebugModule>()
  const open: OpenValue[] = []
  const end = (stopped: string | null): StackEnd => ({ open, stopped, missingImages: [...absent] })
  let registers = start.clone()
  let foundBy: FoundBy = 'frame'
  let missing: string | null = null
  let unknown = new Set(start.unknown)
  let isExact = true
  for (let count = 1; count <= maxFrames; count++) {
    await session.step()
    const { rip: ip, rsp: childSp } = registers
    const lost = foundBy === 'frame' ? unknown : new Set([...unknown, ...VOLATILE])
    const frame = {
      childSp,
      ip,
      registers: new Registers(registers.context, new Set(lost)),
      foundBy,
      missing,
      argumentsAt: null,
      returnAddress: null,
    }
    const module = session.modules.at(ip)
    const isUser = ip < FIRST_KERNEL_ADDRESS
    if (isUser && isOfAnotherProcess(session, thread)) {
      yield frame
      return end("user mode, of another process than the dump's page tables are of")
    }
    if (isUser && module === null) {
      yield { ...frame, returnAddress: ip === 0n ? 0n : null }
      return end(ip === 0n ? null : userModeEnd(session, ip))
    }
    const next = registers.clone()
    const outcome: { readonly machineFrame: boolean } | string =
      module === null
        ? `no module holds ${hex64(ip)}`
        : await step(session, module, next, { unknown, isExact }, absent)
    const known =
      typeof outcome === 'string' && !isUser ? knownCaller(session, module, registers, count === 1) : null
    let argumentsAt: bigint | null = null
    if (typeof outcome !== 'string') {
      if (!outcome.machineFrame) argumentsAt = next.rsp
      if (next.rip === 0n) {
        yield { ...frame, argumentsAt, returnAddress: 0n }
        return end(null)
      }
      // The stack grows downwards: a caller's frame lies above, unless a trap switched stacks.
      if (!outcome.machineFrame && next.rsp <= childSp) {
        yield { ...frame, argumentsAt }
        return end(`unwinding of ${hex64(ip)} leads down the stack, to ${hex64(next.rsp)}`)
      }
      registers = next
      foundBy = outcome.machineFrame ? 'frame' : 'unwind'
      missing = null
      isExact = outcome.machineFrame
    } else if (known !== null) {
      registers = known.registers
      argumentsAt = registers.rsp
      foundBy = known.foundBy
      missing = null
      // What the run of code restores is not followed.
      if (foundBy === 'code') unknown = new Set(ALL_BUT_RSP)
      isExact = false
    } else {
      const slot = isUser ? null : await scan(session, childSp, open) // guesses are made of kernel addresses only
      if (slot === null) {
        yield frame
        return end(outcome)
      }
      registers = returned(registers, slot.value, slot.address)
      foundBy = 'scan'
      missing = outcome
      unknown = new Set(ALL_BUT_RSP)
      isExact = false
    }
    yield { ...frame, argumentsAt, returnAddress: count === maxFrames ? null : registers.rip }
  }
  return end(`the first ${maxFrames} frames`)
}

/** The caller as the calling convention or the code tells it, without unwind information; null where neither does. */
function knownCaller(
  session: Session,
  module: DebugModule | null,
  registers: Registers,
  isFirst: boolean,
): { readonly registers: Registers; readonly foundBy: 'call' | 'code' } | null {
  const ofCall =
    isFirst && isBugcheckCall(session, registers) ? callerOf(session, registers, registers.rsp) : null
  if (ofCall !== null) return { registers: ofCall, foundBy: 'call' }
  const slot = module === null ? null : returnSlot(session, module, registers)
  const ofCode = slot === null ? null : callerOf(session, registers, slot)
  return ofCode === null ? null : { registers: ofCode, foundBy: 'code' }
}

function userModeEnd({ modules }: Session, ip: bigint): string {
  if (modules.all.some(({ isUser }) => isUser)) return `user mode: no module holds ${hex64(ip)}`
  return 'user mode: its modules are not read, .reload /user does so where the dump holds them'
}

/** One step by unwind information; a string says why there is none. */
async function step(
  session: Session,
  module: DebugModule,
  registers: Registers,
  facts: { readonly unknown: Set<number>; readonly isExact: boolean },
  absent: Set<DebugModule>,
): Promise<{ readonly machineFrame: boolean } | string> {
  const before = registers.clone()
  for (;;) {
    try {
      return unwindStep(module.image(), module.base, registers, session.memory, facts)
    } catch (error) {
      if (error instanceof ImageError) {
        const isAbsent = error.code === 'IMAGE_NOT_IN_MEMORY'
        if (isAbsent && (await module.fetchImageFile(session.symbolSource, session.signal))) {
          for (let index = 0; index < 16; index++) registers.setGeneral(index, before.general(index))
          registers.context.rip = before.rip
          continue
        }
        if (isAbsent) absent.add(module)
        return isAbsent ? `${module.imageName} missing` : `${module.imageName}: ${error.message}`
      }
      if (error instanceof UnknownRegister)
        return `${module.name} keeps a frame pointer, which a guess has lost`
      if (error instanceof DebuggerError) return error.message
      throw error
    }
  }
}

/** Values of a stack that cannot be walked, such as that of another processor architecture. */
export async function openValues(session: Session, from: bigint): Promise<readonly OpenValue[]> {
  const open: OpenValue[] = []
  await scan(session, from, open, () => false)
  return open
}

/**
 * Whether the registers are those with which KeBugCheckEx was entered: code and parameters as the calling convention passes
 * them. So in every genuine minidump of x64 at hand whose context is that of KeBugCheckEx. The third parameter is left out: for
 * 0x50 a trap frame is passed, of which the dump then names the address of the code.
 */
function isBugcheckCall({ system }: Session, registers: Registers): boolean {
  const { bugcheckCode, bugcheckParameters } = system
  const code = registers.value('ecx')
  const isCode = code === BigInt(bugcheckCode) || code === BigInt(bugcheckBase(bugcheckCode))
  if (!isCode || bugcheckCode === 0) return false
  return registers.value('rdx') === bugcheckParameters[0] && registers.value('r8') === bugcheckParameters[1]
}

/** Registers after the return to the address at `slot`; null where that is not in the dump, or leads nowhere. */
function callerOf(session: Session, called: Registers, slot: bigint): Registers | null {
  const ip = session.memory.tryU64(slot)
  if (ip === null || session.modules.at(ip) === null) return null
  return returned(called, ip, slot)
}

/** The registers after a return to `ip`, which lies at `slot`. */
function returned(called: Registers, ip: bigint, slot: bigint): Registers {
  const registers = called.clone()
  registers.context.rip = ip
  registers.context.rsp = slot + 8n
  return registers
}

/** The next value above `from` that is a return address; values that may be one are added to `open`. */
async function scan(
  session: Session,
  from: bigint,
  open: OpenValue[],
  isWanted: (judged: ReturnAddress) => boolean = (judged) => judged === 'yes',
): Promise<OpenValue | null> {
  const start = (from + 7n) & ~7n
  const bytes = session.memory.available(start, MAX_SCAN_BYTES)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at + 8 <= bytes.byteLength; at += 8) {
    const value = view.getBigUint64(at, true)
    if (value < FIRST_KERNEL_ADDRESS || session.modules.at(value) === null) continue
    await session.step()
    const judged = await judgeReturnAddress(session, value)
    const place = { address: start + BigInt(at), value }
    if (isWanted(judged)) return place
    if (judged !== 'no') open.push(place)
  }
  return null
}
