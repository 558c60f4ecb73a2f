// How a controller interrupts the running port: by its line, or by messages where its miniport takes them (ADR 0017).
import type { ControllerOptions, Machine } from '@dumpstack/machine'
import type { MessageInterrupt } from '../miniport.ts'
import { assignMessages, disableMessages } from './message-interrupts.ts'
import type { PciRange } from './pci-device.ts'

/** Each answers whether the interrupt was the controller's own. */
export interface InterruptRoutines {
  line(): boolean
  message(messageId: number): boolean
}

export class AdapterInterrupts {
  readonly #machine: Machine
  readonly #controller: ControllerOptions
  readonly #ranges: readonly (PciRange | null)[]
  readonly #routines: InterruptRoutines
  /** By which the controller interrupts; none where it raises its line. */
  #messages: readonly MessageInterrupt[] = []

  constructor(
    machine: Machine,
    controller: ControllerOptions,
    ranges: readonly (PciRange | null)[],
    routines: InterruptRoutines,
  ) {
    this.#machine = machine
    this.#controller = controller
    this.#ranges = ranges
    this.#routines = routines
  }

  message(messageId: number): MessageInterrupt | null {
    return this.#messages[messageId] ?? null
  }

  /** False where the controller has no messages. */
  takeMessages(): boolean {
    this.#messages = assignMessages(this.#machine, this.#controller.bdf, this.#ranges)
    return this.#messages.length > 0
  }

  useLine(): void {
    this.#messages = []
    disableMessages(this.#machine, this.#controller.bdf)
  }

  /** The controller had no power. Messages are as they were: a function has the same each time. */
  restore(): void {
    if (this.#messages.length > 0) this.takeMessages()
  }

  connect(): void {
    const { bus } = this.#machine
    if (this.#messages.length === 0)
      bus.onInterrupt(this.#controller.interruptVector, () => this.#routines.line())
    for (const { messageId, vector } of this.#messages)
      bus.onInterrupt(vector, () => this.#routines.message(messageId))
  }

  disconnect(): void {
    const { bus } = this.#machine
    bus.onInterrupt(this.#controller.interruptVector, null)
    for (const { vector } of this.#messages) bus.onInterrupt(vector, null)
  }
}
