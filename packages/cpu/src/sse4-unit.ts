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
type Binary = (to: number, from: number) => void
type Controlled = (to: number, from: number, control: number) => void

export interface Sse4Unit {
  readonly pshufb: Binary
  readonly pabsb: Binary
  readonly pabsw: Binary
  readonly pabsd: Binary
  readonly psignb: Binary
  readonly psignw: Binary
  readonly psignd: Binary
  readonly phaddw: Binary
  readonly phaddd: Binary
  readonly phaddsw: Binary
  readonly phsubw: Binary
  readonly phsubd: Binary
  readonly phsubsw: Binary
  readonly pmaddubsw: Binary
  readonly pmulhrsw: Binary
  readonly pminsb: Binary
  readonly pmaxsb: Binary
  readonly pminuw: Binary
  readonly pmaxuw: Binary
  readonly pminsd: Binary
  readonly pmaxsd: Binary
  readonly pminud: Binary
  readonly pmaxud: Binary
  readonly pmulld: Binary
  readonly pmuldq: Binary
  readonly packusdw: Binary
  readonly pcmpeqq: Binary
  readonly pcmpgtq: Binary
  readonly phminposuw: Binary
  /** Choose by the top bits of xmm0. */
  readonly pblendvb: Binary
  readonly blendvps: Binary
  readonly blendvpd: Binary
  readonly pmovzxbw: Binary
  readonly pmovzxbd: Binary
  readonly pmovzxbq: Binary
  readonly pmovzxwd: Binary
  readonly pmovzxwq: Binary
  readonly pmovzxdq: Binary
  readonly pmovsxbw: Binary
  readonly pmovsxbd: Binary
  readonly pmovsxbq: Binary
  readonly pmovsxwd: Binary
  readonly pmovsxwq: Binary
  readonly pmovsxdq: Binary
  readonly palignr: Controlled
  readonly pblendw: Controlled
  readonly mpsadbw: Controlled
}

const saturated = (value: number): number => Math.max(-32768, Math.min(32767, value))
const add = (left: number, right: number): number => left + right
const subtract = (left: number, right: number): number => left - right
const sign = (left: number, right: number): number => (right < 0 ? -left : right === 0 ? 0 : left)

