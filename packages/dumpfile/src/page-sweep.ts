// Every page that the kernel half of four levels of x64 page tables maps (Intel SDM vol. 3, 4.5), and the tables of both halves. A
// visitor takes numbers, so that nothing is allocated per entry. Entries that are not valid map nothing.
import { type Gpa, PAGE_SIZE, type PhysicalSpace, pagesInRuns } from '@dumpstack/bytes'
import { PTE_VALID, PTE_WRITE, PTES_PER_TABLE } from '@dumpstack/nt'
import { framePfn, isLargePage, LEAF_SHIFT, ROOT_SHIFT } from './page-walk.ts'

export interface PageVisitor {
  /** `pageCount` pages from PFN `frame` on; `page` is the virtual page number, 36 bits of the address, of the first. */
  mapped(frame: number, pageCount: number, page: number, isWritable: boolean): void
  /** A table of the tree, of addresses of programs too. */
  table(frame: number): void
}

/** The kernel has the upper half of the addresses. */
const FIRST_KERNEL_PAGE = 2 ** (ROOT_SHIFT + 9 - LEAF_SHIFT - 1)
/** The generator yields at least after so many tables. */
const TABLES_PER_TURN = 256

/** False where the tables are more than RAM has pages: no kernel's are. Yields the percentage of the addresses done. */
export function* sweepKernelPages(
  space: PhysicalSpace,
  dtb: Gpa,
  visitor: PageVisitor,
): Generator<number, boolean> {
  const root = Math.floor(dtb / PAGE_SIZE)
  const tables = [39, 30, 21, 12].map(() => new Uint32Array(PAGE_SIZE / 4))
  let left = pagesInRuns(space.runs)
  let percent = 0

  /** `first` is the virtual page number at which the table begins. */
  function* visit(frame: number, shift: number, first: number, isWritable: boolean): Generator<number> {
    if (left-- <= 0) return
    visitor.table(frame)
    if (left % TABLES_PER_TURN === 0) yield percent
    const table = tables[(ROOT_SHIFT - shift) / 9]!
    const bytes = new Uint8Array(table.buffer)
    if (space.read((frame * PAGE_SIZE) as Gpa, bytes) < PAGE_SIZE) return // a PFN times the page size is an address
    const pages = 2 ** (shift - LEAF_SHIFT)
    for (let entry = 0; entry < PTES_PER_TABLE; entry++) {
      const low = table[entry * 2]!
      if ((low & PTE_VALID) === 0) continue
      const high = table[entry * 2 + 1]!
      const next = framePfn(high, low)
      const page = first + entry * pages
      const canWrite = isWritable && (low & PTE_WRITE) !== 0
      if (shift === ROOT_SHIFT) percent = Math.floor((entry * 100) / PTES_PER_TABLE)
      if (shift === LEAF_SHIFT || isLargePage(low, shift)) {
        if (page >= FIRST_KERNEL_PAGE) visitor.mapped(next - (next % pages), pages, page, canWrite)
      } else if (shift !== ROOT_SHIFT || next !== root) {
        // The entry through which the tables map themselves leads to no other page.
        yield* visit(next, shift - 9, page, canWrite)
      }
    }
  }
  yield* visit(root, ROOT_SHIFT, 0, true)
  return left >= 0
}
