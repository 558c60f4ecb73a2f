// Instructions and time: what code has used, what is left to it, and the clock that goes on while it runs.

import type { CpuBudget } from './cpu.ts'
import { type State, Word } from './state.ts'
import { Exception } from './stop.ts'
import type { CpuWorld } from './world.ts'

/** Instructions after which the clock is brought up to date, so that a loop that polls RAM sees devices work. */
const QUANTUM = 256
/**
 * Of one outermost call where its caller sets none. Far more than a routine of a driver needs, which waits by stalls: no
 * patience of the storage stack is longer than a minute.
 */
export const CALL_BUDGET: Readonly<CpuBudget> = { instructions: 50_000_000, stallNs: 60e9 }
/**
 * Work is what the host does: an instruction takes it at most some 25 ns, and what takes longer is charged as several. So the
 * longest call takes the host a second or two, whatever its code does: polls registers, changes page tables, never repeats.
 */
const CALL_WORK = CALL_BUDGET.instructions
/**
 * Code that has run for so many instructions and never stalled is waiting for something: for a device, or for the clock. A driver may well
 * compute for as many with the data of a request, such as a digest of 64 KiB bit by bit, which takes two to twenty million. From
 * then on each instruction takes this time, as if the processor were interrupted all the while. A wait by the clock comes
 * to its end so, where it would take the host minutes.
 */
const WAITING_AFTER = 30_000_000
const WAITING_NS = 1000
/** What passes besides the code's own time and counts as a stall. */
const STALLED_NS = 1000

export class Meter {
  readonly budget: CpuBudget = { ...CALL_BUDGET }
  instructionCount = 0
  workCount = 0
  #workLimit = CALL_WORK
  /** Looks at the clock, between two blocks. */
  onInterval: (() => void) | null = null
  readonly #world: CpuWorld
  readonly #nsPerInstruction: number
  readonly #words: Int32Array
  /** What `remaining` was when it was last accounted for. */
  #granted = 0
  /** Time that instructions took; what else passes on the clock during a call is stall. */
  #executedNs = 0
  #stallMark = 0
  #deviceMark = 0
  /** Instructions since the last stall. */
  #unstalled = 0

  constructor(world: CpuWorld, state: State, nsPerInstruction: number) {
    this.#world = world
    this.#words = state.words
    this.#nsPerInstruction = nsPerInstruction
    this.#deviceMark = world.deviceWork
  }

  /** Stall and work are counted from now on. */
  begin(): void {
    this.#stallMark = this.#world.nowNs - this.#executedNs
    this.#unstalled = 0
    this.#world.checkStop()
    this.#chargeDevices() // what moved between two calls is no call's, but the life's
    this.#workLimit = this.workCount + Math.max(CALL_WORK, this.budget.instructions)
  }

  /** Something took the host as long as that many instructions. */
  charge(instructions: number): void {
    this.workCount += instructions
  }

  /** Between two pieces of the host's work for guest code: whether there may be another one. */
  checkWork(): void {
    this.#world.checkStop()
    if (this.#isWorkUsedUp) throw new Exception('instructionBudget')
  }

  /** Counts what ran since the last time; `notRun` instructions of the running block are charged but still to come. */
  account(notRun: number): void {
    const left = this.#words[Word.remaining]! + notRun
    const done = this.#granted - left
    this.#granted = left
    this.#chargeDevices()
    if (done === 0) return
    this.instructionCount += done
    this.workCount += done
    this.budget.instructions -= done
    let ns = done * this.#nsPerInstruction
    this.#unstalled += done
    if (this.#unstalled > WAITING_AFTER) {
      ns = done * WAITING_NS
      this.budget.stallNs -= ns
    }
    this.#executedNs += ns
    this.#world.elapse(ns)
  }

  /** What controllers moved since the last time. */
  #chargeDevices(): void {
    const { deviceWork } = this.#world
    this.workCount += deviceWork - this.#deviceMark
    this.#deviceMark = deviceWork
  }

  /** Lets code run up to the next quantum, and a block of `least` instructions in any case. */
  grant(least = 0): void {
    const left = this.#isWorkUsedUp ? 0 : this.budget.instructions
    const grant = Math.max(0, Math.min(Math.max(QUANTUM, least), left))
    this.#words[Word.remaining] = grant
    this.#granted = grant
  }

  /** Code wants to go on with a block of `count` instructions. */
  renew(count: number): void {
    this.account(0)
    this.#world.checkStop()
    this.checkStall()
    this.onInterval?.()
    if (this.budget.instructions < count || this.#isWorkUsedUp) throw new Exception('instructionBudget')
    this.grant(count)
  }

  get #isWorkUsedUp(): boolean {
    return this.workCount > this.#workLimit
  }

  checkStall(): void {
    const mark = this.#world.nowNs - this.#executedNs
    const stalled = mark - this.#stallMark
    this.#stallMark = mark
    if (stalled >= STALLED_NS) this.#unstalled = 0
    this.budget.stallNs -= stalled
    if (this.budget.stallNs < 0) throw new Exception('stallBudget')
  }
}
