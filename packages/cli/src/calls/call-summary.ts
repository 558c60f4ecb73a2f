// How often each call and each register access happened, most often first.
import type { CallEvent } from '@dumpstack/drivers'
import { callLabel } from './call-label.ts'
import { registerLabel } from './register-label.ts'

export interface SummaryRow {
  readonly life: string
  readonly what: 'call' | 'read' | 'write'
  readonly name: string
  count: number
  /** Virtual time inside calls; null for accesses, and where no call was seen to end. */
  tookNs: number | null
}

export class CallSummary {
  readonly #rows = new Map<string, SummaryRow>()
  readonly #cut = { calls: 0, accesses: 0 }

  add(event: CallEvent): void {
    if (event.kind === 'gap') {
      this.#cut.calls += event.calls
      this.#cut.accesses += event.accesses
    } else if (event.kind === 'call') {
      const { meaning } = callLabel(event)
      const row = this.#row(
        event.site.life,
        'call',
        meaning === null ? event.name : `${event.name} ${meaning}`,
      )
      row.count++
      if (event.ended !== null) row.tookNs = (row.tookNs ?? 0) + event.ended.tookNs
    } else if (event.kind === 'access') {
      const { place, name } = registerLabel(event)
      this.#row(event.site.life, event.direction, name === null ? place : `${place} ${name}`).count++
    }
  }

  get rows(): readonly SummaryRow[] {
    return [...this.#rows.values()].sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
  }

  /** What records left out. */
  get cut(): { readonly calls: number; readonly accesses: number } {
    return this.#cut
  }

  #row(life: string, what: SummaryRow['what'], name: string): SummaryRow {
    const key = `${life} ${what} ${name}`
    let row = this.#rows.get(key)
    if (row === undefined) {
      row = { life, what, name, count: 0, tookNs: null }
      this.#rows.set(key, row)
    }
    return row
  }
}
