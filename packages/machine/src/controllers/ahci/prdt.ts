// The physical region descriptor table (AHCI 1.3.1 section 4.2.3.3): from its entries to spans of guest RAM.
import { fromHalves, type Gpa, gpa } from '@dumpstack/bytes'
import { PRDT_DBC_MASK, PRDT_I, PrdtEntry } from '@dumpstack/registers'
import type { GuestRam } from '../../ram.ts'
import { SegmentList } from '../segment-list.ts'

const FETCH_ENTRIES = 64

/** Whether the table describes all bytes of a transfer, and where it fails. */
export const Gather = { whole: 0, tooShort: 1, notRam: 2 } as const
export type Gather = (typeof Gather)[keyof typeof Gather]

export class Prdt {
  readonly #ram: GuestRam
  readonly #fetched = new Uint8Array(FETCH_ENTRIES * PrdtEntry.size)
  readonly #entries = Array.from({ length: FETCH_ENTRIES }, (_, index) =>
    PrdtEntry.of(this.#fetched, index * PrdtEntry.size),
  )
  readonly segments: SegmentList
  /** An entry with its I bit set was used up. */
  wantsInterrupt = false

  constructor(ram: GuestRam) {
    this.#ram = ram
    this.segments = new SegmentList(ram)
  }

  gather(table: Gpa, entryCount: number, byteLength: number): Gather {
    this.segments.clear()
    this.wantsInterrupt = false
    let left = byteLength
    for (let index = 0; index < entryCount && left > 0; index++) {
      const inBlock = index % FETCH_ENTRIES
      if (inBlock === 0) {
        const bytes = Math.min(FETCH_ENTRIES, entryCount - index) * PrdtEntry.size
        const into = bytes === this.#fetched.byteLength ? this.#fetched : this.#fetched.subarray(0, bytes)
        if (this.#ram.read(gpa(table + index * PrdtEntry.size), into) < bytes) return Gather.notRam
      }
      const entry = this.#entries[inBlock]!
      const at = (entry.dba & ~1) >>> 0 // bit 0 is reserved
      const length = Math.min((entry.dbc & PRDT_DBC_MASK) + 1, left)
      const start = fromHalves(entry.dbau, at)
      if (!this.#ram.has(gpa(start), length)) return Gather.notRam
      left -= length
      if ((entry.dbc & PRDT_I) !== 0) this.wantsInterrupt = true
      this.segments.append(start, length)
    }
    return left > 0 ? Gather.tooShort : Gather.whole
  }
}
