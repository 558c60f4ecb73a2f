// SSE3 to SSE4.2 for integers (Intel SDM vol. 2): what compilers emit for x86-64-v2.
// What they do to bytes and words is in ../sse4-unit.ts.
import type { Form } from '../emit/emitter.ts'
import type { Sse4Unit } from '../sse4-unit.ts'
import type { StringCompareUnit } from '../string-compare-unit.ts'
import { arrange, arrangeAs, loadAligned, operandWord, sourceWord, wordOf, xmmIndex } from './simd-moves.ts'

const operation =
  (name: keyof Sse4Unit): Form =>
  (emit, { operands: [to, from, control] }) => {
    const right = operandWord(emit, from)
    const after = control?.kind === 'immediate' ? `,${control.lo & 0xff}` : ''
    emit.line(`sse4.${name}(${wordOf(xmmIndex(emit, to))},${right}${after});`)
  }

/** A lane of so many bytes, zero-extended. */
const extract =
  (size: 1 | 2 | 4 | 8): Form =>
  (emit, { operands: [to, from, control] }) => {
    if (control?.kind !== 'immediate') return emit.refuse()
    const at = (control.lo & (16 / size - 1)) * size
    const word = wordOf(xmmIndex(emit, from)) + (at >> 2)
    const mask = size < 4 ? `>>>${(at & 3) * 8}&${size === 1 ? 255 : 65535}` : ''
    const value = { lo: emit.name(`S[${word}]${mask}`), hi: size === 8 ? emit.name(`S[${word + 1}]`) : '0' }
    if (to?.kind === 'memory') emit.store(size, emit.address(to), value)
    else emit.write(to, value)
  }

const insert =
  (size: 1 | 4 | 8): Form =>
  (emit, { operands: [to, from, control] }) => {
    if (control?.kind !== 'immediate') return emit.refuse()
    const { lo, hi } = emit.read(from)
    const at = (control.lo & (16 / size - 1)) * size
    const word = wordOf(xmmIndex(emit, to)) + (at >> 2)
    const shift = (at & 3) * 8
    if (size === 1) emit.line(`S[${word}]=S[${word}]&${~(255 << shift)}|(${lo}&255)<<${shift};`)
    else emit.line(`S[${word}]=${lo};${size === 8 ? `S[${word + 1}]=${hi};` : ''}`)
  }

/** insertps: any lane of a register (memory is one lane) into any lane, then some are cleared. */
const insertSingle: Form = (emit, { operands: [to, from, control] }) => {
  if (control?.kind !== 'immediate') return emit.refuse()
  const lane = from?.kind === 'memory' ? 0 : (control.lo >> 6) & 3
  const value = emit.name(`S[${operandWord(emit, from) + lane}]`)
  const word = wordOf(xmmIndex(emit, to))
  emit.line(`S[${word + ((control.lo >> 4) & 3)}]=${value};`)
  for (let i = 0; i < 4; i++) if (((control.lo >> i) & 1) !== 0) emit.line(`S[${word + i}]=0;`)
}

/** Zero where the two have no bit in common, carry where the source has none that the destination lacks. */
const ptest: Form = (emit, { operands: [to, from] }) => {
  const right = sourceWord(emit, from)
  const left = wordOf(xmmIndex(emit, to))
  const any = (inverted: string): string =>
    [0, 1, 2, 3].map((lane) => `${inverted}S[${left + lane}]&S[${right + lane}]`).join('|')
  emit.line(`system.setArithmetic(((${any('')})===0?64:0)|((${any('~')})===0?1:0));`)
  emit.flagsInState()
}

/** Lanes of the source where the immediate has a bit. */
const blend = (lanesEach: 1 | 2): Form =>
  arrange((control) =>
    [0, 1, 2, 3].map((lane) => lane + (((control >> Math.floor(lane / lanesEach)) & 1) === 0 ? 0 : 4)),
  )

/** Strings in xmm registers; memory need not be aligned. */
const compareStrings =
  (name: keyof StringCompareUnit): Form =>
  (emit, { operands: [to, from, control], mnemonic }) => {
    if (control?.kind !== 'immediate') return emit.refuse()
    const right = sourceWord(emit, from, true)
    const width = name.startsWith('explicit') ? `,${mnemonic.endsWith('64')}` : ''
    const operands = `${wordOf(xmmIndex(emit, to))},${right},${control.lo & 0xff}`
    emit.line(`stringCompare.${name}(${operands}${width});`)
    emit.flagsInState()
  }

const operations = [
  ...(['pshufb', 'pabsb', 'pabsw', 'pabsd', 'psignb', 'psignw', 'psignd', 'phaddw', 'phaddd'] as const),
  ...(['phaddsw', 'phsubw', 'phsubd', 'phsubsw', 'pmaddubsw', 'pmulhrsw', 'palignr'] as const),
  ...(['pminsb', 'pmaxsb', 'pminuw', 'pmaxuw', 'pminsd', 'pmaxsd', 'pminud', 'pmaxud'] as const),
  ...(['pmulld', 'pmuldq', 'packusdw', 'pcmpeqq', 'pcmpgtq', 'phminposuw', 'mpsadbw'] as const),
  ...(['pblendvb', 'blendvps', 'blendvpd', 'pblendw'] as const),
  ...(['pmovzxbw', 'pmovzxbd', 'pmovzxbq', 'pmovzxwd', 'pmovzxwq', 'pmovzxdq'] as const),
  ...(['pmovsxbw', 'pmovsxbd', 'pmovsxbq', 'pmovsxwd', 'pmovsxwq', 'pmovsxdq'] as const),
]

export const sse4: Readonly<Record<string, Form>> = {
  ...Object.fromEntries(operations.map((name) => [name, operation(name)])),
  movddup: arrangeAs(4, 5, 4, 5),
  movshdup: arrangeAs(5, 5, 7, 7),
  movsldup: arrangeAs(4, 4, 6, 6),
  blendps: blend(1),
  blendpd: blend(2),
  pextrb: extract(1),
  pextrw: extract(2),
  pextrd: extract(4),
  pextrq: extract(8),
  extractps: extract(4),
  pinsrb: insert(1),
  pinsrd: insert(4),
  pinsrq: insert(8),
  insertps: insertSingle,
  ptest,
  pcmpestri: compareStrings('explicitIndex'),
  pcmpestri64: compareStrings('explicitIndex'),
  pcmpestrm: compareStrings('explicitMask'),
  pcmpestrm64: compareStrings('explicitMask'),
  pcmpistri: compareStrings('implicitIndex'),
  pcmpistrm: compareStrings('implicitMask'),
  movntdqa: loadAligned,
}
