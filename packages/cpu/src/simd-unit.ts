// What SSE2 does to the bytes and 16-bit words of an xmm register (Intel SDM vol. 2). Operands are given by the first
// of their four words in the state; the destination is the left operand, the source may be the same register.
import type { State } from './state.ts'

export type SimdUnit = ReturnType<typeof createSimdUnit>

type Lanes = Int8Array | Uint8Array | Int16Array | Uint16Array

const between = (value: number, low: number, high: number): number =>
  value < low ? low : value > high ? high : value

const lanewise = (lanes: Lanes, combine: (left: number, right: number) => number) => {
  const perWord = 4 / lanes.BYTES_PER_ELEMENT
  const count = perWord * 4
  return (to: number, from: number): void => {
    const left = to * perWord
    const right = from * perWord
    for (let i = 0; i < count; i++) lanes[left + i] = combine(lanes[left + i]!, lanes[right + i]!)
  }
}

/** Interleaves the lower or upper halves; the result is put together apart, since operands may be one register. */
const unpack = (bytes: Uint8Array, laneBytes: 1 | 2, half: 0 | 1) => {
  const copy = new Uint8Array(16)
  return (to: number, from: number): void => {
    const left = to * 4 + half * 8
    const right = from * 4 + half * 8
    for (let i = 0; i < 8; i += laneBytes) {
      for (let k = 0; k < laneBytes; k++) {
        copy[i * 2 + k] = bytes[left + i + k]!
        copy[i * 2 + laneBytes + k] = bytes[right + i + k]!
      }
    }
    bytes.set(copy, to * 4)
  }
}

const pack = (lanes: Int16Array | Int32Array, into: Lanes, low: number, high: number) => {
  const perWord = 4 / lanes.BYTES_PER_ELEMENT
  const count = perWord * 4
  const packed = new Float64Array(count * 2)
  return (to: number, from: number): void => {
    for (let i = 0; i < count; i++) {
      packed[i] = between(lanes[to * perWord + i]!, low, high)
      packed[count + i] = between(lanes[from * perWord + i]!, low, high)
    }
    for (let i = 0; i < count * 2; i++) into[to * perWord * 2 + i] = packed[i]!
  }
}

/** Each lane by the same count; from `width` on the result is that of a shift by `beyond`, or 0. */
const shiftLanes = (
  lanes: Int16Array | Uint16Array | Int32Array,
  width: 16 | 32,
  change: (value: number, count: number) => number,
  isArithmetic = false,
) => {
  const perWord = 32 / width
  return (to: number, count: number): void => {
    const isEmptied = count >= width && !isArithmetic
    const by = count >= width ? width - 1 : count
    for (let i = to * perWord; i < (to + 4) * perWord; i++) lanes[i] = isEmptied ? 0 : change(lanes[i]!, by)
  }
}

function shiftQuadsLeft(words: Int32Array, to: number, count: number): void {
  for (let at = to; at < to + 4; at += 2) {
    const lo = words[at]!
    if (count >= 64) words[at + 1] = 0
    else if (count >= 32) words[at + 1] = lo << (count - 32)
    else if (count > 0) words[at + 1] = (words[at + 1]! << count) | (lo >>> (32 - count))
    words[at] = count >= 32 ? 0 : lo << count
  }
}

function shiftQuadsRight(words: Int32Array, to: number, count: number): void {
  for (let at = to; at < to + 4; at += 2) {
    const hi = words[at + 1]!
    if (count >= 64) words[at] = 0
    else if (count >= 32) words[at] = hi >>> (count - 32)
    else if (count > 0) words[at] = (words[at]! >>> count) | (hi << (32 - count))
    words[at + 1] = count >= 32 ? 0 : hi >>> count
  }
}

function multiplyLow(words: Int32Array, to: number, from: number): void {
  for (const lane of [0, 2]) {
    const left = words[to + lane]! >>> 0
    const right = words[from + lane]! >>> 0
    // by 16-bit parts: a product of two words does not fit a double
    const low = (left & 0xffff) * right
    const high = (left >>> 16) * right
    const sum = low + (high % 65536) * 65536
    words[to + lane] = (sum % 2 ** 32) | 0
    words[to + lane + 1] = Math.floor(high / 65536) + Math.floor(sum / 2 ** 32)
  }
}

function multiplyAdd(words: Int32Array, int16: Int16Array, to: number, from: number): void {
  for (let lane = 0; lane < 4; lane++) {
    const left = (to + lane) * 2
    const right = (from + lane) * 2
    words[to + lane] = int16[left]! * int16[right]! + int16[left + 1]! * int16[right + 1]!
  }
}

