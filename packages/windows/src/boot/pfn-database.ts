// nt!MmPfnDatabase: a row for each page of RAM, as Windows keeps it: in use and mapped by which entry, or free. Rows of
// holes have addresses and no memory. Free pages are not linked: the list heads are not modelled.
import { endOfRuns, type Gva, gva, highHalf, PAGE_SIZE, type Pfn, pfn } from '@dumpstack/bytes'
import { Owner } from '@dumpstack/machine'
import { MMPFN_CACHED, MMPFN_MODIFIED, PageLocation } from '@dumpstack/nt'
import type { KernelMemoryManager } from './memory-manager.ts'
import { KERNEL_READ_WRITE, type PageTables } from './page-tables.ts'

const ROWS_AT_ONCE = 4096
/** MMPTE_SOFTWARE of a demand-zero page that may be read and written: MM_READWRITE (4) in bits 5..9. */
const DEMAND_ZERO_READWRITE = 0x80

export class PfnDatabase {
  readonly base: Gva
  readonly #memory: KernelMemoryManager

  constructor(memory: KernelMemoryManager) {
    this.#memory = memory
    this.base = memory.regions.pfnDatabase.start
    const { size } = memory.profile.layouts.Mmpfn
    let end = 0
    for (const run of memory.ram.runs) {
      const first = Math.max(end, Math.floor((run.basePage * size) / PAGE_SIZE))
      end = Math.ceil(((run.basePage + run.pageCount) * size) / PAGE_SIZE)
      const va = gva(this.base + BigInt(first * PAGE_SIZE))
      memory.space.commitZeroed(va, end - first, Owner.kernel, KERNEL_READ_WRITE)
    }
  }

  /** Brings every row up to date with the tables of the system and of `processes`. */
  refresh(processes: readonly PageTables[]): void {
    const { ram, tables, space, profile } = this.#memory
    const { Mmpfn, MMPFN_EXISTS_HIGH } = profile.layouts
    const { fields, size } = Mmpfn
    const end = endOfRuns(ram.runs)
    const shares = new Uint16Array(end)
    const frames = new Uint32Array(end)
    const entries = new Float64Array(end)
    const note = (target: Pfn, table: Pfn, entryAt: number): void => {
      if (target >= end) return // a register window
      const seen = shares[target]!
      shares[target] = seen + 1
      if (seen > 0) return
      frames[target] = table
      entries[target] = entryAt
    }
    tables.visit('kernel', note)
    for (const process of processes) {
      process.visit('user', note)
      note(process.root, process.root, selfMapEntry(process))
    }
    const rows = new Uint8Array(ROWS_AT_ONCE * size)
    const view = new DataView(rows.buffer)
    for (const run of ram.runs) {
      for (let done = 0; done < run.pageCount; done += ROWS_AT_ONCE) {
        const count = Math.min(ROWS_AT_ONCE, run.pageCount - done)
        const first = run.basePage + done
        rows.fill(0)
        for (let i = 0; i < count; i++) {
          const page = pfn(first + i)
          const at = i * size
          view.setUint32(at + fields.u4.offset + 4, MMPFN_EXISTS_HIGH, true)
          if (ram.owner(page) === Owner.free) {
            view.setUint8(at + fields.e1.offset, PageLocation.FreePageList | MMPFN_CACHED)
            continue
          }
          const entryAt = entries[page]!
          view.setUint32(at + fields.pteAddress.offset, entryAt >>> 0, true)
          view.setUint32(at + fields.pteAddress.offset + 4, (0xffff0000 | highHalf(entryAt)) >>> 0, true)
          view.setUint32(at + fields.originalPte.offset, DEMAND_ZERO_READWRITE, true)
          view.setUint32(at + fields.u2.offset, shares[page]!, true)
          view.setUint16(at + fields.referenceCount.offset, 1, true)
          const modified = ram.used.has(page) ? MMPFN_MODIFIED : 0
          view.setUint8(at + fields.e1.offset, PageLocation.ActiveAndValid | MMPFN_CACHED | modified)
          view.setUint32(at + fields.u4.offset, frames[page]!, true)
        }
        space.write(gva(this.base + BigInt(first * size)), rows.subarray(0, count * size))
      }
    }
  }
}

/** Low 48 bits of the address where a PML4 shows its own entry. */
const selfMapEntry = ({ selfMapSlot }: PageTables): number =>
  selfMapSlot * (2 ** 39 + 2 ** 30 + 2 ** 21 + 2 ** 12 + 8)
