// add, sub, cmp, adc, sbb, inc, dec, neg, xadd, cmpxchg (Intel SDM vol. 2).
import type { DecodedInstruction } from '../decoder.ts'
import type { Value } from '../emit/conditions.ts'
import type { Emitter, Form } from '../emit/emitter.ts'

const ZERO: Value = { lo: '0', hi: '0' }
const ONE: Value = { lo: '1', hi: '0' }

function sum(emit: Emitter, size: number, a: Value, b: Value): Value {
  if (size < 8) return { lo: emit.cut(`${a.lo}+${b.lo}|0`, size), hi: '0' }
  const lo = emit.name(`${a.lo}+${b.lo}|0`)
  return { lo, hi: emit.name(`${a.hi}+${b.hi}+(${lo}>>>0<${a.lo}>>>0?1:0)|0`) }
}

export function difference(emit: Emitter, size: number, a: Value, b: Value): Value {
  if (size < 8) return { lo: emit.cut(`${a.lo}-${b.lo}|0`, size), hi: '0' }
  const lo = emit.name(`${a.lo}-${b.lo}|0`)
  return { lo, hi: emit.name(`${a.hi}-${b.hi}-(${a.lo}>>>0<${b.lo}>>>0?1:0)|0`) }
}

const twoOperands =
  (kind: 'add' | 'sub', isWritten: boolean): Form =>
  (emit, { operands: [to, from] }) => {
    const place = emit.place(to)
    const size = to!.size
    const right = emit.read(from)
    const left = place.read()
    const result = (kind === 'add' ? sum : difference)(emit, size, left, right)
    if (isWritten) place.write(result)
    emit.setFlags({ kind, isWide: size === 8, left, right, result })
  }

/** adc and sbb: the carry comes in twice, so the flags are worked out here. */
const withCarry =
  (kind: 'add' | 'sub'): Form =>
  (emit, { operands: [to, from] }) => {
    const place = emit.place(to)
    const size = to!.size
    const isWide = size === 8
    const right = emit.read(from)
    const left = place.read()
    const carryIn: Value = { lo: emit.name(`${emit.carry()}?1:0`), hi: '0' }
    const step = kind === 'add' ? sum : difference
    const half = step(emit, size, left, right)
    const result = step(emit, size, half, carryIn)
    place.write(result)
    const carryOut =
      kind === 'add'
        ? emit.name(`${isBelow(half, left, isWide)}||${isBelow(result, half, isWide)}`)
        : emit.name(`${isBelow(left, right, isWide)}||${isBelow(half, carryIn, isWide)}`)
    const [l, r, x] = isWide ? [left.hi, right.hi, result.hi] : [left.lo, right.lo, result.lo]
    const overflow = emit.name(kind === 'add' ? `((${l}^${x})&(${r}^${x}))<0` : `((${l}^${r})&(${l}^${x}))<0`)
    const adjust = emit.name(`((${left.lo}^${right.lo}^${result.lo})&16)!==0`)
    emit.setFlags({ kind: 'result', isWide, left, right, result, carry: carryOut, overflow, adjust })
  }

const isBelow = (a: Value, b: Value, isWide: boolean): string =>
  isWide
    ? `(${a.hi}>>>0<${b.hi}>>>0||${a.hi}===${b.hi}&&${a.lo}>>>0<${b.lo}>>>0)`
    : `(${a.lo}>>>0<${b.lo}>>>0)`

/** inc and dec leave the carry flag. */
const byOne =
  (kind: 'add' | 'sub'): Form =>
  (emit, { operands: [to] }) => {
    const place = emit.place(to)
    const size = to!.size
    const left = place.read()
    const result = (kind === 'add' ? sum : difference)(emit, size, left, ONE)
    place.write(result)
    const edge = kind === 'add' ? 2 ** (Math.min(size, 4) * 8 - 1) * -1 : 2 ** (Math.min(size, 4) * 8 - 1) - 1
    const overflow =
      size === 8
        ? `${result.hi}===(${edge})&&${result.lo}===${kind === 'add' ? '0' : '(-1)'}`
        : `${result.lo}===(${edge})`
    emit.setFlags({
      kind: 'result',
      isWide: size === 8,
      left,
      right: ONE,
      result,
      carry: emit.carry(),
      overflow: emit.name(overflow),
      adjust: emit.name(`(${result.lo}&15)===${kind === 'add' ? 0 : 15}`),
    })
  }

const negate: Form = (emit, { operands: [to] }) => {
  const place = emit.place(to)
  const right = place.read()
  const result = difference(emit, to!.size, ZERO, right)
  place.write(result)
  emit.setFlags({ kind: 'sub', isWide: to!.size === 8, left: ZERO, right, result })
}

const exchangeAndAdd: Form = (emit, { operands: [to, from] }) => {
  const place = emit.place(to)
  const right = emit.read(from)
  const left = place.read()
  const result = sum(emit, to!.size, left, right)
  if (to!.kind === 'memory') {
    place.write(result)
    emit.write(from, left)
  } else {
    emit.write(from, left)
    place.write(result)
  }
  emit.setFlags({ kind: 'add', isWide: to!.size === 8, left, right, result })
}

/** Memory is written in both cases (vol. 2, CMPXCHG); a register that was not equal stays, upper half too. */
const compareExchange: Form = (emit, { operands: [to, from] }: DecodedInstruction) => {
  const place = emit.place(to)
  const size = to!.size
  const isWide = size === 8
  const wanted = emit.read(from)
  const right = place.read()
  const left = emit.register(0, size)
  const result = difference(emit, size, left, right)
  const isEqual = emit.name(isWide ? `(${result.lo}|${result.hi})===0` : `${result.lo}===0`)
  const pick = (a: string, b: string): string => emit.name(`${isEqual}?${a}:${b}`)
  if (to!.kind === 'memory') {
    place.write({ lo: pick(wanted.lo, right.lo), hi: isWide ? pick(wanted.hi, right.hi) : '0' })
    emit.line(`if(!${isEqual}){`)
  } else {
    emit.line(`if(${isEqual}){`)
    place.write(wanted)
    emit.line('}else{')
  }
  emit.setRegister(0, size, right)
  emit.line('}')
  emit.setFlags({ kind: 'sub', isWide, left, right, result })
}

export const arithmetic: Readonly<Record<string, Form>> = {
  add: twoOperands('add', true),
  sub: twoOperands('sub', true),
  cmp: twoOperands('sub', false),
  adc: withCarry('add'),
  sbb: withCarry('sub'),
  inc: byOne('add'),
  dec: byOne('sub'),
  neg: negate,
  xadd: exchangeAndAdd,
  cmpxchg: compareExchange,
}
