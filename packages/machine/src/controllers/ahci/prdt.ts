// The physical region descriptor table (AHCI 1.3.1 section 4.2.3.3): from its entries to spans of guest RAM.
import { type Gpa, gpa, PAGE_SIZE } from '@dumpstack/bytes'
import { PRDT_DBC_MASK, PRDT_I, PrdtEntry } from '@dumpstack/spec'
import type { GuestRam } from '../../ram.ts'

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
  /** Segments in order, neighbours joined; `count` of them are of this transfer. */
  readonly #starts: number[] = []
  readonly #lengths: number[] = []
  #count = 0
  readonly #parts: Uint8Array[] = []
  /** An entry with its I bit set was used up. */
  wantsInterrupt = false

  constructor(ram: GuestRam) {
    this.#ram = ram
  }

  /** Address of the first byte. */
  get first(): number {
    return this.#starts[0] ?? 0
  }

  gather(table: Gpa, entryCount: number, byteLength: number): Gather {
    this.#count = 0
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
      const start = entry.dbau * 0x100000000 + at
      if (!this.#ram.has(gpa(start), length)) return Gather.notRam
      left -= length
      if ((entry.dbc & PRDT_I) !== 0) this.wantsInterrupt = true
      this.#append(start, length)
    }
    return left > 0 ? Gather.tooShort : Gather.whole
  }

  /** The fault: the first page's bytes lie in the other page of its pair, or in RAM's first page. */
  misdirect(): void {
    const start = this.#starts[0]!
    const length = this.#lengths[0]!
    const inPage = start % PAGE_SIZE
    const page = (start - inPage) / PAGE_SIZE
    const pair = (page % 2 === 0 ? page + 1 : page - 1) * PAGE_SIZE
    const other = this.#ram.has(gpa(pair), PAGE_SIZE) ? pair : this.#ram.runs[0]!.basePage * PAGE_SIZE
    const moved = Math.min(length, PAGE_SIZE - inPage)
    this.#starts.splice(0, 1, other + inPage, start + moved)
    this.#lengths.splice(0, 1, moved, length - moved)
    this.#count++
  }

  /** Spans of RAM for the whole transfer; their pages count as written when the device is going to write them. */
  parts(deviceWrites: boolean): readonly Uint8Array[] {
    const parts = this.#parts
    parts.length = 0
    for (let index = 0; index < this.#count; index++) {
      let at = this.#starts[index]!
      let left = this.#lengths[index]!
      while (left > 0) {
        const length = Math.min(left, this.#ram.contiguous(gpa(at)))
        parts.push(deviceWrites ? this.#writable(at, length) : this.#ram.span(gpa(at), length))
        at += length
        left -= length
      }
    }
    return parts
  }

  #writable(at: number, length: number): Uint8Array {
    const view = this.#ram.view(gpa(at), length)
    return new Uint8Array(view.buffer, view.byteOffset, length)
  }

  #append(start: number, length: number): void {
    const last = this.#count - 1
    if (last >= 0 && this.#starts[last]! + this.#lengths[last]! === start) {
      this.#lengths[last]! += length
      return
    }
    this.#starts[this.#count] = start
    this.#lengths[this.#count] = length
    this.#count++
  }
}
