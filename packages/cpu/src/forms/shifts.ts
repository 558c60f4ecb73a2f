// shl, shr, sar, rol, ror, rcl, rcr, shld, shrd. Counts are masked to 5 bits (6 with 64-bit operands); a masked count of
// 0 leaves the flags. Where vol. 2 leaves OF undefined (counts above 1) it is what QEMU's translator computes.
import type { ImmediateOperand } from '../decoder.ts'
import type { Value } from '../emit/conditions.ts'
import type { Emitter, Form } from '../emit/emitter.ts'

type Shift = 'shl' | 'shr' | 'sar'

/** By a constant: source text without calls. */
function shiftByConstant(emit: Emitter, shift: Shift, size: number, value: Value, count: number): Value {
  const { lo, hi } = value
  if (size === 8) return shiftWide(emit, shift, value, count)
  if (shift === 'shl') return { lo: emit.cut(`${lo}<<${count}`, size), hi: '0' }
  if (shift === 'sar') return { lo: emit.name(`${lo}>>${count}`), hi }
  return { lo: emit.cut(`(${unsigned(lo, size)})>>>${count}|0`, size), hi: '0' }
}

const unsigned = (lo: string, size: number): string => (size === 4 ? lo : `${lo}&${2 ** (size * 8) - 1}`)

function shiftWide(emit: Emitter, shift: Shift, { lo, hi }: Value, count: number): Value {
  if (shift === 'shl') {
    if (count >= 32) return { lo: '0', hi: emit.name(`${lo}<<${count - 32}`) }
    return { lo: emit.name(`${lo}<<${count}`), hi: emit.name(`${hi}<<${count}|${lo}>>>${32 - count}`) }
  }
  const operator = shift === 'sar' ? '>>' : '>>>'
  const rest = (text: string): string => emit.name(`${text}|0`)
  if (count >= 32) {
    return { lo: rest(`${hi}${operator}${count - 32}`), hi: shift === 'sar' ? emit.name(`${hi}>>31`) : '0' }
  }
  return { lo: emit.name(`${lo}>>>${count}|${hi}<<${32 - count}`), hi: rest(`${hi}${operator}${count}`) }
}

/** The last bit shifted out. */
function lastBit(shift: Shift, size: number, { lo, hi }: Value, count: number): string {
  const bits = size * 8
  if (shift === 'shl') {
    if (count > bits) return 'false'
    const bit = bits - count
    return bit < 32 ? `(${lo}>>>${bit}&1)!==0` : `(${hi}>>>${bit - 32}&1)!==0`
  }
  if (count > 32) return `(${hi}>>>${count - 33}&1)!==0`
  if (shift === 'shr' && count > bits) return 'false'
  return `(${lo}>>>${count - 1}&1)!==0`
}

const shiftForm =
  (shift: Shift): Form =>
  (emit, decoded) => {
    const [to, by] = decoded.operands
    const size = to!.size
    if (by?.kind !== 'immediate') {
      byHelper(shift)(emit, decoded)
      return
    }
    const place = emit.place(to)
    const value = place.read()
    const count = by.lo & (size === 8 ? 63 : 31)
    if (count === 0) {
      place.write(value)
      return
    }
    const result = shiftByConstant(emit, shift, size, value, count)
    place.write(result)
    const carry = emit.name(lastBit(shift, size, value, count))
    const top = size === 8 ? 'hi' : 'lo'
    const overflow =
      shift === 'shl'
        ? emit.name(`${result[top]}<0!==${carry}`)
        : shift === 'shr' && count === 1
          ? emit.name(`${value[top]}<0`)
          : 'false'
    emit.setFlags({ kind: 'result', isWide: size === 8, left: value, right: value, result, carry, overflow })
  }

type Helper = Shift | 'rol' | 'ror' | 'rcl' | 'rcr'

/** The count is not known here, or the flags are not worth inlining: shift-unit.ts. */
const byHelper =
  (name: Helper): Form =>
  (emit, { operands: [to, by] }) => {
    const place = emit.place(to)
    const value = place.read()
    const count = by === undefined ? '1' : emit.read(by).lo
    const lo = emit.name(`shifts.${name}(${to!.size},${value.lo},${value.hi},${count})`)
    writeAndKeep(emit, place, lo)
  }

function writeAndKeep(emit: Emitter, place: ReturnType<Emitter['place']>, lo: string): void {
  place.write({ lo, hi: emit.name('shifts.high()') })
  emit.line('shifts.keepFlags();')
  emit.flagsInState()
}

const double =
  (name: 'shld' | 'shrd'): Form =>
  (emit, { operands: [to, from, by] }) => {
    const place = emit.place(to)
    const source = emit.read(from)
    const value = place.read()
    const count = emit.read(by as ImmediateOperand).lo // or cl: read() takes both
    const values = `${value.lo},${value.hi},${source.lo},${source.hi},${count}`
    writeAndKeep(emit, place, emit.name(`shifts.${name}(${to!.size},${values})`))
  }

export const shifts: Readonly<Record<string, Form>> = {
  shl: shiftForm('shl'),
  sal: shiftForm('shl'),
  shr: shiftForm('shr'),
  sar: shiftForm('sar'),
  rol: byHelper('rol'),
  ror: byHelper('ror'),
  rcl: byHelper('rcl'),
  rcr: byHelper('rcr'),
  shld: double('shld'),
  shrd: double('shrd'),
}
