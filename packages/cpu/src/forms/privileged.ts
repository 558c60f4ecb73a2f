// Instructions of a kernel: syscall, sysretq, iretq, descriptor tables, the floating point area as a whole. What they do is
// in ../privileged.ts.
import type { Operand } from '../decoder.ts'
import type { Value } from '../emit/conditions.ts'
import type { Emitter, Form } from '../emit/emitter.ts'
import { Word } from '../state.ts'

/** The routine sets rip. */
const leaving =
  (routine: string, isKernelOnly: boolean): Form =>
  (emit) => {
    if (isKernelOnly) emit.kernelOnly()
    emit.mayStop()
    emit.line(`privileged.${routine}();`)
    emit.hasEnded = true
  }

const syscall: Form = (emit) => {
  emit.mayStop()
  emit.line(`privileged.enterSystemCall(${emit.nextLo},${emit.nextHi});`)
  emit.hasEnded = true
}

const memory = (emit: Emitter, operand: Operand | undefined): Value =>
  operand?.kind === 'memory' ? emit.address(operand) : emit.refuse()

const onMemory =
  (routine: string, ...leading: readonly number[]): Form =>
  (emit, { operands: [place] }) => {
    emit.mayStop()
    const { lo, hi } = memory(emit, place)
    emit.line(`privileged.${routine}(${[...leading, lo, hi].join(',')});`)
  }

const inKernel =
  (form: Form): Form =>
  (emit, decoded) => {
    emit.kernelOnly()
    form(emit, decoded)
  }

const loadSelector =
  (word: number): Form =>
  (emit, { operands: [from] }) => {
    emit.kernelOnly()
    emit.line(`S[${word}]=${emit.read(from).lo}&65535;`)
  }

const storeSelector =
  (word: number): Form =>
  (emit, { operands: [to] }) =>
    emit.write(to, { lo: emit.name(`S[${word}]`), hi: '0' })

export const privileged: Readonly<Record<string, Form>> = {
  syscall,
  sysretq: leaving('leaveSystemCall', true),
  iretq: leaving('returnFromInterrupt', false),
  lgdt: inKernel(onMemory('loadTable', Word.gdtBase, Word.gdtLimit)),
  lidt: inKernel(onMemory('loadTable', Word.idtBase, Word.idtLimit)),
  sgdt: onMemory('storeTable', Word.gdtBase, Word.gdtLimit),
  sidt: onMemory('storeTable', Word.idtBase, Word.idtLimit),
  ltr: loadSelector(Word.tr),
  lldt: loadSelector(Word.ldtr),
  str: storeSelector(Word.tr),
  sldt: storeSelector(Word.ldtr),
  fxsave: onMemory('saveFloatingPoint'),
  fxrstor: onMemory('restoreFloatingPoint'),
}
