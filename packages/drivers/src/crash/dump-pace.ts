// How long the writes of a dump take by the machine's clock, and which routine of the miniport waits meanwhile.
import type { Machine } from '@dumpstack/machine'
import type { CallSite } from '../miniport.ts'
import type { EntryPoint } from './routine-watch.ts'

export interface DumpTimes {
  /** Up to the first write: the start of the stack, and of the disk. */
  readonly startSeconds: number
  /** All writes together, and the longest. */
  readonly writeSeconds: number
  readonly longestSeconds: number
  /** The routine that took most of the time of the writes; null where they waited for the device. */
  readonly waits: WaitingRoutine | null
}

export interface WaitingRoutine {
  readonly entryPoint: EntryPoint
  readonly seconds: number
  /** Of its longest stall; null where it made none, and for a miniport without code of its own. */
  readonly site: CallSite | null
}

interface Spent {
  ns: number
  stallMicroseconds: number
  site: CallSite | null
}

export class DumpPace {
  readonly #machine: Machine
  readonly #startNs: number
  #firstWriteNs = 0
  #writeNs = 0
  #longestNs = 0
  #isWriting = false
  #enteredNs = 0
  readonly #spent = new Map<EntryPoint, Spent>()

  constructor(machine: Machine) {
    this.#machine = machine
    this.#startNs = machine.nowNs
  }

  /** One write of the broker: what it answers. */
  write(write: () => number): number {
    const begunNs = this.#machine.nowNs
    if (this.#firstWriteNs === 0) this.#firstWriteNs = begunNs
    this.#isWriting = true
    const status = write()
    this.#isWriting = false
    const took = this.#machine.nowNs - begunNs
    this.#writeNs += took
    this.#longestNs = Math.max(this.#longestNs, took)
    return status
  }

  /** A routine of the miniport begins, and ends. Hot. */
  enter(): void {
    this.#enteredNs = this.#machine.nowNs
  }

  leave(entryPoint: EntryPoint): void {
    if (this.#isWriting) this.#of(entryPoint).ns += this.#machine.nowNs - this.#enteredNs
  }

  /** Before a stall. `site` is looked at for one that is much longer than those before: to unwind takes longer than the stall. */
  stalls(entryPoint: EntryPoint, microseconds: number, site: () => CallSite | null): void {
    if (!this.#isWriting) return
    const spent = this.#of(entryPoint)
    if (microseconds < 2 * spent.stallMicroseconds) return
    spent.stallMicroseconds = microseconds
    spent.site = site()
  }

  times(): DumpTimes {
    let waits: WaitingRoutine | null = null
    for (const [entryPoint, { ns, site }] of this.#spent) {
      if (ns > this.#writeNs / 2) waits = { entryPoint, seconds: ns / 1e9, site }
    }
    return {
      startSeconds: (this.#firstWriteNs - this.#startNs) / 1e9,
      writeSeconds: this.#writeNs / 1e9,
      longestSeconds: this.#longestNs / 1e9,
      waits,
    }
  }

  #of(entryPoint: EntryPoint): Spent {
    const known = this.#spent.get(entryPoint)
    if (known !== undefined) return known
    const made: Spent = { ns: 0, stallMicroseconds: 0, site: null }
    this.#spent.set(entryPoint, made)
    return made
  }
}
