// mov, movzx, movsx, lea, xchg, bswap, cmovcc, setcc, the sign extensions of rax, push, pop, leave, enter.
import type { Operand } from '../decoder.ts'
import type { Value } from '../emit/conditions.ts'
import type { Emitter, Form } from '../emit/emitter.ts'
import { Word } from '../state.ts'

/** es, ds, fs, gs as 64-bit Windows kernels run with; loading them is not implemented. */
const DATA_SELECTORS: Readonly<Record<number, number>> = { 0: 0x2b, 3: 0x2b, 4: 0x53, 5: 0x2b }
const CS = 1
const RSP = 4
const RBP = 5

const mov: Form = (emit, { operands: [to, from] }) => {
  if (to?.kind === 'control' || from?.kind === 'control') moveControl(emit, to!, from!)
  else if (to?.kind === 'debug' || from?.kind === 'debug') moveDebug(emit, to!, from!)
  else if (from?.kind === 'segment') emit.write(to, selector(emit, from.index))
  else emit.write(to, emit.read(from))
}

const selector = (emit: Emitter, index: number): Value => {
  const constant = DATA_SELECTORS[index]
  if (constant !== undefined) return { lo: `${constant}`, hi: '0' }
  return { lo: emit.name(`S[${index === CS ? Word.cs : Word.ss}]`), hi: '0' }
}

/** Bits of dr6 and dr7 that are always set (Intel SDM volume 3, 18.2). */
const DEBUG_ONES: Readonly<Record<number, number>> = { 6: 0xffff0ff0, 7: 0x400 }

/** Kept and shown; no breakpoint of theirs ever fires. */
function moveDebug(emit: Emitter, to: Operand, from: Operand): void {
  emit.kernelOnly()
  const { index } = from.kind === 'debug' ? from : to.kind === 'debug' ? to : emit.refuse()
  if (index === 4 || index === 5) {
    emit.line("system.stop('invalidOpcode');") // CR4.DE is set
    return
  }
  if (from.kind === 'debug') {
    const at = Word.dr + from.index * 2
    emit.write(to, { lo: emit.name(`S[${at}]`), hi: emit.name(`S[${at + 1}]`) })
    return
  }
  const value = emit.read(from)
  const ones = DEBUG_ONES[index]
  if (ones !== undefined) emit.line(`if(${value.hi}!==0)system.stop('generalProtection');`)
  const at = Word.dr + index * 2
  emit.line(`S[${at}]=${value.lo}${ones === undefined ? '' : `|${ones}`};S[${at + 1}]=${value.hi};`)
}

function moveControl(emit: Emitter, to: Operand, from: Operand): void {
  emit.mayStop()
  if (from.kind === 'control') {
    const lo = emit.name(`system.readControl(${from.index})`)
    emit.write(to, { lo, hi: emit.name('system.high()') })
    return
  }
  const value = emit.read(from)
  emit.line(`system.writeControl(${controlOf(emit, to)},${value.lo},${value.hi});`)
  if (controlOf(emit, to) !== 8) emit.end()
}

const controlOf = (emit: Emitter, operand: Operand): number =>
  operand.kind === 'control' ? operand.index : emit.refuse()

/** Zero extension of a value that is kept sign-extended. */
const zeroExtended = (emit: Emitter, value: Value, size: number): Value => ({
  lo: size === 1 ? emit.name(`${value.lo}&255`) : size === 2 ? emit.name(`${value.lo}&65535`) : value.lo,
  hi: '0',
})

const signExtended = (emit: Emitter, value: Value): Value => ({
  lo: value.lo,
  hi: emit.name(`${value.lo}>>31`),
})

const movzx: Form = (emit, { operands: [to, from] }) =>
  emit.write(to, zeroExtended(emit, emit.read(from), from!.size))

const movsx: Form = (emit, { operands: [to, from] }) => emit.write(to, signExtended(emit, emit.read(from)))

const lea: Form = (emit, { operands: [to, from] }) => {
  if (from?.kind !== 'memory') return emit.refuse()
  emit.write(to, emit.effectiveAddress(from))
}

const xchg: Form = (emit, { operands: [to, from] }) => {
  // memory first: what may stop must come before what changes
  const [first, second] = from?.kind === 'memory' ? [from, to] : [to, from]
  const place = emit.place(first)
  const other = emit.read(second)
  const value = place.read()
  place.write(other)
  emit.write(second, value)
}

export function byteSwapped(emit: Emitter, { lo, hi }: Value, size: number): Value {
  const swapped = (word: string): string =>
    emit.name(`${word}<<24|(${word}&65280)<<8|${word}>>>8&65280|${word}>>>24`)
  if (size === 8) return { lo: swapped(hi), hi: swapped(lo) }
  return { lo: size === 4 ? swapped(lo) : emit.name(`${swapped(lo)}>>16`), hi: '0' }
}

const bswap: Form = (emit, { operands: [to] }) => {
  if (to!.size < 4) emit.refuse() // undefined for 16 bits
  emit.write(to, byteSwapped(emit, emit.read(to), to!.size))
}

