// The machine's clock: virtual nanoseconds from 0, and what devices will do later, sorted by time.
import { MachineError } from './errors.ts'

/** Something a device does at a time; armed again and again, never allocated per use. */
export class ClockEvent {
  readonly fire: () => void
  atNs = 0
  isArmed = false

  constructor(fire: () => void) {
    this.fire = fire
  }
}

export class VirtualClock {
  #nowNs = 0
  readonly #armed: ClockEvent[] = []
  readonly #fired: () => void

  /** `fired` is called after each event. */
  constructor(fired: () => void = () => {}) {
    this.#fired = fired
  }

  get nowNs(): number {
    return this.#nowNs
  }

  /** When the next event is due; Infinity when none is armed. */
  get nextNs(): number {
    return this.#armed.length === 0 ? Number.POSITIVE_INFINITY : this.#armed[0]!.atNs
  }

  /** Events of the same time fire in the order they were armed. */
  arm(event: ClockEvent, atNs: number): void {
    if (event.isArmed) this.disarm(event)
    event.atNs = atNs
    event.isArmed = true
    const armed = this.#armed
    let index = armed.length
    armed.push(event)
    while (index > 0 && armed[index - 1]!.atNs > atNs) {
      armed[index] = armed[index - 1]!
      index--
    }
    armed[index] = event
  }

  disarm(event: ClockEvent): void {
    if (!event.isArmed) return
    event.isArmed = false
    this.#armed.splice(this.#armed.indexOf(event), 1)
  }

  /** Lets time pass; each event that becomes due sees its own time as now. */
  advance(nanoseconds: number): void {
    this.advanceTo(this.#nowNs + nanoseconds)
  }

  advanceTo(untilNs: number): void {
    const armed = this.#armed
    while (armed.length > 0 && armed[0]!.atNs <= untilNs) {
      const event = armed.shift()!
      event.isArmed = false
      if (event.atNs > this.#nowNs) this.#nowNs = event.atNs
      event.fire()
      this.#fired()
    }
    if (untilNs > this.#nowNs) this.#nowNs = untilNs
  }
}

/** Throws CLOCK_TIME unless `value` is a finite time that is not negative. */
export function checkTime(value: number, what: string): void {
  if (!Number.isFinite(value) || value < 0) {
    throw new MachineError('CLOCK_TIME', `${what} is ${value}, expected a finite number of at least 0`)
  }
}
