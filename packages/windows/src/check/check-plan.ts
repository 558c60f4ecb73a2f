// What a contract check writes: a header, a few MiB of pages that the system does not use, the header again, into a page file in three
// pieces. The bytes are those of RAM, so that the disk can be compared with it afterwards.
import {
  endOfRuns,
  equalBytes,
  gpa,
  PAGE_SIZE,
  type PageRun,
  PageSet,
  pagesInRuns,
  pfn,
} from '@dumpstack/bytes'
import type { PageFileExtent } from '@dumpstack/drivers'
import type { DumpExtent, DumpPlan } from '@dumpstack/dumpfile'
import { type DiskImage, Owner, type Ram } from '@dumpstack/machine'

export const PARTITION_OFFSET = 0x100000
export const CHECK_EXTENTS: readonly PageFileExtent[] = [
  { fileOffset: 0, partitionOffset: 0x1800000, byteLength: 0x6000 },
  { fileOffset: 0x6000, partitionOffset: 0x0600000, byteLength: 0x7d000 },
  { fileOffset: 0x83000, partitionOffset: 0x2000000, byteLength: 0x1000000 },
]
const HEADER_BYTES = 0x2000
const HEADER_FILL = 0x5a
const RUN_PAGES = 0x180

/** Free pages below and above 4 GiB, a run of each piece of RAM that has one. */
function freeRuns(ram: Ram): PageRun[] {
  const runs: PageRun[] = []
  for (const { basePage, pageCount } of ram.runs) {
    let start = basePage
    for (let page = basePage; page < basePage + pageCount; page = pfn(page + 1)) {
      if (ram.owner(page) !== Owner.free) start = pfn(page + 1)
      if (page + 1 - start < RUN_PAGES) continue
      runs.push({ basePage: start, pageCount: RUN_PAGES })
      break
    }
  }
  return runs
}

export function checkPlan(ram: Ram): DumpPlan {
  const runs = freeRuns(ram)
  const byteLength = HEADER_BYTES + pagesInRuns(runs) * PAGE_SIZE
  const header = new Uint8Array(HEADER_BYTES).fill(HEADER_FILL)
  return {
    byteLength,
    requiredByteLength: byteLength,
    promised: PageSet.ofRuns(runs, endOfRuns(ram.runs)),
    truncated: false,
    *extents(): Generator<DumpExtent> {
      yield { at: 0, bytes: header }
      let at = HEADER_BYTES
      for (const { basePage, pageCount } of runs) {
        yield { at, pfn: basePage, pageCount }
        at += pageCount * PAGE_SIZE
      }
      yield { at: 0, bytes: header }
    },
  }
}

/** Dump offset of the first page that is not on the disk as it is in RAM; null where all are. */
export function firstDifference(plan: DumpPlan, ram: Ram, image: DiskImage): number | null {
  const wanted = new Uint8Array(PAGE_SIZE)
  const found = new Uint8Array(PAGE_SIZE)
  for (const extent of plan.extents()) {
    const total = 'bytes' in extent ? extent.bytes.byteLength : extent.pageCount * PAGE_SIZE
    for (let done = 0; done < total; done += PAGE_SIZE) {
      if ('bytes' in extent) wanted.set(extent.bytes.subarray(done, done + PAGE_SIZE))
      else ram.read(gpa(extent.pfn * PAGE_SIZE + done), wanted)
      image.read(diskOffset(extent.at + done), found)
      if (!equalBytes(wanted, found)) return extent.at + done
    }
  }
  return null
}

/** Where a page of the file lies; pieces are whole pages. */
function diskOffset(fileOffset: number): number {
  const extent = CHECK_EXTENTS.find(
    (piece) => fileOffset >= piece.fileOffset && fileOffset < piece.fileOffset + piece.byteLength,
  )!
  return PARTITION_OFFSET + extent.partitionOffset + fileOffset - extent.fileOffset
}
