// The guest's wall clock: FILETIME, 100 ns since 1601, from the machine's virtual nanoseconds.
import type { Machine } from '@dumpstack/machine'

const UNIX_EPOCH_AS_FILETIME = 116444736000000000n
const TICKS_PER_MILLISECOND = 10_000n

export class SystemClock {
  readonly #machine: Machine
  readonly #bootTime: bigint

  constructor(machine: Machine, epochMs: number) {
    this.#machine = machine
    this.#bootTime = UNIX_EPOCH_AS_FILETIME + BigInt(epochMs) * TICKS_PER_MILLISECOND
  }

  /** Since virtual time 0, in 100 ns. */
  get upTime(): bigint {
    return BigInt(Math.floor(this.#machine.nowNs / 100))
  }

  get systemTime(): bigint {
    return this.#bootTime + this.upTime
  }
}
