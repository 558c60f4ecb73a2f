// Instructions on general registers that cpuid has bits for: MOVBE, CRC32, RDRAND, RDSEED, BMI1, BMI2 (Intel SDM vol. 2).
import type { Value } from '../emit/conditions.ts'
import type { Emitter, Form } from '../emit/emitter.ts'
import { Flag } from '../flags.ts'
import { difference } from './arithmetic.ts'
import { byteSwapped } from './moves.ts'

const ONE: Value = { lo: '1', hi: '0' }

const movbe: Form = (emit, { operands: [to, from] }) => {
  emit.write(to, byteSwapped(emit, emit.read(from), to!.size))
}

/** With the polynomial 0x11edc6f41, as iSCSI has it. */
const crc32: Form = (emit, { operands: [to, from] }) => {
  const value = emit.read(from)
  const old = emit.register((to as { index: number }).index, 4) // a general register
  const lo = emit.name(`system.crc32(${old.lo},${value.lo},${value.hi},${from!.size})`)
  emit.write(to, { lo, hi: '0' })
}

/** There always is a number. */
const random: Form = (emit, { operands: [to] }) => {
  const lo = emit.cut('system.random()', to!.size)
  emit.write(to, { lo, hi: to!.size === 8 ? emit.name('system.random()') : '0' })
  emit.line(`system.setArithmetic(${Flag.c});`)
  emit.flagsInState()
}

/** The flags of a logical result, with a carry of its own. */
function setLogic(emit: Emitter, size: number, result: Value, carry = 'false'): void {
  emit.setFlags({ kind: 'result', isWide: size === 8, left: result, right: result, result, carry })
}

const both = (emit: Emitter, size: number, combine: (half: 'lo' | 'hi') => string): Value => ({
  lo: emit.name(combine('lo')),
  hi: size === 8 ? emit.name(combine('hi')) : '0',
})

const andn: Form = (emit, { operands: [to, left, right] }) => {
  const [a, b] = [emit.read(left), emit.read(right)]
  const result = both(emit, to!.size, (half) => `~${a[half]}&${b[half]}`)
  emit.write(to, result)
  setLogic(emit, to!.size, result)
}

/** blsi, blsmsk, blsr: the operand against one less, or its negative. */
const lowest =
  (name: 'isolate' | 'mask' | 'reset'): Form =>
  (emit, { operands: [to, from] }) => {
    const size = to!.size
    const value = emit.read(from)
    const less = difference(emit, size, value, ONE)
    const result = both(emit, size, (half) =>
      name === 'isolate'
        ? `${value[half]}&~${less[half]}`
        : name === 'mask'
          ? `${value[half]}^${less[half]}`
          : `${value[half]}&${less[half]}`,
    )
    emit.write(to, result)
    const isZero = emit.name(size === 8 ? `(${value.lo}|${value.hi})===0` : `${value.lo}===0`)
    setLogic(emit, size, result, name === 'isolate' ? `!${isZero}` : isZero)
  }

/** From bit `start` on, `length` bits. */
const bextr: Form = (emit, { operands: [to, from, control] }) => {
  const size = to!.size
  const value = emit.read(from)
  const { lo } = emit.read(control)
  const start = emit.name(`${lo}&255`)
  const shifted = shiftBy(emit, 'shr', size, value, start)
  const result = lowBits(emit, size, shifted, emit.name(`${lo}>>>8&255`))
  emit.write(to, result)
  setLogic(emit, size, result)
}

const bzhi: Form = (emit, { operands: [to, from, count] }) => {
  const size = to!.size
  const value = emit.read(from)
  const bits = emit.name(`${emit.read(count).lo}&255`)
  const result = lowBits(emit, size, value, bits)
  emit.write(to, result)
  setLogic(emit, size, result, emit.name(`${bits}>${size * 8 - 1}`))
}

/** The lowest bits; all where there are that many. */
function lowBits(emit: Emitter, size: number, value: Value, bits: string): Value {
  const mask = (from: number): string =>
    `(${bits}>=${from + 32}?-1:${bits}<=${from}?0:(1<<(${bits}-${from}))-1)`
  return both(emit, size, (half) => `${value[half]}&${mask(half === 'lo' ? 0 : 32)}`)
}

/** By a count in a name; a shift of the width or more gives 0. */
function shiftBy(emit: Emitter, shift: 'shr', size: number, value: Value, count: string): Value {
  const lo = emit.name(`${count}<${size * 8}?shifts.${shift}(${size},${value.lo},${value.hi},${count}):0`)
  return { lo, hi: size === 8 ? emit.name(`${count}<64?shifts.high():0`) : '0' }
}

/** Without flags; counts are masked. */
const shiftWithoutFlags =
  (name: 'shl' | 'shr' | 'sar' | 'ror'): Form =>
  (emit, { operands: [to, from, by] }) => {
    const value = emit.read(from)
    const count = emit.read(by).lo
    const lo = emit.name(`shifts.${name}(${to!.size},${value.lo},${value.hi},${count})`)
    emit.write(to, { lo, hi: to!.size === 8 ? emit.name('shifts.high()') : '0' })
  }

/** rdx times the operand: low half first, so that the high half wins where both go to one register. */
const mulx: Form = (emit, { operands: [high, low, from] }) => {
  const size = high!.size
  const right = emit.read(from)
  const left = emit.register(2, size)
  const lo = emit.name(`multiply.unsigned(${size},${left.lo},${left.hi},${right.lo},${right.hi})`)
  const [a, b, c] = [1, 2, 3].map((word) => emit.name(`multiply.word(${word})`)) as [string, string, string] // three
  emit.write(low, { lo, hi: size === 8 ? a : '0' })
  emit.write(high, { lo: b, hi: size === 8 ? c : '0' })
}

const scatter =
  (name: 'deposit' | 'extract'): Form =>
  (emit, { operands: [to, from, mask] }) => {
    const value = emit.read(from)
    const bits = emit.read(mask)
    const lo = emit.name(`shifts.${name}(${value.lo},${value.hi},${bits.lo},${bits.hi})`)
    emit.write(to, { lo, hi: to!.size === 8 ? emit.name('shifts.high()') : '0' })
  }

export const extensions: Readonly<Record<string, Form>> = {
  movbe,
  crc32,
  rdrand: random,
  rdseed: random,
  andn,
  blsi: lowest('isolate'),
  blsmsk: lowest('mask'),
  blsr: lowest('reset'),
  bextr,
  bzhi,
  shlx: shiftWithoutFlags('shl'),
  shrx: shiftWithoutFlags('shr'),
  sarx: shiftWithoutFlags('sar'),
  rorx: shiftWithoutFlags('ror'),
  mulx,
  pdep: scatter('deposit'),
  pext: scatter('extract'),
}
