// Jumps, calls, returns, loops, and the instructions on which a call into guest code ends.

import type { CpuStopReason } from '../cpu.ts'
import type { Operand } from '../decoder.ts'
import type { Value } from '../emit/conditions.ts'
import { type Emitter, type Form, literal } from '../emit/emitter.ts'
import { pop, push } from './moves.ts'

const RCX = 1

const target = (emit: Emitter, operand: Operand | undefined): Value =>
  operand?.kind === 'branch'
    ? { lo: literal(operand.lo), hi: literal(operand.hi) }
    : operand?.size === 8
      ? emit.read(operand)
      : emit.refuse() // far

const jmp: Form = (emit, { operands: [to] }) => {
  if (to?.kind === 'branch' && emit.isStart(to.lo, to.hi)) {
    emit.again()
  } else emit.leave(target(emit, to))
}

function branchIf(emit: Emitter, condition: string, to: Operand | undefined): void {
  const { lo, hi } = to?.kind === 'branch' ? to : emit.refuse()
  emit.branch(condition, lo, hi)
}

/** Inside a block only the branch that is taken leaves it. */
const jcc: Form = (emit, { operands: [to], condition }) => {
  if (!emit.goesOn) branchIf(emit, emit.condition(condition), to)
  else if (to?.kind === 'branch') emit.leaveIf(emit.condition(condition), to.lo, to.hi)
  else emit.refuse()
}

const jrcxz: Form = (emit, { operands: [to] }) => {
  const count = emit.register(RCX, 8)
  branchIf(emit, `(${count.lo}|${count.hi})===0`, to)
}

const jecxz: Form = (emit, { operands: [to] }) => branchIf(emit, `${emit.register(RCX, 4).lo}===0`, to)

/** With an address size of 32 bits ecx counts: no compiler emits it. */
const countsInRcx = (emit: Emitter, form: string): void => {
  if (form.endsWith('ECX')) emit.refuse()
}

const loop: Form = (emit, { operands: [to], form }) => {
  countsInRcx(emit, form)
  const count = emit.add64(emit.register(RCX, 8), { lo: '(-1)', hi: '(-1)' })
  emit.setRegister(RCX, 8, count)
  branchIf(emit, `(${count.lo}|${count.hi})!==0`, to)
}

/** loope (zero flag set) and loopne. */
const loopWhile =
  (code: number): Form =>
  (emit, { operands: [to], form }) => {
    countsInRcx(emit, form)
    const count = emit.add64(emit.register(RCX, 8), { lo: '(-1)', hi: '(-1)' })
    const isMet = emit.name(emit.condition(code))
    emit.setRegister(RCX, 8, count)
    branchIf(emit, `(${count.lo}|${count.hi})!==0&&${isMet}`, to)
  }

const call: Form = (emit, { operands: [to] }) => {
  const entry = target(emit, to)
  push(emit, 8, { lo: literal(emit.nextLo), hi: literal(emit.nextHi) })
  emit.leave(entry)
}

const ret: Form = (emit, { operands: [bytes] }) =>
  emit.leave(pop(emit, 8, bytes?.kind === 'immediate' ? bytes.lo & 0xffff : 0))

/** Ends the call by name; rip stays at this instruction. */
const stop =
  (reason: CpuStopReason): Form =>
  (emit) => {
    emit.mayStop()
    emit.line(`system.stop('${reason}');`)
    emit.end()
  }

/** Vectors that Windows code raises: breakpoint, fast fail, failed assertion, debug service. */
const REASONS: Readonly<Record<number, CpuStopReason>> = {
  3: 'debugBreak',
  41: 'fastFail',
  44: 'debugBreak',
  45: 'debugBreak',
}

const int: Form = (emit, decoded) => {
  const [vector] = decoded.operands
  if (vector?.kind !== 'immediate') return emit.refuse()
  const number = vector.lo & 0xff
  // any other vector has no gate behind it
  stop(REASONS[number] ?? 'generalProtection')(emit, decoded)
}

const halt: Form = (emit, decoded) => {
  emit.kernelOnly()
  stop('halted')(emit, decoded)
}

/** Nothing is cached here. */
const writeBack: Form = (emit) => emit.kernelOnly()

const nop: Form = () => {}

export const control: Readonly<Record<string, Form>> = {
  jmp,
  jcc,
  jrcxz,
  jecxz,
  loop,
  loope: loopWhile(4),
  loopne: loopWhile(5),
  call,
  ret,
  int3: stop('debugBreak'),
  int,
  ud0: stop('invalidOpcode'),
  ud1: stop('invalidOpcode'),
  ud2: stop('invalidOpcode'),
  hlt: halt,
  nop,
  pause: nop,
  endbr64: nop,
  endbr32: nop,
  // shadow stacks are off: these leave their register
  rdsspd: nop,
  rdsspq: nop,
  mfence: nop,
  lfence: nop,
  sfence: nop,
  prefetchnta: nop,
  prefetcht0: nop,
  prefetcht1: nop,
  prefetcht2: nop,
  prefetchw: nop,
  prefetchwt1: nop,
  prefetch: nop,
  wbinvd: writeBack,
  clflush: nop,
  clflushopt: nop,
  clwb: nop,
}
