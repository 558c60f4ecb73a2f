// What RAM itself says about its pages at the freeze, for the judge: by the machine's owner tags, not by the promise that
// the dump was planned with, so that a wrong promise shows.
import {
  endOfRuns,
  equalBytes,
  PAGE_SIZE,
  PageSet,
  type PhysicalSpace,
  pfn,
  pfnToGpa,
} from '@dumpstack/bytes'
import { Owner, type Ram } from '@dumpstack/machine'
import type { DumpType } from '@dumpstack/target'

/** All pages in a full dump; those of the kernel and of the dump path in a kernel dump; none in a mini dump. */
export function promisedPages(ram: Ram, dump: DumpType): PageSet {
  if (dump === 'full') return PageSet.ofRuns(ram.runs, endOfRuns(ram.runs))
  return pagesOf(ram, dump === 'kernel' ? [Owner.kernel, Owner.dumpPath] : [])
}

export function pagesOf(ram: Ram, owners: readonly Owner[]): PageSet {
  const pages = new PageSet(endOfRuns(ram.runs))
  for (const { basePage, pageCount } of ram.runs) {
    for (let page = basePage; page < basePage + pageCount; page = pfn(page + 1)) {
      if (owners.includes(ram.owner(page))) pages.add(page)
    }
  }
  return pages
}

export interface PagesAfterCrash {
  /** Pages of the dump path that were written since the crash: they may hold anything. */
  readonly changedByDumpPath: PageSet
  /** Pages of other owners that are no longer as at the freeze: nothing of the system changes those. */
  readonly strayWrites: PageSet
}

/** `dumpPath`: whose pages were tagged so at the freeze. A page that was only looked at through a view is equal. */
export function pagesAfterCrash(
  ram: PhysicalSpace,
  written: PageSet,
  dumpPath: PageSet,
  frozen: PhysicalSpace,
): PagesAfterCrash {
  const changedByDumpPath = new PageSet(written.bitCount)
  const strayWrites = new PageSet(written.bitCount)
  const now = new Uint8Array(PAGE_SIZE)
  const then = new Uint8Array(PAGE_SIZE)
  for (const { basePage } of written.runs(1)) {
    if (dumpPath.has(basePage)) {
      changedByDumpPath.add(basePage)
      continue
    }
    ram.read(pfnToGpa(basePage), now)
    frozen.read(pfnToGpa(basePage), then)
    if (!equalBytes(now, then)) strayWrites.add(basePage)
  }
  return { changedByDumpPath, strayWrites }
}
