// What SSE3 to SSE4.1 add for integers in xmm registers (Intel SDM vol. 2). Operands are given by the first of their four
// words in the state, as in simd-unit.ts; both are copied first, since they may be one register.
import { type State, Word } from './state.ts'

/** Sixteen bytes, seen in every width. */
class Lanes {
  readonly int32 = new Int32Array(4)
  readonly uint32 = new Uint32Array(this.int32.buffer)
  readonly int16 = new Int16Array(this.int32.buffer)
  readonly uint16 = new Uint16Array(this.int32.buffer)
  readonly int8 = new Int8Array(this.int32.buffer)
  readonly uint8 = new Uint8Array(this.int32.buffer)
}
type Width = keyof Lanes

/** Copies of both operands, and the result before it is put in place. */
class Operands {
  readonly left = new Lanes()
  readonly right = new Lanes()
  readonly result = new Lanes()
  readonly words: Int32Array

  constructor(words: Int32Array) {
    this.words = words
  }

  take(to: number, from: number): void {
    for (let i = 0; i < 4; i++) {
      this.left.int32[i] = this.words[to + i]!
      this.right.int32[i] = this.words[from + i]!
    }
  }

  put(to: number): void {
    this.words.set(this.result.int32, to)
  }
}

type Binary = (to: number, from: number) => void

export type Sse4Unit = ReturnType<typeof createSse4Unit>

const saturated = (value: number): number => Math.max(-32768, Math.min(32767, value))
const add = (left: number, right: number): number => left + right
const subtract = (left: number, right: number): number => left - right
const sign = (left: number, right: number): number => (right < 0 ? -left : right === 0 ? 0 : left)

const absolute = (_: number, value: number): number => Math.abs(value)

const lanewise = (op: Operands, width: Width, combine: (left: number, right: number) => number): Binary => {
  const [a, b, into] = [op.left[width], op.right[width], op.result[width]]
  return (to, from) => {
    op.take(to, from)
    for (let i = 0; i < into.length; i++) into[i] = combine(a[i]!, b[i]!)
    op.put(to)
  }
}

/** Neighbours: those of the destination become the lower half. */
const pairwise = (
  op: Operands,
  from: readonly [Width, Width],
  into: Width,
  combine: (first: number, second: number) => number,
): Binary => {
  const [a, b, sums] = [op.left[from[0]], op.right[from[1]], op.result[into]]
  const half = sums.length / 2
  return (to, source) => {
    op.take(to, source)
    for (let i = 0; i < half; i++) {
      sums[i] = combine(a[i * 2]!, a[i * 2 + 1]!)
      sums[half + i] = combine(b[i * 2]!, b[i * 2 + 1]!)
    }
    op.put(to)
  }
}
const horizontal = (op: Operands, width: Width, combine: (first: number, second: number) => number): Binary =>
  pairwise(op, [width, width], width, combine)

const widen = (op: Operands, from: Width, into: Width): Binary => {
  const [narrow, wide] = [op.right[from], op.result[into]]
  return (to, source) => {
    op.take(to, source)
    for (let i = 0; i < wide.length; i++) wide[i] = narrow[i]!
    op.put(to)
  }
}
const widenToQuads = (op: Operands, from: Width): Binary => {
  const narrow = op.right[from]
  return (to, source) => {
    op.take(to, source)
    for (let i = 0; i < 2; i++) {
      op.result.int32[i * 2] = narrow[i]!
      op.result.int32[i * 2 + 1] = narrow[i]! < 0 ? -1 : 0
    }
    op.put(to)
  }
}

/** Quadwords: all ones where it holds. */
const compareQuads = (op: Operands, holds: (at: number) => boolean): Binary => {
  return (to, from) => {
    op.take(to, from)
    for (const at of [0, 2]) op.result.int32.fill(holds(at) ? -1 : 0, at, at + 2)
    op.put(to)
  }
}

/** Lanes of so many bytes, from the source where the mask in xmm0 has its top bit. */
const blend = (op: Operands, laneBytes: 1 | 4 | 8): Binary => {
  return (to, from) => {
    op.take(to, from)
    for (let i = 0; i < 16; i++) {
      const top = i - (i % laneBytes) + laneBytes - 1
      const mask = op.words[Word.xmm + (top >> 2)]! >>> ((top & 3) * 8 + 7)
      op.result.uint8[i] = ((mask & 1) === 0 ? op.left : op.right).uint8[i]!
    }
    op.put(to)
  }
}

function multiplyAdd(op: Operands, to: number, from: number): void {
  op.take(to, from)
  for (let i = 0; i < 8; i++) {
    const first = op.left.uint8[i * 2]! * op.right.int8[i * 2]!
    op.result.int16[i] = saturated(first + op.left.uint8[i * 2 + 1]! * op.right.int8[i * 2 + 1]!)
  }
  op.put(to)
}

/** Signed products of 32 bits by 16-bit parts: 64 bits do not fit a double. */
function multiplyQuads(op: Operands, to: number, from: number): void {
  op.take(to, from)
  for (const at of [0, 2]) {
    const a = op.left.int32[at]!
    const b = op.right.int32[at]!
    const middle = (a >> 16) * (b & 0xffff) + (((a & 0xffff) * (b & 0xffff)) >>> 16)
    const other = (a & 0xffff) * (b >> 16) + (middle & 0xffff)
    op.result.int32[at] = Math.imul(a, b)
    op.result.int32[at + 1] = (a >> 16) * (b >> 16) + Math.floor(middle / 65536) + Math.floor(other / 65536)
  }
  op.put(to)
}

