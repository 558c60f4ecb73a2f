// Memory that a device alone may write while it works, such as a used ring: a store of a processor there is told, once for each place. What
// devices and the host write is not looked at.
import { PAGE_SIZE } from '@dumpstack/bytes'
import type { StoreGuards } from '@dumpstack/cpu'

interface Guard {
  readonly start: number
  readonly end: number
  /** `gpa`: of the first byte that is about to be stored. */
  readonly stored: (gpa: number) => void
}

export class GuardedMemory implements StoreGuards {
  #guards: readonly Guard[] = []
  readonly #pages = new Set<number>()

  has(page: number): boolean {
    return this.#pages.has(page)
  }

  stored(gpa: number, byteLength: number): void {
    for (const guard of this.#guards) {
      if (gpa >= guard.end || guard.start >= gpa + byteLength) continue
      this.remove(guard.start)
      guard.stored(gpa)
    }
  }

  /** In place of another of the same start. */
  add(start: number, byteLength: number, stored: Guard['stored']): void {
    this.remove(start)
    this.#guards = [...this.#guards, { start, end: start + byteLength, stored }]
    this.#listPages()
  }

  remove(start: number): void {
    this.#guards = this.#guards.filter((guard) => guard.start !== start)
    this.#listPages()
  }

  #listPages(): void {
    this.#pages.clear()
    for (const { start, end } of this.#guards)
      for (let page = Math.floor(start / PAGE_SIZE); page * PAGE_SIZE < end; page++) this.#pages.add(page)
  }
}
