// The steps of the test as their events tell them: what is under way, how far it is, and what each step came to.
import type { DumpType } from '@dumpstack/target'
import { dumpTitle, stepTitle } from './folds/words.ts'
import type { Message } from './messages.ts'
import type { Emit, StepName, TestEventBody, Verdict } from './test-event.ts'

/** Who runs the steps. */
export interface StepRunner {
  readonly emit: Emit
  /** Milliseconds since 1970 on the clock of the system under test. */
  now(): number
  /** Host milliseconds, for the seconds that a step takes. */
  hostNow(): number
  readonly signal: AbortSignal
}

/** Ctrl-C is heard in a turn of the event loop: one percent of a large dump takes seconds. */
const MS_BETWEEN_TURNS = 200

export class Steps {
  readonly #runner: StepRunner
  #place = 'before the first step'
  #percent = -1

  constructor(runner: StepRunner) {
    this.#runner = runner
  }

  get signal(): AbortSignal {
    return this.#runner.signal
  }

  /** What is under way, for a message: `during 'crash (full dump)', at 40 %`. */
  get place(): string {
    return this.#place
  }

  async step(
    step: StepName,
    dump: DumpType | undefined,
    work: () => Verdict | Promise<Verdict>,
  ): Promise<Verdict> {
    const { hostNow, signal } = this.#runner
    const place = dump === undefined ? {} : { dump }
    this.#place = `during '${stepTitle(step)}${dumpTitle(dump)}'`
    this.#percent = -1
    if (step !== 'restore') signal.throwIfAborted()
    const begunAt = hostNow()
    this.send({ kind: 'begin', step, ...place })
    let verdict: Verdict = 'inconclusive'
    try {
      verdict = await work()
      return verdict
    } finally {
      this.send({ kind: 'end', step, ...place, verdict, seconds: (hostNow() - begunAt) / 1000 })
    }
  }

  /** True when the whole percentage moved. */
  readonly progress = (percent: number): boolean => {
    const whole = Math.max(0, Math.min(100, Math.floor(percent)))
    if (whole === this.#percent) return false
    if (this.#percent < 0 || whole > 0)
      this.#place = `${this.#place.replace(/, at \d+ %$/, '')}, at ${whole} %`
    this.#percent = whole
    this.send({ kind: 'progress', percent: whole })
    return true
  }

  /** Runs long synchronous work and gives the event loop a turn whenever the percentage moves, and several times a second. */
  async drain<T>(work: Generator<number, T>): Promise<T> {
    const { hostNow } = this.#runner
    let turnAt = hostNow()
    for (;;) {
      const next = work.next()
      if (next.done) return next.value
      if (this.progress(next.value) || hostNow() - turnAt > MS_BETWEEN_TURNS) {
        turnAt = hostNow()
        await new Promise<void>((resolve) => setTimeout(resolve, 0))
        this.signal.throwIfAborted()
      }
    }
  }

  readonly say = (message: Message): void => this.send({ kind: 'message', ...message })

  send(body: TestEventBody): void {
    this.#runner.emit(body, this.#runner.now())
  }
}