/** The source is read, and a 32-bit destination cleared above, whatever the condition (vol. 2, CMOVcc). */
const cmovcc: Form = (emit, { operands: [to, from], condition }) => {
  const value = emit.read(from)
  const old = emit.read(to)
  const isMet = emit.name(emit.condition(condition))
  emit.write(to, {
    lo: emit.name(`${isMet}?${value.lo}:${old.lo}`),
    hi: to!.size === 8 ? emit.name(`${isMet}?${value.hi}:${old.hi}`) : '0',
  })
}

const setcc: Form = (emit, { operands: [to], condition }) =>
  emit.write(to, { lo: emit.name(`${emit.condition(condition)}?1:0`), hi: '0' })

const extendAccumulator =
  (from: 1 | 2 | 4): Form =>
  (emit) =>
    emit.setRegister(0, from === 1 ? 2 : from * 2, signExtended(emit, emit.register(0, from)))

/** cwd, cdq, cqo: the sign of the accumulator into all of rdx. */
const signIntoRdx =
  (size: 2 | 4 | 8): Form =>
  (emit) => {
    const { lo, hi } = emit.register(0, size)
    const sign = emit.name(`${size === 8 ? hi : lo}>>31`)
    emit.setRegister(2, size, { lo: sign, hi: sign })
  }

const offset = (bytes: number): Value => ({
  lo: bytes < 0 ? `(${bytes})` : `${bytes}`,
  hi: bytes < 0 ? '(-1)' : '0',
})

export function push(emit: Emitter, size: number, value: Value): void {
  const top = emit.add64(emit.register(RSP, 8), offset(-size))
  emit.store(size, top, value)
  emit.setRegister(RSP, 8, top)
}

/** Answers the value; rsp is raised by what was popped and `extra` bytes. */
export function pop(emit: Emitter, size: number, extra = 0): Value {
  const top = emit.register(RSP, 8)
  const value = emit.load(size, top)
  emit.setRegister(RSP, 8, emit.add64(top, offset(size + extra)))
  return value
}

/** Refuses operands of 16 bits, which no compiler emits. */
const refuseShort = (emit: Emitter, form: string): void => {
  if (/^(Pushw_imm8|Push_imm16|Leavew|Enterw_imm16_imm8)$/.test(form)) emit.refuse()
}

const pushForm: Form = (emit, { operands: [from], form }) => {
  refuseShort(emit, form)
  const size = from!.size === 2 && from!.kind !== 'immediate' ? 2 : 8
  if (from!.kind === 'segment') return emit.refuse()
  push(emit, size, emit.read(from))
}

const popForm: Form = (emit, { operands: [to] }) => {
  if (to?.kind === 'register') {
    emit.write(to, pop(emit, to.size))
    return
  }
  if (to?.kind !== 'memory') return emit.refuse()
  // the address uses rsp as it is after the pop, and the store may stop (vol. 2, POP)
  const top = emit.register(RSP, 8)
  const value = emit.load(to.size, top)
  const raised = emit.add64(top, offset(to.size))
  const shift = to.base === RSP ? to.size : 0
  const address = emit.address(to)
  emit.store(to.size, shift === 0 ? address : emit.add64(address, offset(shift)), value)
  emit.setRegister(RSP, 8, raised)
}

const leave: Form = (emit, { form }) => {
  refuseShort(emit, form)
  const frame = emit.register(RBP, 8)
  const value = emit.load(8, frame)
  emit.setRegister(RSP, 8, emit.add64(frame, offset(8)))
  emit.setRegister(RBP, 8, value)
}

/** Only without nested frames: compilers emit no others. */
const enter: Form = (emit, { operands: [bytes, level], form }) => {
  refuseShort(emit, form)
  if (bytes?.kind !== 'immediate' || level?.kind !== 'immediate' || level.lo !== 0) return emit.refuse()
  const top = emit.add64(emit.register(RSP, 8), offset(-8))
  emit.store(8, top, emit.register(RBP, 8))
  emit.setRegister(RBP, 8, top)
  emit.setRegister(RSP, 8, emit.add64(top, offset(-(bytes.lo & 0xffff))))
}

const pushFlags: Form = (emit) => {
  emit.mayStop()
  push(emit, 8, { lo: emit.name('flags.read()'), hi: '0' })
}

const popFlags: Form = (emit) => {
  const value = pop(emit, 8)
  emit.line(`system.popFlags(${value.lo});`)
  emit.flagsInState()
}

const lahf: Form = (emit) => emit.setRegister(0, 1, { lo: emit.name('flags.read()&215|2'), hi: '0' }, true)

const sahf: Form = (emit) => {
  const value = emit.register(0, 1, true)
  emit.line(`flags.write(flags.read()&-214|${value.lo}&213);`)
  emit.flagsInState()
}

export const moves: Readonly<Record<string, Form>> = {
  mov,
  movzx,
  movsx,
  movsxd: movsx,
  lea,
  xchg,
  bswap,
  cmovcc,
  setcc,
  cbw: extendAccumulator(1),
  cwde: extendAccumulator(2),
  cdqe: extendAccumulator(4),
  cwd: signIntoRdx(2),
  cdq: signIntoRdx(4),
  cqo: signIntoRdx(8),
  push: pushForm,
  pop: popForm,
  leave,
  enter,
  pushfq: pushFlags,
  popfq: popFlags,
  lahf,
  sahf,
}