function pack(op: Operands, to: number, from: number): void {
  op.take(to, from)
  for (let i = 0; i < 8; i++) {
    const value = i < 4 ? op.left.int32[i]! : op.right.int32[i - 4]!
    op.result.uint16[i] = Math.max(0, Math.min(65535, value))
  }
  op.put(to)
}

function shuffle(op: Operands, to: number, from: number): void {
  op.take(to, from)
  for (let i = 0; i < 16; i++) {
    const control = op.right.uint8[i]!
    op.result.uint8[i] = (control & 0x80) === 0 ? op.left.uint8[control & 15]! : 0
  }
  op.put(to)
}

function smallest(op: Operands, to: number, from: number): void {
  op.take(to, from)
  let at = 0
  for (let i = 1; i < 8; i++) if (op.right.uint16[i]! < op.right.uint16[at]!) at = i
  op.result.int32.fill(0)
  op.result.uint16[0] = op.right.uint16[at]!
  op.result.uint16[1] = at
  op.put(to)
}

/** The source below the destination, from byte `control` on. */
function align(op: Operands, to: number, from: number, control: number): void {
  op.take(to, from)
  for (let i = 0; i < 16; i++) {
    const at = i + control
    op.result.uint8[i] = at < 16 ? op.right.uint8[at]! : at < 32 ? op.left.uint8[at - 16]! : 0
  }
  op.put(to)
}

function blendWords(op: Operands, to: number, from: number, control: number): void {
  op.take(to, from)
  for (let i = 0; i < 8; i++)
    op.result.uint16[i] = (((control >> i) & 1) === 0 ? op.left : op.right).uint16[i]!
  op.put(to)
}

function sumsOfDifferences(op: Operands, to: number, from: number, control: number): void {
  op.take(to, from)
  const [a, b] = [(control & 4) === 0 ? 0 : 4, (control & 3) * 4]
  for (let i = 0; i < 8; i++) {
    let sum = 0
    for (let k = 0; k < 4; k++) sum += Math.abs(op.left.uint8[a + i + k]! - op.right.uint8[b + k]!)
    op.result.uint16[i] = sum
  }
  op.put(to)
}

/** By mnemonic: the destination's word, the source's, and an immediate where there is one. */
export function createSse4Unit({ words }: State) {
  const op = new Operands(words)
  return {
    pshufb: (to: number, from: number) => shuffle(op, to, from),
    pabsb: lanewise(op, 'int8', absolute),
    pabsw: lanewise(op, 'int16', absolute),
    pabsd: lanewise(op, 'int32', absolute),
    psignb: lanewise(op, 'int8', sign),
    psignw: lanewise(op, 'int16', sign),
    psignd: lanewise(op, 'int32', sign),
    phaddw: horizontal(op, 'int16', add),
    phaddd: horizontal(op, 'int32', add),
    phaddsw: horizontal(op, 'int16', (first, second) => saturated(first + second)),
    phsubw: horizontal(op, 'int16', subtract),
    phsubd: horizontal(op, 'int32', subtract),
    phsubsw: horizontal(op, 'int16', (first, second) => saturated(first - second)),
    pmaddubsw: (to: number, from: number) => multiplyAdd(op, to, from),
    pmulhrsw: lanewise(op, 'int16', (a, b) => (((a * b) >> 14) + 1) >> 1),
    pminsb: lanewise(op, 'int8', Math.min),
    pmaxsb: lanewise(op, 'int8', Math.max),
    pminuw: lanewise(op, 'uint16', Math.min),
    pmaxuw: lanewise(op, 'uint16', Math.max),
    pminsd: lanewise(op, 'int32', Math.min),
    pmaxsd: lanewise(op, 'int32', Math.max),
    pminud: lanewise(op, 'uint32', Math.min),
    pmaxud: lanewise(op, 'uint32', Math.max),
    pmulld: lanewise(op, 'int32', Math.imul),
    pmuldq: (to: number, from: number) => multiplyQuads(op, to, from),
    packusdw: (to: number, from: number) => pack(op, to, from),
    pcmpeqq: compareQuads(
      op,
      (at) => op.left.int32[at] === op.right.int32[at] && op.left.int32[at + 1] === op.right.int32[at + 1],
    ),
    pcmpgtq: compareQuads(op, (at) => {
      const [a, b] = [op.left.int32[at + 1]!, op.right.int32[at + 1]!]
      return a > b || (a === b && op.left.uint32[at]! > op.right.uint32[at]!)
    }),
    phminposuw: (to: number, from: number) => smallest(op, to, from),
    pblendvb: blend(op, 1),
    blendvps: blend(op, 4),
    blendvpd: blend(op, 8),
    pmovzxbw: widen(op, 'uint8', 'uint16'),
    pmovzxbd: widen(op, 'uint8', 'uint32'),
    pmovzxbq: widenToQuads(op, 'uint8'),
    pmovzxwd: widen(op, 'uint16', 'uint32'),
    pmovzxwq: widenToQuads(op, 'uint16'),
    pmovzxdq: widenToQuads(op, 'uint32'),
    pmovsxbw: widen(op, 'int8', 'int16'),
    pmovsxbd: widen(op, 'int8', 'int32'),
    pmovsxbq: widenToQuads(op, 'int8'),
    pmovsxwd: widen(op, 'int16', 'int32'),
    pmovsxwq: widenToQuads(op, 'int16'),
    pmovsxdq: widenToQuads(op, 'int32'),
    palignr: (to: number, from: number, control: number) => align(op, to, from, control),
    pblendw: (to: number, from: number, control: number) => blendWords(op, to, from, control),
    mpsadbw: (to: number, from: number, control: number) => sumsOfDifferences(op, to, from, control),
  }
}
