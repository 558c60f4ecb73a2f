// SSE and SSE2 instructions that move and rearrange 32-bit words: loads, stores, shuffles, unpacking of words and
// quadwords, bitwise logic, additions of words (Intel SDM vol. 2). An xmm register is four words of the state.
import type { DecodedInstruction, MemoryOperand, Operand } from '../decoder.ts'
import type { Value } from '../emit/conditions.ts'
import type { Emitter, Form } from '../emit/emitter.ts'
import { Word } from '../state.ts'

/** The first word of an xmm register. */
export const wordOf = (index: number): number => Word.xmm + index * 4

export function xmmIndex(emit: Emitter, operand: Operand | undefined): number {
  return operand?.kind === 'xmm' ? operand.index : emit.refuse()
}

/** Operands of 16 bytes must be aligned, but for the moves that say otherwise (vol. 1, 4.6.3). */
function aligned(emit: Emitter, operand: MemoryOperand): Value {
  const address = emit.address(operand)
  emit.mayStop()
  emit.line(`if((${address.lo}&15)!==0)system.stop('generalProtection');`)
  return address
}

/** Where the words of a source are: its register, or scratch that memory was read into. */
export function sourceWord(emit: Emitter, operand: Operand | undefined, isUnaligned = false): number {
  if (operand?.kind === 'xmm') return wordOf(operand.index)
  if (operand?.kind !== 'memory' || operand.size !== 16) return emit.refuse()
  const address = isUnaligned ? emit.address(operand) : aligned(emit, operand)
  emit.mayStop()
  emit.line(`load128(${address.lo},${address.hi},${Word.scratch});`)
  return Word.scratch
}

/** The same of an operand of any size: what memory does not have is not read. */
export function operandWord(emit: Emitter, operand: Operand | undefined): number {
  if (operand?.kind !== 'memory' || operand.size === 16) return sourceWord(emit, operand)
  const { lo, hi } = emit.load(operand.size, emit.address(operand))
  emit.line(`S[${Word.scratch}]=${lo};${operand.size === 8 ? `S[${Word.scratch + 1}]=${hi};` : ''}`)
  return Word.scratch
}

/** The words of an operand by name; memory may have 4, 8 or 16 bytes, the rest is 0. */
function words(emit: Emitter, operand: Operand | undefined, isUnaligned = false): string[] {
  if (operand?.kind === 'register') {
    const { lo, hi } = emit.read(operand)
    return [lo, hi, '0', '0']
  }
  if (operand?.kind === 'memory' && operand.size < 16) {
    const { lo, hi } = emit.load(operand.size, emit.address(operand))
    return [lo, hi, '0', '0']
  }
  const from = sourceWord(emit, operand, isUnaligned)
  return [0, 1, 2, 3].map((lane) => emit.name(`S[${from + lane}]`))
}

function setWords(
  emit: Emitter,
  operand: Operand | undefined,
  values: readonly (string | undefined)[],
): void {
  const to = wordOf(xmmIndex(emit, operand))
  values.forEach((value, lane) => {
    if (value !== undefined) emit.line(`S[${to + lane}]=${value};`)
  })
}

/** The whole register, to or from memory or another one. */
const move =
  (isUnaligned: boolean): Form =>
  (emit, { operands: [to, from] }) => {
    if (to?.kind === 'xmm') {
      setWords(emit, to, words(emit, from, isUnaligned))
      return
    }
    if (to?.kind !== 'memory') return emit.refuse()
    const address = isUnaligned ? emit.address(to) : aligned(emit, to)
    emit.mayStop()
    emit.line(`store128(${address.lo},${address.hi},${wordOf(xmmIndex(emit, from))});`)
  }

export const loadAligned = move(false)

/** movss, movsd: from memory they clear the rest, between registers they leave it. */
const moveScalar =
  (count: 1 | 2): Form =>
  (emit, { operands: [to, from] }) => {
    if (to?.kind === 'memory') {
      storeWords(emit, to, wordOf(xmmIndex(emit, from)))
      return
    }
    const values = words(emit, from)
    setWords(emit, to, from?.kind === 'memory' ? values : values.slice(0, count))
  }

function storeWords(emit: Emitter, to: Operand, from: number): void {
  emit.write(to, { lo: emit.name(`S[${from}]`), hi: to.size === 8 ? emit.name(`S[${from + 1}]`) : '0' })
}

/** movd, movq: the rest of an xmm register is cleared. */
const moveLow: Form = (emit, { operands: [to, from] }) => {
  if (to?.kind !== 'xmm') storeWords(emit, to ?? emit.refuse(), wordOf(xmmIndex(emit, from)))
  else
    setWords(emit, to, [...words(emit, from).slice(0, from?.size === 4 ? 1 : 2), '0', '0', '0'].slice(0, 4))
}

/** movlps, movhps, movlpd, movhpd: one half, to or from memory. */
const moveHalf =
  (half: 0 | 1): Form =>
  (emit, { operands: [to, from] }) => {
    if (to?.kind === 'memory') {
      storeWords(emit, to, wordOf(xmmIndex(emit, from)) + half * 2)
      return
    }
    const [lo, hi] = words(emit, from)
    setWords(emit, to, half === 0 ? [lo, hi] : [undefined, undefined, lo, hi])
  }

/** Each word of the result is one of the destination's (0 to 3) or of the source's (4 to 7). */
export const arrange =
  (choose: (control: number) => readonly number[]): Form =>
  (emit, { operands: [to, from, control] }) => {
    const right = words(emit, from)
    const left = words(emit, to)
    const all = [...left, ...right]
    const bits = control?.kind === 'immediate' ? control.lo & 0xff : 0
    setWords(
      emit,
      to,
      choose(bits).map((lane) => all[lane]),
    )
  }

