// Random values as tests of a processor want them: mostly those at which carries, signs and widths change.
import fc from 'fast-check'

const EDGES = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0xfffffffffffffffen,
  0xffffffffffffffffn,
]

/** Marsaglia's xorshift32. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = Math.imul(seed, 0x9e3779b1) | 1
    for (let i = 0; i < 8; i++) this.word()
  }

  word(): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return x >>> 0
  }
  below(limit: number): number {
    return Math.floor((this.word() / 2 ** 32) * limit)
  }
  /** True once in so many times. */
  once(inTimes: number): boolean {
    return this.below(inTimes) === 0
  }
  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!
  }
  word64(): bigint {
    return (BigInt(this.word()) << 32n) | BigInt(this.word())
  }
  /** 64 bits: an edge, a small number of either sign, edges in both halves, or anything. */
  value(): bigint {
    switch (this.below(6)) {
      case 0:
      case 1:
        return this.pick(EDGES)
      case 2:
        return BigInt.asUintN(64, BigInt(this.below(64) - 32))
      case 3:
        return ((this.pick(EDGES) & 0xffffffffn) << 32n) | (this.pick(EDGES) & 0xffffffffn)
      default:
        return this.word64()
    }
  }
}

const NUMBERS = [
  0,
  -0,
  1,
  -1,
  0.5,
  -1.5,
  2.5,
  3,
  1e-310,
  -5e-324,
  1e-40,
  1.5e308,
  -3e38,
  2 ** 31,
  -(2 ** 31) - 1,
  2 ** 63,
  -(2 ** 63),
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
]

/** Bits of a number as arithmetic wants them: edges, small halves, any exponent. */
export function numberBits(random: Random, width: 4 | 8): bigint {
  const view = new DataView(new ArrayBuffer(8))
  const chosen = random.below(4)
  if (chosen === 0)
    return width === 8
      ? exponentOf(random.word64(), 52n, 11n, random)
      : exponentOf(BigInt(random.word()), 23n, 8n, random)
  const value = chosen === 1 ? random.pick(NUMBERS) : (random.below(2000) - 1000) / 2 ** random.below(12)
  if (width === 8) view.setFloat64(0, value, true)
  else view.setFloat32(0, value, true)
  return width === 8 ? view.getBigUint64(0, true) : BigInt(view.getUint32(0, true))
}

/** Any fraction with an exponent near the middle, so that operands meet. */
function exponentOf(bits: bigint, fraction: bigint, exponent: bigint, random: Random): bigint {
  const middle = (1n << (exponent - 1n)) - 1n
  const near = middle + BigInt(random.below(80) - 40)
  const mask = ((1n << exponent) - 1n) << fraction
  return (bits & ~mask) | (near << fraction)
}

/** The seed of all property tests (tools/property-seed.mjs). */
export const propertySeed = (): number => fc.readConfigureGlobal()?.seed ?? 1
