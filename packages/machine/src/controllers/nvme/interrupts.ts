// How completion queues interrupt (NVM Express 1.4 section 7.5): by messages, or by the line while a queue of vector 0 has entries that
// the driver has not consumed.
import type { Msix } from '../msix.ts'
import type { CompletionQueue } from './queues.ts'

const LINE_VECTOR = 0

export class NvmeInterrupts {
  readonly msix: Msix
  /** INTMS, a bit for each vector of the line. */
  mask = 0
  /** Queues of the line that are not empty. */
  #lineCount = 0

  constructor(msix: Msix) {
    this.msix = msix
  }

  reset(): void {
    this.mask = this.#lineCount = 0
    this.msix.reset()
  }

  get isLineRaised(): boolean {
    return this.#lineCount > 0 && !this.#isLineMasked && !this.msix.isEnabled
  }

  get #isLineMasked(): boolean {
    return (this.mask & (1 << LINE_VECTOR)) !== 0
  }

  /** Whether an entry in `queue` would call a routine now; `hasLine`: unless MSI-X is enabled. */
  isOpen({ interrupts, vector }: CompletionQueue, hasLine: boolean): boolean {
    if (!interrupts) return false
    return this.msix.isEnabled
      ? this.msix.isOpen(vector)
      : hasLine && vector === LINE_VECTOR && !this.#isLineMasked
  }

  /** An entry was added. */
  added(queue: CompletionQueue, wasEmpty: boolean): void {
    if (!queue.interrupts) return
    if (wasEmpty && queue.vector === LINE_VECTOR) this.#lineCount++
    if (this.msix.isEnabled) this.msix.signal(queue.vector)
  }

  /** The driver consumed the last entry, or the queue is gone with its entries. */
  emptied({ interrupts, vector }: CompletionQueue): void {
    if (interrupts && vector === LINE_VECTOR) this.#lineCount--
  }
}
