// One step up the stack of x64: undoes what the prolog of a function did, by its unwind information.
// Microsoft "x64 exception handling", learn.microsoft.com/cpp/build/exception-handling-x64.
import { ImageError, type MappedImage, type UnwindInfo } from '@dumpstack/image'
import type { TargetMemory } from '../memory.ts'
import type { Registers } from '../registers.ts'
import { undoEpilog } from './epilog-x64.ts'

const RSP = 4
const MAX_CHAIN = 32

export interface StepFacts {
  /** Registers whose values are unknown, because the frame was found by a guess; what a step restores leaves it. */
  readonly unknown: Set<number>
  /** rip is an instruction that was interrupted, not one after a call: it can stand in a prolog or epilog. */
  readonly isExact: boolean
}

export interface Step {
  /** An interrupt or trap entered the function: the caller's rip is exact. */
  readonly machineFrame: boolean
}

/** Thrown where a frame pointer is needed that a guess has lost. */
export class UnknownRegister extends Error {}

/**
 * Turns `registers` into those of the caller. Throws ImageError where the tables are absent or damaged, DebuggerError
 * where the stack is, UnknownRegister after a guess; the registers are then half changed.
 */
export function unwindStep(
  image: MappedImage,
  base: bigint,
  registers: Registers,
  memory: TargetMemory,
  facts: StepFacts,
): Step {
  const rva = Number(registers.rip - base) // inside the image
  const entry = image.findFunction(rva)
  if (entry === null) {
    popReturn(registers, memory)
    return { machineFrame: false }
  }
  let info = image.unwindInfo(entry.unwindRva)
  const offset = rva - entry.beginRva
  if (facts.isExact && offset >= info.sizeOfProlog && undoEpilog(registers, memory, image, base, entry)) {
    return { machineFrame: false }
  }
  let machineFrame = false
  for (let depth = 0; ; depth++) {
    if (depth === MAX_CHAIN) {
      throw new ImageError(
        'IMAGE_BAD_UNWIND_INFO',
        `unwind information of rva 0x${rva.toString(16)} is chained more than ${MAX_CHAIN} times`,
        { rva },
      )
    }
    // Code of a chained parent has run long ago.
    const done = depth === 0 ? offset : Number.POSITIVE_INFINITY
    machineFrame = undo(info, done, registers, memory, facts) || machineFrame
    if (info.chained === null) break
    info = image.unwindInfo(info.chained.unwindRva)
  }
  if (!machineFrame) popReturn(registers, memory)
  return { machineFrame }
}

/** Undoes the codes whose instructions end at or before `done`; true when they held a machine frame. */
function undo(
  info: UnwindInfo,
  done: number,
  registers: Registers,
  memory: TargetMemory,
  { unknown }: StepFacts,
): boolean {
  const base = frameBase(info, done, registers, unknown)
  let machineFrame = false
  for (const code of info.codes) {
    if (code.codeOffset > done) continue
    const { context } = registers
    switch (code.op) {
      case 'PUSH_NONVOL':
        registers.setGeneral(code.register, memory.u64(context.rsp))
        unknown.delete(code.register)
        if (code.register !== RSP) context.rsp += 8n
        break
      case 'ALLOC_SMALL':
      case 'ALLOC_LARGE':
        context.rsp += BigInt(code.byteLength)
        break
      case 'SET_FPREG':
        context.rsp = base
        break
      case 'SAVE_NONVOL':
      case 'SAVE_NONVOL_FAR':
        registers.setGeneral(code.register, memory.u64(base + BigInt(code.offset)))
        unknown.delete(code.register)
        break
      case 'PUSH_MACHFRAME': {
        const frame = context.rsp + (code.hasErrorCode ? 8n : 0n)
        context.rip = memory.u64(frame)
        context.rsp = memory.u64(frame + 0x18n)
        machineFrame = true
        break
      }
      case 'SAVE_XMM128':
      case 'SAVE_XMM128_FAR':
      case 'EPILOG':
        break
    }
  }
  return machineFrame
}

/** What saved registers are relative to: rsp after the prolog, or the frame pointer once it is set. */
function frameBase(
  info: UnwindInfo,
  done: number,
  registers: Registers,
  unknown: ReadonlySet<number>,
): bigint {
  if (info.frameRegister === null) return registers.rsp
  const setFrame = info.codes.find((code) => code.op === 'SET_FPREG')
  const isSet = done >= info.sizeOfProlog || (setFrame !== undefined && setFrame.codeOffset <= done)
  if (!isSet) return registers.rsp
  if (unknown.has(info.frameRegister)) throw new UnknownRegister()
  return registers.general(info.frameRegister) - BigInt(info.frameOffset)
}

function popReturn(registers: Registers, memory: TargetMemory): void {
  registers.context.rip = memory.u64(registers.rsp)
  registers.context.rsp += 8n
}
