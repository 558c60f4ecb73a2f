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

/** The seed of all property tests (tools/property-seed.mjs). */
export const propertySeed = (): number => fc.readConfigureGlobal()?.seed ?? 1
