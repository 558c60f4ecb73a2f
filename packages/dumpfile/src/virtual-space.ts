// The virtual memory of a dump, as one set of page tables maps it.
import type { Gpa, Gva, Pfn, PhysicalSpace } from '@dumpstack/bytes'
import type { DumpBody } from './body.ts'
import { highHalf, lowHalf, NOT_MAPPED, PAGED_OUT, PageWalker, TABLE_ABSENT } from './page-walk.ts'

/**
 * notMapped: no valid entry. notInDump: the page or a page table is not among the dump's pages. pagedOut: the entry
 * names a page file or a prototype entry. pastEnd: the dump says it holds the page, the file ends before it.
 */
export type Absence = 'notMapped' | 'notInDump' | 'pagedOut' | 'pastEnd'

export interface VirtualSpace {
  /** Bytes obtained before the first address that leads to no page; `absence` of that address says why. */
  read(gva: Gva, into: Uint8Array): number
  /** Null where the address can be read. */
  absence(gva: Gva): Absence | null
  /** Null where the address leads to no page. */
  translate(gva: Gva): Gpa | null
}

const PAGE_BYTES = 4096

/** Through page tables in any physical memory. */
export class PhysicalVirtualSpace implements VirtualSpace {
  readonly #walker: PageWalker
  readonly #physical: PhysicalSpace

  constructor(physical: PhysicalSpace, dtb: Gpa) {
    this.#walker = new PageWalker(physical, dtb)
    this.#physical = physical
  }

  read(gva: Gva, into: Uint8Array): number {
    let high = highHalf(gva)
    let low = lowHalf(gva)
    let done = 0
    while (done < into.byteLength) {
      const place = this.#walker.walk(high, low)
      if (place < 0) break
      const length = Math.min(PAGE_BYTES - (low & 0xfff), into.byteLength - done)
      const part = length === into.byteLength ? into : into.subarray(done, done + length)
      const got = this.#physical.read(place as Gpa, part) // a walk that succeeds gives a physical address
      done += got
      if (got < length) break
      if (low + length > 0xffff_ffff) high = (high + 1) >>> 0
      low = (low + length) >>> 0
      if (high === 0 && low === 0) break // the end of the address space
    }
    return done
  }

  absence(gva: Gva): Absence | null {
    const place = this.#walker.walk(highHalf(gva), lowHalf(gva))
    switch (place) {
      case NOT_MAPPED:
        return 'notMapped'
      case TABLE_ABSENT:
        return this.pageAbsence(this.#walker.absentTable as Pfn) // the walker keeps PFNs
      case PAGED_OUT:
        return 'pagedOut'
      default:
        return this.pageAbsence(Math.floor(place / PAGE_BYTES) as Pfn) // the page of an address
    }
  }

  /** For a page that a walk reached. */
  protected pageAbsence(page: Pfn): Absence | null {
    const byte = new Uint8Array(1)
    return this.#physical.read((page * PAGE_BYTES) as Gpa, byte) < 1 ? 'notInDump' : null // a PFN times the page size
  }

  translate(gva: Gva): Gpa | null {
    const place = this.#walker.walk(highHalf(gva), lowHalf(gva))
    return place < 0 ? null : (place as Gpa) // a walk that succeeds gives a physical address
  }
}

export class DumpVirtualSpace extends PhysicalVirtualSpace {
  readonly #body: DumpBody
  readonly #byteLength: number

  constructor(physical: PhysicalSpace, body: DumpBody, byteLength: number, dtb: Gpa) {
    super(physical, dtb)
    this.#body = body
    this.#byteLength = byteLength
  }

  protected override pageAbsence(page: Pfn): Absence | null {
    const offset = this.#body.offsetOf(page)
    if (offset < 0) return 'notInDump'
    return offset + PAGE_BYTES > this.#byteLength ? 'pastEnd' : null
  }
}