export function createSse4Unit({ words }: State): Sse4Unit {
  const left = new Lanes()
  const right = new Lanes()
  const result = new Lanes()

  const take = (to: number, from: number): void => {
    for (let i = 0; i < 4; i++) {
      left.int32[i] = words[to + i]!
      right.int32[i] = words[from + i]!
    }
  }
  const put = (to: number): void => words.set(result.int32, to)

  const lanewise = (width: Width, combine: (left: number, right: number) => number): Binary => {
    const [a, b, into] = [left[width], right[width], result[width]]
    return (to, from) => {
      take(to, from)
      for (let i = 0; i < into.length; i++) into[i] = combine(a[i]!, b[i]!)
      put(to)
    }
  }

  /** Neighbours: those of the destination become the lower half. */
  const pairwise = (
    from: readonly [Width, Width],
    into: Width,
    combine: (first: number, second: number) => number,
  ): Binary => {
    const [a, b, sums] = [left[from[0]], right[from[1]], result[into]]
    const half = sums.length / 2
    return (to, source) => {
      take(to, source)
      for (let i = 0; i < half; i++) {
        sums[i] = combine(a[i * 2]!, a[i * 2 + 1]!)
        sums[half + i] = combine(b[i * 2]!, b[i * 2 + 1]!)
      }
      put(to)
    }
  }
  const horizontal = (width: Width, combine: (first: number, second: number) => number): Binary =>
    pairwise([width, width], width, combine)

  const widen = (from: Width, into: Width): Binary => {
    const [narrow, wide] = [right[from], result[into]]
    return (to, source) => {
      take(to, source)
      for (let i = 0; i < wide.length; i++) wide[i] = narrow[i]!
      put(to)
    }
  }
  const widenToQuads = (from: Width): Binary => {
    const narrow = right[from]
    return (to, source) => {
      take(to, source)
      for (let i = 0; i < 2; i++) {
        result.int32[i * 2] = narrow[i]!
        result.int32[i * 2 + 1] = narrow[i]! < 0 ? -1 : 0
      }
      put(to)
    }
  }

  /** Quadwords: all ones where it holds. */
  const compareQuads = (holds: (at: number) => boolean): Binary => {
    return (to, from) => {
      take(to, from)
      for (const at of [0, 2]) result.int32.fill(holds(at) ? -1 : 0, at, at + 2)
      put(to)
    }
  }

  /** Lanes of so many bytes, from the source where the mask in xmm0 has its top bit. */
  const blend = (laneBytes: 1 | 4 | 8): Binary => {
    return (to, from) => {
      take(to, from)
      for (let i = 0; i < 16; i++) {
        const top = i - (i % laneBytes) + laneBytes - 1
        const mask = words[Word.xmm + (top >> 2)]! >>> ((top & 3) * 8 + 7)
        result.uint8[i] = ((mask & 1) === 0 ? left : right).uint8[i]!
      }
      put(to)
    }
  }

  function multiplyAdd(to: number, from: number): void {
    take(to, from)
    for (let i = 0; i < 8; i++) {
      const first = left.uint8[i * 2]! * right.int8[i * 2]!
      result.int16[i] = saturated(first + left.uint8[i * 2 + 1]! * right.int8[i * 2 + 1]!)
    }
    put(to)
  }

  /** Signed products of 32 bits by 16-bit parts: 64 bits do not fit a double. */
  function multiplyQuads(to: number, from: number): void {
    take(to, from)
    for (const at of [0, 2]) {
      const a = left.int32[at]!
      const b = right.int32[at]!
      const middle = (a >> 16) * (b & 0xffff) + (((a & 0xffff) * (b & 0xffff)) >>> 16)
      const other = (a & 0xffff) * (b >> 16) + (middle & 0xffff)
      result.int32[at] = Math.imul(a, b)
      result.int32[at + 1] = (a >> 16) * (b >> 16) + Math.floor(middle / 65536) + Math.floor(other / 65536)
    }
    put(to)
  }

  function pack(to: number, from: number): void {
    take(to, from)
    for (let i = 0; i < 8; i++) {
      const value = i < 4 ? left.int32[i]! : right.int32[i - 4]!
      result.uint16[i] = Math.max(0, Math.min(65535, value))
    }
    put(to)
  }

  function shuffle(to: number, from: number): void {
    take(to, from)
    for (let i = 0; i < 16; i++) {
      const control = right.uint8[i]!
      result.uint8[i] = (control & 0x80) === 0 ? left.uint8[control & 15]! : 0
    }
    put(to)
  }

  function smallest(to: number, from: number): void {
    take(to, from)
    let at = 0
    for (let i = 1; i < 8; i++) if (right.uint16[i]! < right.uint16[at]!) at = i
    result.int32.fill(0)
    result.uint16[0] = right.uint16[at]!
    result.uint16[1] = at
    put(to)
  }

  /** The source below the destination, from byte `control` on. */
  function align(to: number, from: number, control: number): void {
    take(to, from)
    for (let i = 0; i < 16; i++) {
      const at = i + control
      result.uint8[i] = at < 16 ? right.uint8[at]! : at < 32 ? left.uint8[at - 16]! : 0
    }
    put(to)
  }

  function blendWords(to: number, from: number, control: number): void {
    take(to, from)
    for (let i = 0; i < 8; i++) result.uint16[i] = (((control >> i) & 1) === 0 ? left : right).uint16[i]!
    put(to)
  }

  function sumsOfDifferences(to: number, from: number, control: number): void {
    take(to, from)
    const [a, b] = [(control & 4) === 0 ? 0 : 4, (control & 3) * 4]
    for (let i = 0; i < 8; i++) {
      let sum = 0
      for (let k = 0; k < 4; k++) sum += Math.abs(left.uint8[a + i + k]! - right.uint8[b + k]!)
      result.uint16[i] = sum
    }
    put(to)
  }

  const absolute = (_: number, value: number): number => Math.abs(value)
  return {
    pshufb: shuffle,
    pabsb: lanewise('int8', absolute),
    pabsw: lanewise('int16', absolute),
    pabsd: lanewise('int32', absolute),
    psignb: lanewise('int8', sign),
    psignw: lanewise('int16', sign),
    psignd: lanewise('int32', sign),
    phaddw: horizontal('int16', add),
    phaddd: horizontal('int32', add),
    phaddsw: horizontal('int16', (first, second) => saturated(first + second)),
    phsubw: horizontal('int16', subtract),
    phsubd: horizontal('int32', subtract),
    phsubsw: horizontal('int16', (first, second) => saturated(first - second)),
    pmaddubsw: multiplyAdd,
    pmulhrsw: lanewise('int16', (a, b) => (((a * b) >> 14) + 1) >> 1),
    pminsb: lanewise('int8', Math.min),
    pmaxsb: lanewise('int8', Math.max),
    pminuw: lanewise('uint16', Math.min),
    pmaxuw: lanewise('uint16', Math.max),
    pminsd: lanewise('int32', Math.min),
    pmaxsd: lanewise('int32', Math.max),
    pminud: lanewise('uint32', Math.min),
    pmaxud: lanewise('uint32', Math.max),
    pmulld: lanewise('int32', Math.imul),
    pmuldq: multiplyQuads,
    packusdw: pack,
    pcmpeqq: compareQuads(
      (at) => left.int32[at] === right.int32[at] && left.int32[at + 1] === right.int32[at + 1],
    ),
    pcmpgtq: compareQuads((at) => {
      const [a, b] = [left.int32[at + 1]!, right.int32[at + 1]!]
      return a > b || (a === b && left.uint32[at]! > right.uint32[at]!)
    }),
    phminposuw: smallest,
    pblendvb: blend(1),
    blendvps: blend(4),
    blendvpd: blend(8),
    pmovzxbw: widen('uint8', 'uint16'),
    pmovzxbd: widen('uint8', 'uint32'),
    pmovzxbq: widenToQuads('uint8'),
    pmovzxwd: widen('uint16', 'uint32'),
    pmovzxwq: widenToQuads('uint16'),
    pmovzxdq: widenToQuads('uint32'),
    pmovsxbw: widen('int8', 'int16'),
    pmovsxbd: widen('int8', 'int32'),
    pmovsxbq: widenToQuads('int8'),
    pmovsxwd: widen('int16', 'int32'),
    pmovsxwq: widenToQuads('int16'),
    pmovsxdq: widenToQuads('int32'),
    palignr: align,
    pblendw: blendWords,
    mpsadbw: sumsOfDifferences,
  }
}
