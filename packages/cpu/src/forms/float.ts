// Floating point of SSE to SSE4.1: scalar and packed arithmetic, comparisons, conversions, rounding (Intel SDM vol. 2). What
// they do is in ../float-unit.ts; RCPPS and RSQRTPS, which each maker approximates as it likes, are not here.
import type { Operand } from '../decoder.ts'
import type { Emitter, Form } from '../emit/emitter.ts'
import type { FloatUnit } from '../float-unit.ts'
import { operandWord, wordOf, xmmIndex } from './simd-moves.ts'

/** Suffix of a mnemonic to bytes and number of its lanes. */
const SHAPES = { ss: '4,1', sd: '8,1', ps: '4,4', pd: '8,2' } as const
type Shape = keyof typeof SHAPES
const WIDTHS = { s: '4', d: '8' } as const

/** A call of the unit, which may stop for what MXCSR holds; `first` comes before destination and source. */
function call(
  emit: Emitter,
  name: keyof FloatUnit,
  first: string,
  [to, from]: readonly Operand[],
  last = '',
): void {
  const right = operandWord(emit, from)
  emit.mayStop()
  emit.line(`floats.check();floats.${name}(${first},${wordOf(xmmIndex(emit, to))},${right}${last});`)
}

const control = (emit: Emitter, operand: Operand | undefined, mask: number): string =>
  operand?.kind === 'immediate' ? `,${operand.lo & mask}` : emit.refuse()

const lanes =
  (name: keyof FloatUnit, shape: Shape): Form =>
  (emit, { operands }) =>
    call(emit, name, SHAPES[shape], operands)

const inShapes = (
  name: keyof FloatUnit,
  stem: string,
  shapes: readonly Shape[] = ['ss', 'sd', 'ps', 'pd'],
): Record<string, Form> => Object.fromEntries(shapes.map((shape) => [`${stem}${shape}`, lanes(name, shape)]))

/** The immediate goes last. */
const controlled = (name: keyof FloatUnit, stem: string, mask: number): Record<string, Form> =>
  Object.fromEntries(
    (['ss', 'sd', 'ps', 'pd'] as const).map((shape) => [
      `${stem}${shape}`,
      (emit, { operands }) => call(emit, name, SHAPES[shape], operands, control(emit, operands[2], mask)),
    ]),
  )

const packed = (name: keyof FloatUnit, stem: string): Record<string, Form> => ({
  [`${stem}ps`]: (emit, { operands }) => call(emit, name, '4', operands),
  [`${stem}pd`]: (emit, { operands }) => call(emit, name, '8', operands),
})

const order =
  (width: 's' | 'd'): Form =>
  (emit, { operands }) => {
    call(emit, 'order', WIDTHS[width], operands)
    emit.flagsInState()
  }

const convert =
  (name: keyof FloatUnit, first: string, last = ''): Form =>
  (emit, { operands }) =>
    call(emit, name, first, operands, last)

/** From a general register or memory; the rest of the destination stays. */
const fromInteger =
  (width: 's' | 'd'): Form =>
  (emit, { operands: [to, from] }) => {
    const { lo, hi } = emit.read(from)
    emit.mayStop()
    const into = wordOf(xmmIndex(emit, to))
    emit.line(`floats.check();floats.fromInteger(${WIDTHS[width]},${into},${lo},${hi},${from!.size === 8});`)
  }

const toInteger =
  (width: 's' | 'd', truncates: boolean): Form =>
  (emit, { operands: [to, from] }) => {
    const source = operandWord(emit, from)
    const isWide = to!.size === 8
    emit.mayStop()
    emit.line('floats.check();')
    const lo = emit.name(`floats.toInteger(${WIDTHS[width]},${source},${isWide},${truncates})`)
    emit.write(to, { lo, hi: isWide ? emit.name('floats.high()') : '0' })
  }

export const float: Readonly<Record<string, Form>> = {
  ...inShapes('add', 'add'),
  ...inShapes('subtract', 'sub'),
  ...inShapes('multiply', 'mul'),
  ...inShapes('divide', 'div'),
  ...inShapes('min', 'min'),
  ...inShapes('max', 'max'),
  ...inShapes('sqrt', 'sqrt'),
  ...controlled('compare', 'cmp', 7),
  ...controlled('round', 'round', 7),
  ...packed('addPairs', 'hadd'),
  ...packed('subtractPairs', 'hsub'),
  ...packed('addSubtract', 'addsub'),
  dpps: (emit, { operands }) => call(emit, 'dotProduct', '4', operands, control(emit, operands[2], 0xff)),
  dppd: (emit, { operands }) => call(emit, 'dotProduct', '8', operands, control(emit, operands[2], 0xff)),
  comiss: order('s'),
  comisd: order('d'),
  ucomiss: order('s'),
  ucomisd: order('d'),
  cvtss2sd: convert('widen', '1'),
  cvtps2pd: convert('widen', '2'),
  cvtsd2ss: convert('narrow', '1', ',false'),
  cvtpd2ps: convert('narrow', '2', ',true'),
  cvtdq2ps: convert('fromIntegers', '4,4'),
  cvtdq2pd: convert('fromIntegers', '8,2'),
  cvtps2dq: convert('toIntegers', '4,4', ',false'),
  cvttps2dq: convert('toIntegers', '4,4', ',true'),
  cvtpd2dq: convert('toIntegers', '8,2', ',false'),
  cvttpd2dq: convert('toIntegers', '8,2', ',true'),
  cvtsi2ss: fromInteger('s'),
  cvtsi2sd: fromInteger('d'),
  cvtss2si: toInteger('s', false),
  cvtsd2si: toInteger('d', false),
  cvttss2si: toInteger('s', true),
  cvttsd2si: toInteger('d', true),
}
