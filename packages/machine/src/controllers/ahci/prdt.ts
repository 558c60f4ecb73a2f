// The physical region descriptor table (AHCI 1.3.1 section 4.2.3.3): from its entries to spans of guest RAM.
import { fromHalves, type Gpa, gpa } from '@dumpstack/bytes'
import { PRDT_DBC_MASK, PRDT_I, PrdtEntry } from '@dumpstack/registers'
import type { OnRefused } from '../../evidence.ts'
import type { DmaRam } from '../../ram.ts'
import { SegmentList } from '../segment-list.ts'

const FETCH_ENTRIES = 64

/** DBC: even, and no more than its 22 bits hold (section 4.2.3.3). */
const MAX_ENTRY_BYTES = PRDT_DBC_MASK + 1
const ENTRY_UNIT = 2

/** Whether the table describes all bytes of a transfer, and where it fails. */
export const Gather = { whole: 0, tooShort: 1, notRam: 2, badEntry: 3 } as const
export type Gather = (typeof Gather)[keyof typeof Gather]

export class Prdt {
  readonly #ram: DmaRam
  readonly #has64: boolean
  readonly #onRefused: OnRefused
  readonly #fetched = new Uint8Array(FETCH_ENTRIES * PrdtEntry.size)
  readonly #entries = Array.from({ length: FETCH_ENTRIES }, (_, index) =>
    PrdtEntry.of(this.#fetched, index * PrdtEntry.size),
  )
  readonly segments: SegmentList
  /** An entry with its I bit set was used up. */
  wantsInterrupt = false

  constructor(ram: DmaRam, has64: boolean, onRefused: OnRefused) {
    this.#ram = ram
    this.#has64 = has64
    this.#onRefused = onRefused
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
      if (!this.#isGood(entry)) return Gather.badEntry
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
  /** unverified: what an HBA does with such an entry; here it ends the transfer, so that no other memory is used. */
  #isGood(entry: PrdtEntry): boolean {
    const count = ((entry.dbc & ~PRDT_I) >>> 0) + 1
    if (count > MAX_ENTRY_BYTES) return this.#refuse('DBC maximum', MAX_ENTRY_BYTES, count, `${count} bytes`)
    if (count % ENTRY_UNIT !== 0) return this.#refuse('DBC unit', ENTRY_UNIT, count, `${count} bytes`)
    if (this.#has64 || entry.dbau === 0) return true
    return this.#refuse('CAP.S64A', 0, 1, 'memory above 4 GiB')
  }

  #refuse(limit: string, allowed: number, found: number, what: string): false {
    this.#onRefused({ limit, allowed, found, what: `a PRD entry of ${what}` })
    return false
  }
}
