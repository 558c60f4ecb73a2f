// SSE2 arithmetic on bytes, 16-bit words and shifted words (Intel SDM vol. 2). Generated code calls a function of
// `simd-unit.ts` with the words of destination and source; what is hot or moves whole words is in simd-moves.ts.
import type { Emitter, Form } from '../emit/emitter.ts'
import type { SimdUnit } from '../simd-unit.ts'
import { Word } from '../state.ts'
import { sourceWord, wordOf, xmmIndex } from './simd-moves.ts'

const operation =
  (name: keyof SimdUnit): Form =>
  (emit, { operands: [to, from] }) => {
    const right = sourceWord(emit, from)
    emit.line(`simd.${name}(${wordOf(xmmIndex(emit, to))},${right});`)
  }

/** By an immediate, or by the low quadword of the source: whatever is above the width empties the word. */
const shift =
  (name: keyof SimdUnit): Form =>
  (emit, { operands: [to, from] }) => {
    const count = from?.kind === 'immediate' ? `${from.lo & 0xff}` : wideCount(emit, sourceWord(emit, from))
    emit.line(`simd.${name}(${wordOf(xmmIndex(emit, to))},${count});`)
  }

/** At most 255. */
const wideCount = (emit: Emitter, word: number): string =>
  emit.name(`S[${word + 1}]!==0||S[${word}]>>>0>255?255:S[${word}]`)

const signBits: Form = (emit, { operands: [to, from] }) =>
  emit.write(to, { lo: emit.name(`simd.signBits(${wordOf(xmmIndex(emit, from))})`), hi: '0' })

const storeControl: Form = (emit, { operands: [to] }) =>
  emit.write(to, { lo: emit.name(`S[${Word.mxcsr}]`), hi: '0' })

/** Reserved bits are refused; what else it holds is looked at where it is used (float-unit.ts). */
const loadControl: Form = (emit, { operands: [from] }) => {
  const { lo } = emit.read(from)
  emit.line(`if((${lo}&-65536)!==0)system.stop('generalProtection');S[${Word.mxcsr}]=${lo};`)
}

const operations = [
  ...(['paddb', 'paddw', 'psubb', 'psubw', 'paddsb', 'paddsw', 'paddusb', 'paddusw'] as const),
  ...(['psubsb', 'psubsw', 'psubusb', 'psubusw', 'pcmpeqb', 'pcmpeqw', 'pcmpgtb', 'pcmpgtw'] as const),
  ...(['pminub', 'pmaxub', 'pminsw', 'pmaxsw', 'pavgb', 'pavgw', 'psadbw'] as const),
  ...(['pmuludq', 'pmullw', 'pmulhw', 'pmulhuw', 'pmaddwd', 'packsswb', 'packssdw', 'packuswb'] as const),
  ...(['punpcklbw', 'punpcklwd', 'punpckhbw', 'punpckhwd'] as const),
]
const shifts = [
  ...(['psllw', 'pslld', 'psllq', 'psrlw', 'psrld', 'psrlq', 'psraw', 'psrad', 'pslldq', 'psrldq'] as const),
]

export const simdInteger: Readonly<Record<string, Form>> = {
  ...Object.fromEntries(operations.map((name) => [name, operation(name)])),
  ...Object.fromEntries(shifts.map((name) => [name, shift(name)])),
  pmovmskb: signBits,
  stmxcsr: storeControl,
  ldmxcsr: loadControl,
}
