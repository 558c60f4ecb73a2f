// Choices that Windows makes by chance at boot (address space layout, page placement), made from the run's seed instead.

/** A sequence of 32-bit numbers from a seed; `purpose` keeps sequences of one seed apart. */
export class SeededChoice {
  #state: number

  constructor(seed: number, purpose: string) {
    let state = seed | 0
    for (let i = 0; i < purpose.length; i++) state = mix(state ^ purpose.charCodeAt(i))
    this.#state = state
  }

  /** How far the sequence is; set, it goes on from there. */
  get position(): number {
    return this.#state
  }

  set position(position: number) {
    this.#state = position | 0
  }

  /** 0 to `count` - 1. */
  below(count: number): number {
    this.#state = (this.#state + 0x9e3779b9) | 0
    return (mix(this.#state) >>> 0) % count
  }
}

/** Finaliser of MurmurHash3_x86_32 (Austin Appleby, public domain). */
function mix(value: number): number {
  let h = value
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
