// bt, bts, btr, btc, bsf, bsr, tzcnt, lzcnt, popcnt. Flags that vol. 2 leaves undefined stay as they were. bsf and bsr of
// 0 leave their destination, as processors do and vol. 2 documents since 2023.
import type { Value } from '../emit/conditions.ts'
import type { Emitter, Form, Place } from '../emit/emitter.ts'
import { Flag } from '../flags.ts'

type BitForm = 'test' | 'set' | 'reset' | 'complement'

const EXPRESSIONS: Readonly<Record<Exclude<BitForm, 'test'>, (word: string, mask: string) => string>> = {
  set: (word, mask) => `${word}|${mask}`,
  reset: (word, mask) => `${word}&~${mask}`,
  complement: (word, mask) => `${word}^${mask}`,
}

const bitForm =
  (form: BitForm): Form =>
  (emit, { operands: [to, by] }) => {
    const size = to!.size
    const index = emit.read(by)
    const last = size * 8 - 1
    // with a register as index, memory is a string of bits: the index reaches beyond the operand
    let place: Place
    if (to?.kind === 'memory' && by?.kind !== 'immediate') {
      if (to.addressSize === 4) emit.refuse() // the sum would be cut to 32 bits: no compiler emits it
      const address = emit.add64(emit.address(to), bytesBefore(emit, index, size))
      place = { read: () => emit.load(size, address), write: (value) => emit.store(size, address, value) }
    } else place = emit.place(to)
    const value = place.read()
    const bit = emit.name(`${index.lo}&${last}`)
    const word = size === 8 ? emit.name(`${bit}<32?${value.lo}:${value.hi}`) : value.lo
    const carry = emit.name(`${word}>>>(${bit}&31)&1`)
    if (form !== 'test') place.write(changed(emit, form, value, bit, size))
    emit.setCarry(`${carry}!==0`)
  }

function changed(
  emit: Emitter,
  form: Exclude<BitForm, 'test'>,
  value: Value,
  bit: string,
  size: number,
): Value {
  const expression = EXPRESSIONS[form]
  if (size < 8) return { lo: emit.name(expression(value.lo, `(1<<${bit})`)), hi: '0' }
  const low = emit.name(`${bit}<32?1<<${bit}:0`)
  const high = emit.name(`${bit}<32?0:1<<(${bit}-32)`)
  return { lo: emit.name(expression(value.lo, low)), hi: emit.name(expression(value.hi, high)) }
}

/** The signed index in whole operands, as bytes. */
function bytesBefore(emit: Emitter, index: Value, size: number): Value {
  if (size < 8) {
    const lo = emit.name(`${index.lo}>>${size === 4 ? 5 : 4}<<${size === 4 ? 2 : 1}`)
    return { lo, hi: emit.name(`${lo}>>31`) }
  }
  return { lo: emit.name(`(${index.lo}>>>3|${index.hi}<<29)&-8`), hi: emit.name(`${index.hi}>>3`) }
}

/** `0` where the value is 0. */
const isZero = ({ lo, hi }: Value, size: number): string => (size === 8 ? `(${lo}|${hi})===0` : `${lo}===0`)
const lowest = (word: string): string => `31-Math.clz32(${word}&-${word})`

function trailing(emit: Emitter, { lo, hi }: Value, size: number): string {
  return emit.name(size === 8 ? `${lo}!==0?${lowest(lo)}:32+${lowest(hi)}` : lowest(lo))
}

/** Number of the highest bit that is set. */
function highest(emit: Emitter, { lo, hi }: Value, size: number): string {
  if (size === 8) return emit.name(`${hi}!==0?63-Math.clz32(${hi}):31-Math.clz32(${lo})`)
  return emit.name(`31-Math.clz32(${size === 2 ? `${lo}&65535` : lo})`)
}

const scan =
  (find: typeof trailing): Form =>
  (emit, { operands: [to, from] }) => {
    const value = emit.read(from)
    const old = emit.read(to)
    const zero = emit.name(isZero(value, from!.size))
    const found = find(emit, value, from!.size)
    emit.write(to, {
      lo: emit.name(`${zero}?${old.lo}:${found}`),
      hi: emit.name(`${zero}?${old.hi}:0`),
    })
    emit.line(`system.setZero(${zero}?1:0);`)
    emit.flagsInState()
  }

/** tzcnt and lzcnt: the operand's bits for 0, with carry set. */
const count =
  (leading: boolean): Form =>
  (emit, { operands: [to, from] }) => {
    const size = from!.size
    const bits = size * 8
    const value = emit.read(from)
    const zero = emit.name(isZero(value, size))
    const found = leading ? `${bits - 1}-${highest(emit, value, size)}` : trailing(emit, value, size)
    const lo = emit.name(`${zero}?${bits}:${found}`)
    emit.write(to, { lo, hi: '0' })
    emit.setFlags({
      kind: 'result',
      isWide: false,
      left: value,
      right: value,
      result: { lo, hi: '0' },
      carry: zero,
    })
  }

const popcnt: Form = (emit, { operands: [to, from] }) => {
  const value = emit.read(from)
  const words =
    from!.size === 8 ? `${value.lo},${value.hi}` : `${from!.size === 2 ? `${value.lo}&65535` : value.lo},0`
  const lo = emit.name(`system.ones(${words})`)
  emit.write(to, { lo, hi: '0' })
  // only ZF may be set (vol. 2, POPCNT)
  emit.line(`system.setArithmetic(${lo}===0?${Flag.z}:0);`)
  emit.flagsInState()
}

export const bits: Readonly<Record<string, Form>> = {
  bt: bitForm('test'),
  bts: bitForm('set'),
  btr: bitForm('reset'),
  btc: bitForm('complement'),
  bsf: scan(trailing),
  bsr: scan(highest),
  tzcnt: count(false),
  lzcnt: count(true),
  popcnt,
}
