// The System event log, as far as a crash writes into it.
import type { SystemEvent } from '@dumpstack/target'

export class EventLog {
  readonly #events: SystemEvent[]

  constructor(events: readonly SystemEvent[]) {
    this.#events = [...events]
  }

  get events(): readonly SystemEvent[] {
    return [...this.#events]
  }

  add(event: SystemEvent): void {
    this.#events.push(event)
  }
}
