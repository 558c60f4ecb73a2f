// One MDL on its way to filter and port: pages that follow each other in the dump file, at most as many as a filter's scratch
// memory holds, never over the end of a page file extent. Header bytes are copied to scratch pages in guest RAM first,
// because a controller reads nothing else.
import { getHalves, hex, PAGE_SIZE, setHalves } from '@dumpstack/bytes'
import { MDL_MAPPED_TO_SYSTEM_VA, MDL_PAGES_LOCKED, MDL_PFN_ARRAY, Mdl } from '@dumpstack/nt'
import type { DataWindow } from '../data-window.ts'
import { DriversError } from '../errors.ts'
import { NULL_VA } from '../guest-block.ts'
import type { GuestBlock } from '../miniport.ts'

export const mdlBytes = (pages: number): number => MDL_PFN_ARRAY + pages * 8

export class WriteBatch {
  readonly mdl: GuestBlock
  /** Page frame numbers as the broker put them; a filter may only point the MDL elsewhere. */
  readonly pages: Float64Array
  /** Offset in the dump file of the first byte. */
  start = 0
  byteLength = 0
  pageCount = 0
  readonly #maxPages: number
  readonly #scratch: GuestBlock
  readonly #scratchBytes: Uint8Array
  readonly #fields: Mdl
  #limit = 0
  #isScratch = false

  constructor(mdl: GuestBlock, scratch: GuestBlock, maxPages: number) {
    this.mdl = mdl
    this.#fields = Mdl.at(mdl.view)
    this.#scratch = scratch
    const { buffer, byteOffset, byteLength } = scratch.view
    this.#scratchBytes = new Uint8Array(buffer, byteOffset, byteLength)
    this.#maxPages = maxPages
    this.pages = new Float64Array(maxPages)
  }

  /** Starts an empty batch at `at`, of at most `contiguous` bytes. */
  begin(at: number, contiguous: number): void {
    if (at % PAGE_SIZE !== 0) {
      throw new DriversError('DUMP_PLAN', `extent at dump offset ${hex(at)} does not start at a page`, { at })
    }
    this.start = at
    this.byteLength = 0
    this.pageCount = 0
    this.#limit = Math.min(this.#maxPages * PAGE_SIZE, contiguous)
  }

  /** Pages taken of `count`; 0: write this batch first. */
  takePages(at: number, page: number, count: number): number {
    if (!this.#follows(at, false)) return 0
    const taken = Math.min(count, (this.#limit - this.byteLength) / PAGE_SIZE)
    for (let i = 0; i < taken; i++) this.#add(page + i)
    this.byteLength += taken * PAGE_SIZE
    return taken
  }

  /** Bytes taken of `bytes` from `from` on; 0: write this batch first. */
  takeBytes(at: number, bytes: Uint8Array, from: number): number {
    if (!this.#follows(at, true)) return 0
    const taken = Math.min(bytes.byteLength - from, this.#limit - this.byteLength)
    this.#scratchBytes.set(bytes.subarray(from, from + taken), this.byteLength)
    this.byteLength += taken
    return taken
  }

  /** Completes the MDL; a last page of bytes is filled up with zeros. */
  seal(): void {
    if (this.#isScratch) {
      const whole = Math.ceil(this.byteLength / PAGE_SIZE) * PAGE_SIZE
      this.#scratchBytes.fill(0, this.byteLength, whole)
      this.byteLength = whole
      const first = this.#scratch.gpa / PAGE_SIZE
      for (let i = 0; i < whole / PAGE_SIZE; i++) this.#add(first + i)
    }
    const fields = this.#fields
    fields.next = 0n
    fields.size = mdlBytes(this.pageCount)
    fields.mdlFlags = MDL_PAGES_LOCKED | (this.#isScratch ? MDL_MAPPED_TO_SYSTEM_VA : 0)
    fields.mappedSystemVa = this.#isScratch ? this.#scratch.va : NULL_VA
    fields.startVa = this.#isScratch ? this.#scratch.va : NULL_VA
    fields.byteCount = this.byteLength
    fields.byteOffset = 0
  }

  /** Maps the pages of the MDL, as the filters left them: the port finds them at MappedSystemVa. */
  mapTo(window: DataWindow): void {
    window.unmap()
    for (let i = 0; i < this.pageCount; i++) {
      window.add(getHalves(this.mdl.view, MDL_PFN_ARRAY + i * 8) * PAGE_SIZE)
    }
    const fields = this.#fields
    fields.mdlFlags |= MDL_MAPPED_TO_SYSTEM_VA
    fields.mappedSystemVa = window.addressOf(0)
  }

  #follows(at: number, isScratch: boolean): boolean {
    if (this.byteLength === 0) this.#isScratch = isScratch
    return (
      this.#isScratch === isScratch && at === this.start + this.byteLength && this.byteLength < this.#limit
    )
  }

  #add(page: number): void {
    const at = MDL_PFN_ARRAY + this.pageCount * 8
    setHalves(this.mdl.view, at, page)
    this.pages[this.pageCount++] = page
  }
}