function sumOfDifferences({ words, bytes }: State, to: number, from: number): void {
  for (const half of [0, 8]) {
    let sum = 0
    for (let i = half; i < half + 8; i++) sum += Math.abs(bytes[to * 4 + i]! - bytes[from * 4 + i]!)
    words[to + half / 4] = sum
    words[to + half / 4 + 1] = 0
  }
}

function signBits(bytes: Uint8Array, word: number): number {
  let bits = 0
  for (let i = 0; i < 16; i++) bits |= (bytes[word * 4 + i]! >>> 7) << i
  return bits
}

const add = (left: number, right: number): number => left + right
const subtract = (left: number, right: number): number => left - right
const isEqual = (left: number, right: number): number => (left === right ? -1 : 0)
const isGreater = (left: number, right: number): number => (left > right ? -1 : 0)
const average = (left: number, right: number): number => (left + right + 1) >> 1
const shiftLeft = (value: number, count: number): number => value << count
const shiftRight = (value: number, count: number): number => value >>> count
const shiftSigned = (value: number, count: number): number => value >> count

/** By mnemonic: the destination's word, and the source's or a count from 0 to 255. */
export function createSimdUnit(state: State) {
  const { words, bytes } = state
  const int8 = new Int8Array(words.buffer)
  const int16 = new Int16Array(words.buffer)
  const uint16 = new Uint16Array(words.buffer)
  return {
    paddb: lanewise(int8, add),
    paddw: lanewise(int16, add),
    psubb: lanewise(int8, subtract),
    psubw: lanewise(int16, subtract),
    paddsb: lanewise(int8, (left, right) => between(left + right, -128, 127)),
    paddsw: lanewise(int16, (left, right) => between(left + right, -32768, 32767)),
    paddusb: lanewise(bytes, (left, right) => between(left + right, 0, 255)),
    paddusw: lanewise(uint16, (left, right) => between(left + right, 0, 65535)),
    psubsb: lanewise(int8, (left, right) => between(left - right, -128, 127)),
    psubsw: lanewise(int16, (left, right) => between(left - right, -32768, 32767)),
    psubusb: lanewise(bytes, (left, right) => between(left - right, 0, 255)),
    psubusw: lanewise(uint16, (left, right) => between(left - right, 0, 65535)),
    pcmpeqb: lanewise(int8, isEqual),
    pcmpeqw: lanewise(int16, isEqual),
    pcmpgtb: lanewise(int8, isGreater),
    pcmpgtw: lanewise(int16, isGreater),
    pminub: lanewise(bytes, Math.min),
    pmaxub: lanewise(bytes, Math.max),
    pminsw: lanewise(int16, Math.min),
    pmaxsw: lanewise(int16, Math.max),
    pavgb: lanewise(bytes, average),
    pavgw: lanewise(uint16, average),
    psadbw: (to: number, from: number) => sumOfDifferences(state, to, from),
    pmuludq: (to: number, from: number) => multiplyLow(words, to, from),
    pmullw: lanewise(int16, Math.imul),
    pmulhw: lanewise(int16, (left, right) => (left * right) >> 16),
    pmulhuw: lanewise(uint16, (left, right) => (left * right) >>> 16),
    pmaddwd: (to: number, from: number) => multiplyAdd(words, int16, to, from),
    packsswb: pack(int16, int8, -128, 127),
    packssdw: pack(words, int16, -32768, 32767),
    packuswb: pack(int16, bytes, 0, 255),
    punpcklbw: unpack(bytes, 1, 0),
    punpcklwd: unpack(bytes, 2, 0),
    punpckhbw: unpack(bytes, 1, 1),
    punpckhwd: unpack(bytes, 2, 1),
    psllw: shiftLanes(int16, 16, shiftLeft),
    pslld: shiftLanes(words, 32, shiftLeft),
    psllq: (to: number, count: number) => shiftQuadsLeft(words, to, count),
    psrlw: shiftLanes(uint16, 16, shiftRight),
    psrld: shiftLanes(words, 32, shiftRight),
    psrlq: (to: number, count: number) => shiftQuadsRight(words, to, count),
    psraw: shiftLanes(int16, 16, shiftSigned, true),
    psrad: shiftLanes(words, 32, shiftSigned, true),
    pslldq(to: number, count: number) {
      const by = Math.min(count, 16)
      bytes.copyWithin(to * 4 + by, to * 4, to * 4 + 16 - by)
      bytes.fill(0, to * 4, to * 4 + by)
    },
    psrldq(to: number, count: number) {
      const by = Math.min(count, 16)
      bytes.copyWithin(to * 4, to * 4 + by, to * 4 + 16)
      bytes.fill(0, to * 4 + 16 - by, to * 4 + 16)
    },
    signBits: (word: number) => signBits(bytes, word),
  }
}
