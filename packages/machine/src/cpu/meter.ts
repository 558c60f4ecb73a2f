// Instructions and time: what code has used, what is left to it, and the clock that goes on while it runs.
import type { Machine } from '../machine.ts'
import type { CpuBudget } from './cpu.ts'
import { type State, Word } from './state.ts'
import { Interruption } from './stop.ts'

/** Instructions after which the clock is brought up to date, so that a loop that polls RAM sees devices work. */
const QUANTUM = 256
/** For callers that set none: a minute of code. */
const DEFAULT_BUDGET: CpuBudget = { instructions: 50_000_000, stallNs: 60e9 }

export class Meter {
  readonly budget: CpuBudget = { ...DEFAULT_BUDGET }
  instructionCount = 0
  readonly #machine: Machine
  readonly #nsPerInstruction: number
  readonly #words: Int32Array
  /** What `remaining` was when it was last accounted for. */
  #granted = 0
  /** Time that instructions took; what else passes on the clock during a call is stall. */
  #executedNs = 0
  #stallMark = 0

  constructor(machine: Machine, state: State, nsPerInstruction: number) {
    this.#machine = machine
    this.#words = state.words
    this.#nsPerInstruction = nsPerInstruction
  }

  /** Stall is counted from now on. */
  begin(): void {
    this.#stallMark = this.#machine.nowNs - this.#executedNs
  }

  /** Counts what ran since the last time; `notRun` instructions of the running block are charged but still to come. */
  account(notRun: number): void {
    const left = this.#words[Word.remaining]! + notRun
    const done = this.#granted - left
    this.#granted = left
    if (done === 0) return
    this.instructionCount += done
    this.budget.instructions -= done
    const ns = done * this.#nsPerInstruction
    this.#executedNs += ns
    this.#machine.elapse(ns)
  }

  /** Lets code run up to the next quantum, and a block of `least` instructions in any case. */
  grant(least = 0): void {
    const grant = Math.max(0, Math.min(Math.max(QUANTUM, least), this.budget.instructions))
    this.#words[Word.remaining] = grant
    this.#granted = grant
  }

  /** Code wants to go on with a block of `count` instructions. */
  renew(count: number): void {
    this.account(0)
    this.checkStall()
    if (this.budget.instructions < count) throw new Interruption('instructionBudget')
    this.grant(count)
  }

  checkStall(): void {
    const mark = this.#machine.nowNs - this.#executedNs
    this.budget.stallNs -= mark - this.#stallMark
    this.#stallMark = mark
    if (this.budget.stallNs < 0) throw new Interruption('stallBudget')
  }
}
