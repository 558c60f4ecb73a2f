// What a running miniport puts off: DPCs, timers and work items. They run after its interrupt routine, or while a caller waits for
// the disk; none runs once the system has stopped.
import type { Machine } from '@dumpstack/machine'
import type { GuestBlock, StorDpc } from '../miniport.ts'

/** The one of RequestTimerCall. */
export const FIRST_TIMER = 0n

interface Timer {
  readonly atNs: number
  readonly routine: () => void
}

export class DeferredWork {
  readonly #machine: Machine
  readonly #dpcs: StorDpc[] = []
  readonly #timers = new Map<bigint, Timer>()
  readonly #workItems = new Map<bigint, () => void>()
  #isStopped = false

  constructor(machine: Machine) {
    this.#machine = machine
  }

  /** The adapter that queued it is gone. */
  forget(): void {
    this.#dpcs.length = 0
    this.#timers.clear()
    this.#workItems.clear()
  }

  /** DPCs or work items wait for their turn; timers do so on purpose. */
  get isQueued(): boolean {
    return this.#dpcs.length > 0 || this.#workItems.size > 0
  }

  stop(): void {
    this.#isStopped = true
  }

  /** False when it is queued already. */
  queueDpc(dpc: StorDpc): boolean {
    if (this.#dpcs.includes(dpc)) return false
    this.#dpcs.push(dpc)
    return true
  }

  /** None after 0 microseconds. False when it is running: only the first is set anew. */
  setTimer(timer: bigint, routine: () => void, microseconds: number): boolean {
    if (timer !== FIRST_TIMER && microseconds > 0 && this.#timers.has(timer)) return false
    this.#timers.delete(timer)
    if (microseconds > 0)
      this.#timers.set(timer, { routine, atNs: this.#machine.nowNs + microseconds * 1000 })
    return true
  }

  /** False when it is queued already. */
  queueWorkItem(worker: bigint, routine: () => void): boolean {
    if (this.#workItems.has(worker)) return false
    this.#workItems.set(worker, routine)
    return true
  }

  /** What a DPC queues again runs the next time. */
  runDpcs(deviceExtension: GuestBlock): void {
    for (let left = this.#dpcs.length; left > 0 && !this.#isStopped; left--) {
      this.#dpcs.shift()!.routine(deviceExtension)
    }
  }

  /** All that is due. */
  run(deviceExtension: GuestBlock): void {
    this.runDpcs(deviceExtension)
    for (const [timer, { atNs, routine }] of this.#timers) {
      if (this.#isStopped || this.#machine.nowNs < atNs) continue
      this.#timers.delete(timer)
      routine()
    }
    if (this.#workItems.size > 0) this.#runWorkItems()
  }

  /** What a work item queues again runs the next time. */
  #runWorkItems(): void {
    for (const [worker, routine] of Array.from(this.#workItems)) {
      if (this.#isStopped) return
      this.#workItems.delete(worker)
      routine()
    }
  }
}
