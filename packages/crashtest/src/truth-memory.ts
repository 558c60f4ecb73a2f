// Values of RAM at the crash by virtual address, through the page tables of the crash as the truth has them.
import { type Gpa, type Gva, PAGE_SIZE, pfn } from '@dumpstack/bytes'
import { PageWalker } from '@dumpstack/dumpfile'
import type { Evidence } from '@dumpstack/target'

const POINTER_BYTES = 8

export class TruthMemory {
  readonly #evidence: Evidence
  readonly #walker: PageWalker

  constructor(evidence: Evidence) {
    this.#evidence = evidence
    this.#walker = new PageWalker(evidence.truth, evidence.directoryTableBase)
  }

  /** Null where RAM cannot tell: no memory, over the edge of a page, or changed by the dump path since. */
  u64(address: Gva): bigint | null {
    const place = this.#walker.walk(Number(address >> 32n), Number(address & 0xffff_ffffn)) // two halves of 32 bits
    if (place < 0 || (place % PAGE_SIZE) + POINTER_BYTES > PAGE_SIZE) return null
    if (this.#evidence.changedByDumpPath.has(pfn(Math.floor(place / PAGE_SIZE)))) return null
    const bytes = new Uint8Array(POINTER_BYTES)
    const obtained = this.#evidence.truth.read(place as Gpa, bytes) // a walk gives a physical address
    return obtained < POINTER_BYTES ? null : new DataView(bytes.buffer).getBigUint64(0, true)
  }
}
