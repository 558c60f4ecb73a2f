// sscanf and sscanf_s as the C run time of the Windows kernel has them: the conversions of whole numbers, text and sets that Microsoft documents
// under "scanf type field characters". With _s each text is followed by the size of its buffer. Floating point is not modelled.
import { type Gva, gva } from '@dumpstack/bytes'
import { NotJudged } from '../../guest-fault.ts'
import type { CallFrame } from '../call-frame.ts'
import { type ExportFamily, exported } from './export.ts'

const EOF = 0xffff_ffffn
const CONVERSION = /%(\*?)(\d*)(hh|h|ll|l|I64|I32|w|z|L)?([diuxXopncs]|\[\^?\]?[^\]]*\])/y
/** Of the arguments that a call may have: each takes a slot of its stack. */
const MAX_CONVERSIONS = 64
/** In instructions: what a conversion takes of the host. */
const CONVERSION_WORK = 40
const BASES: Readonly<Record<string, number>> = { d: 10, u: 10, x: 16, X: 16, p: 16, o: 8 }
const BYTES_OF_SIZE: Readonly<Record<string, number>> = { hh: 1, h: 2, l: 4, I32: 4, ll: 8, I64: 8, z: 8 }

export const SCAN_EXPORTS: ExportFamily = {
  // (*Text, *Format, ...)
  sscanf: exported(6, (call) => scan(call, false)),
  sscanf_s: exported(6, (call) => scan(call, true)),
}

function scan(call: CallFrame, hasSizes: boolean): bigint {
  const { memory } = call
  const text = memory.string(call.va(0))
  const format = memory.string(call.va(1))
  let argument = 2
  let stored = 0
  let at = 0
  const skipBlanks = (): void => {
    while (/\s/.test(text[at] ?? '')) at++
  }
  for (let place = 0, count = 0; place < format.length; ) {
    const character = format[place]!
    if (/\s/.test(character)) {
      skipBlanks()
      place++
      continue
    }
    CONVERSION.lastIndex = place
    const found = character === '%' ? CONVERSION.exec(format) : null
    if (found === null) {
      if (character === '%' && format[place + 1] === '%') place++
      else if (character === '%') notModelled(call, format.slice(place, place + 8))
      if (text[at] !== format[place]) return answer(stored, at, text)
      at++
      place++
      continue
    }
    if (++count > MAX_CONVERSIONS) notModelled(call, 'more than 64 conversions')
    call.charge(CONVERSION_WORK)
    place += found[0].length
    const [, star, digits, size = '', type = ''] = found
    const width = digits === '' ? Number.MAX_SAFE_INTEGER : Number(digits)
    if (type === 'n') {
      if (star === '') memory.setU32(call.va(argument++), at)
      continue
    }
    const isText = type === 'c' || type === 's' || type.startsWith('[')
    if (type !== 'c' && !type.startsWith('[')) skipBlanks()
    const taken = isText ? takeText(text, at, type, width) : takeNumber(text, at, type, width)
    if (taken === null) return answer(stored, at, text)
    at += taken.length
    if (star !== '') continue
    const to = call.va(argument++)
    if (isText) {
      const room = hasSizes ? call.u32(argument++) : Number.MAX_SAFE_INTEGER
      const bytes = textBytes(taken, type === 'c')
      if (bytes.byteLength > room) {
        if (room > 0) memory.setU8(to, 0)
        return BigInt(stored)
      }
      memory.write(to, bytes)
    } else storeNumber(call, to, taken, type, type === 'p' ? 8 : (BYTES_OF_SIZE[size] ?? 4))
    stored++
  }
  return BigInt(stored)
}

const answer = (stored: number, at: number, text: string): bigint =>
  stored === 0 && at >= text.length ? EOF : BigInt(stored)

/** Null where nothing matches. */
function takeText(text: string, at: number, type: string, width: number): string | null {
  if (type === 'c') {
    const length = width === Number.MAX_SAFE_INTEGER ? 1 : width
    return at + length > text.length ? null : text.slice(at, at + length)
  }
  const isIn = type === 's' ? (one: string) => !/\s/.test(one) : setOf(type)
  let end = at
  while (end < text.length && end - at < width && isIn(text[end]!)) end++
  return end === at ? null : text.slice(at, end)
}

/** The characters of `[a-z]` or `[^a-z]`. */
function setOf(type: string): (one: string) => boolean {
  const isNegated = type[1] === '^'
  const body = type.slice(isNegated ? 2 : 1, -1)
  const members = new Set<number>()
  for (let i = 0; i < body.length; i++) {
    const first = body.charCodeAt(i)
    const isRange = body[i + 1] === '-' && i + 2 < body.length
    const last = isRange ? body.charCodeAt(i + 2) : first
    for (let code = first; code <= last && code <= 0xff; code++) members.add(code)
    if (isRange) i += 2
  }
  return (one) => members.has(one.charCodeAt(0)) !== isNegated
}

function takeNumber(text: string, at: number, type: string, width: number): string | null {
  const rest = text.slice(at, at + Math.min(width, 64))
  const base = baseOf(rest, type)
  const shape = { 8: /^[+-]?[0-7]+/, 10: /^[+-]?\d+/, 16: /^[+-]?(?:0[xX](?=[\da-fA-F]))?[\da-fA-F]+/ }[base]
  return shape?.exec(rest)?.[0] ?? null
}

/** %i takes what a constant of C says. */
function baseOf(rest: string, type: string): 8 | 10 | 16 {
  if (type === 'i') return /^[+-]?0[xX]/.test(rest) ? 16 : /^[+-]?0/.test(rest) ? 8 : 10
  return (BASES[type] ?? 10) as 8 | 10 | 16 // all that the table has
}

function storeNumber({ memory }: CallFrame, to: Gva, taken: string, type: string, byteLength: number): void {
  const base = baseOf(taken, type)
  const digits = taken.replace(/^[+-]/, '').replace(base === 16 ? /^0[xX]/ : /^$/, '')
  const magnitude = BigInt(base === 16 ? `0x${digits}` : base === 8 ? `0o${digits}` : digits)
  const value = BigInt.asUintN(64, taken.startsWith('-') ? -magnitude : magnitude)
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value, true)
  memory.write(gva(to), bytes.subarray(0, byteLength))
}

function textBytes(text: string, isCharacters: boolean): Uint8Array {
  const bytes = new Uint8Array(text.length + (isCharacters ? 0 : 1))
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

function notModelled(call: CallFrame, what: string): never {
  const { baseName } = call.instance.image
  const message = `${call.returnPlace} called sscanf with ${what}, which is not modelled`
  throw new NotJudged('UNKNOWN_IMPORT', message, { driver: baseName })
}