export const arrangeAs = (...lanes: number[]): Form => arrange(() => lanes)
const field = (control: number, lane: number): number => (control >> (lane * 2)) & 3

/** pshuflw, pshufhw: the four 16-bit words of one half. */
const shuffleHalf =
  (half: 0 | 1): Form =>
  (emit, { operands: [to, from, control] }) => {
    if (control?.kind !== 'immediate') return emit.refuse()
    const values = words(emit, from)
    const part = (lane: number): string => {
      const at = field(control.lo, lane)
      return `${values[half * 2 + (at >> 1)]}>>>${(at & 1) * 16}&65535`
    }
    const pair = (first: number): string => emit.name(`${part(first)}|(${part(first + 1)})<<16`)
    const shuffled = [pair(0), pair(2)]
    setWords(emit, to, half === 0 ? [...shuffled, values[2], values[3]] : [values[0], values[1], ...shuffled])
  }

const logic =
  (combine: (left: string, right: string) => string): Form =>
  (emit, { operands: [to, from] }) => {
    if (
      to?.kind === 'xmm' &&
      from?.kind === 'xmm' &&
      to.index === from.index &&
      combine('1', '1') === '1^1'
    ) {
      setWords(emit, to, ['0', '0', '0', '0'])
      return
    }
    const right = words(emit, from)
    const left = words(emit, to)
    setWords(
      emit,
      to,
      left.map((value, lane) => combine(value, right[lane]!)), // four of each
    )
  }

const xor = logic((left, right) => `${left}^${right}`)
const and = logic((left, right) => `${left}&${right}`)
const andNot = logic((left, right) => `~${left}&${right}`)
const or = logic((left, right) => `${left}|${right}`)

/** paddq, psubq: two 64-bit sums. */
const quadwords =
  (operator: '+' | '-'): Form =>
  (emit, { operands: [to, from] }) => {
    const right = words(emit, from)
    const left = words(emit, to)
    const result: string[] = []
    for (const lane of [0, 2]) {
      const lo = emit.name(`${left[lane]}${operator}${right[lane]}|0`)
      const carry =
        operator === '+' ? `${lo}>>>0<${left[lane]}>>>0?1:0` : `${left[lane]}>>>0<${right[lane]}>>>0?1:0`
      result.push(lo, emit.name(`${left[lane + 1]}${operator}${right[lane + 1]}${operator}(${carry})|0`))
    }
    setWords(emit, to, result)
  }

/** A bit for the sign of each part. */
const signs =
  (lanes: readonly number[]): Form =>
  (emit, { operands: [to, from] }: DecodedInstruction) => {
    const values = words(emit, from)
    const bits = lanes.map((lane, bit) => `${values[lane]}>>>31<<${bit}`)
    emit.write(to, { lo: emit.name(bits.join('|')), hi: '0' })
  }

const insertWord: Form = (emit, { operands: [to, from, control] }) => {
  if (control?.kind !== 'immediate') return emit.refuse()
  const { lo } = emit.read(from)
  const at = control.lo & 7
  const word = wordOf(xmmIndex(emit, to)) + (at >> 1)
  emit.line(`S[${word}]=S[${word}]&${(at & 1) === 0 ? '-65536' : '65535'}|(${lo}&65535)<<${(at & 1) * 16};`)
}

export const simdMoves: Readonly<Record<string, Form>> = {
  movups: move(true),
  movupd: move(true),
  movdqu: move(true),
  lddqu: move(true),
  movaps: move(false),
  movapd: move(false),
  movdqa: move(false),
  movntps: move(false),
  movntpd: move(false),
  movntdq: move(false),
  movss: moveScalar(1),
  movsd: moveScalar(2),
  movd: moveLow,
  movq: moveLow,
  movlps: moveHalf(0),
  movlpd: moveHalf(0),
  movhps: moveHalf(1),
  movhpd: moveHalf(1),
  movhlps: arrangeAs(6, 7, 2, 3),
  movlhps: arrangeAs(0, 1, 4, 5),
  movmskps: signs([0, 1, 2, 3]),
  movmskpd: signs([1, 3]),
  unpcklps: arrangeAs(0, 4, 1, 5),
  punpckldq: arrangeAs(0, 4, 1, 5),
  unpckhps: arrangeAs(2, 6, 3, 7),
  punpckhdq: arrangeAs(2, 6, 3, 7),
  unpcklpd: arrangeAs(0, 1, 4, 5),
  punpcklqdq: arrangeAs(0, 1, 4, 5),
  unpckhpd: arrangeAs(2, 3, 6, 7),
  punpckhqdq: arrangeAs(2, 3, 6, 7),
  pshufd: arrange((control) => [0, 1, 2, 3].map((lane) => 4 + field(control, lane))),
  shufps: arrange((control) => [0, 1, 2, 3].map((lane) => (lane < 2 ? 0 : 4) + field(control, lane))),
  shufpd: arrange((control) => {
    const low = (control & 1) * 2
    const high = 4 + (control & 2)
    return [low, low + 1, high, high + 1]
  }),
  pshuflw: shuffleHalf(0),
  pshufhw: shuffleHalf(1),
  xorps: xor,
  xorpd: xor,
  pxor: xor,
  andps: and,
  andpd: and,
  pand: and,
  andnps: andNot,
  andnpd: andNot,
  pandn: andNot,
  orps: or,
  orpd: or,
  por: or,
  paddd: logic((left, right) => `${left}+${right}|0`),
  psubd: logic((left, right) => `${left}-${right}|0`),
  paddq: quadwords('+'),
  psubq: quadwords('-'),
  pcmpeqd: logic((left, right) => `${left}===${right}?-1:0`),
  pcmpgtd: logic((left, right) => `${left}>${right}?-1:0`),
  pinsrw: insertWord,
}
