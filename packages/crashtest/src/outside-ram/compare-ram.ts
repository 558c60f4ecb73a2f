// Compares every page of a dump with RAM that was taken from outside, once or twice, while the machine stood at the blue screen. A page
// that differs between two files of RAM changed while the dump was written; of one file, only whose the page is tells whether it may.
import {
  type ByteSource,
  equalBytes,
  PAGE_SIZE,
  type PageRun,
  type Pfn,
  type PhysicalSpace,
  pfnToGpa,
} from '@dumpstack/bytes'
import type { Dump } from '@dumpstack/dumpfile'
import {
  CHUNK_PAGES,
  comparePages,
  type DifferentPage,
  type DumpPages,
  firstDifference,
  type PageResults,
} from '../compare-pages.ts'
import { FIRST_NAMED } from '../compare-truth.ts'
import { isWrittenAtBlueScreen, type PageOwner } from '../page-owner.ts'
import type { TruthCount } from '../test-event.ts'
import { type OutsideRam, physicalMemory } from './kernel-in-ram.ts'
import { pageOwners } from './page-owners.ts'
import { difference, intersection, RunList } from './page-runs.ts'
import { type ShiftedRun, shiftedRuns } from './shifted-pages.ts'

/** So many pages that differ are looked at one by one; the others are counted. */
const MAX_KEPT = 0x10000
/** How much of the work the comparison is; the rest is to find owners and shifted runs. */
const [COMPARED_PERCENT, OWNED_PERCENT] = [70, 75]

export interface OwnedPage extends DifferentPage {
  readonly owner: PageOwner
  /** Nothing can have changed it: it is the same in two files of RAM, or nothing that runs can write it. */
  readonly isProof: boolean
}

export interface RamComparison {
  readonly count: TruthCount
  /** Pages that differ and that Windows may have changed, by a second file of RAM or by their owner. */
  readonly changed: readonly OwnedPage[]
  /** All others that differ. */
  readonly different: readonly OwnedPage[]
  readonly shifted: readonly ShiftedRun[]
  /** Pages that the dump names and its file does not hold. */
  readonly cutOff: RunList
  /** Of a full dump: pages that Windows takes for RAM and that the dump does not name. Null where nothing tells. */
  readonly lacking: RunList | null
  /** Of a full dump: pages that the dump holds and Windows does not take for RAM. */
  readonly unlisted: RunList
  /** Pages of the dump that the RAM does not hold: not compared. */
  readonly outside: RunList
}

/** `expected`: the pages that the dump has to hold; null where nothing tells. Yields a percentage. */
export function* compareRam(
  source: ByteSource,
  dump: Dump,
  outsideRam: OutsideRam,
  expected: readonly PageRun[] | null,
): Generator<number, RamComparison> {
  const { ram, second, kernel } = outsideRam
  const held = (): Iterable<PageRun> => dump.pages?.runs() ?? []
  const total = dump.pages?.size ?? 0
  const differing = new DifferingPages(dump, second)
  const common = intersection(held(), ram.runs, CHUNK_PAGES)
  for (const done of comparePages(source, dump, common, ram, differing))
    yield Math.floor((done * COMPARED_PERCENT) / total)

  const { kept, changedPages, unchangedPages } = differing
  const owners = yield* pageOwners(kept, outsideRam, dump.header, COMPARED_PERCENT, OWNED_PERCENT)
  const changed: OwnedPage[] = []
  const different: OwnedPage[] = []
  const runs = new RunList(MAX_KEPT)
  for (const [index, page] of kept.entries()) {
    const owner = owners[index]!
    const isProof = unchangedPages.has(page.pfn) || !owner.isWritable
    if (changedPages.has(page.pfn) || isWrittenAtBlueScreen(owner))
      changed.push({ ...page, owner, isProof: false })
    else {
      different.push({ ...page, owner, isProof })
      runs.add(page.pfn)
    }
  }
  const ramRuns = [...intersection(physicalMemory(kernel) ?? ram.runs, ram.runs)]
  const place = { source, dump, ram, ramRuns }
  const shifted = different.length === 0 ? [] : yield* shiftedRuns(place, runs.first, OWNED_PERCENT)

  const outside = RunList.of(difference(held(), ram.runs), FIRST_NAMED)
  const lacking = expected && RunList.of(difference(expected, held()), FIRST_NAMED)
  const unlisted = RunList.of(difference(held(), expected ?? held()), FIRST_NAMED)
  const cutOff = differing.cut
  const differs = different.length + differing.beyond
  return {
    count: {
      unit: 'pages',
      compared: differing.equalCount + changed.length + differs,
      equal: differing.equalCount,
      changedByDumpPath: changed.length,
      different: differs,
      missing: cutOff.pageCount + (lacking?.pageCount ?? 0),
      extra: outside.pageCount,
    },
    changed,
    different,
    shifted,
    cutOff,
    lacking,
    unlisted,
    outside,
  }
}

class DifferingPages implements PageResults {
  equalCount = 0
  readonly kept: DifferentPage[] = []
  /** Of `kept`: those that differ between the two files of RAM, and those that do not. */
  readonly changedPages = new Set<Pfn>()
  readonly unchangedPages = new Set<Pfn>()
  /** Pages that differ and are not in `kept`. */
  beyond = 0
  readonly cut = new RunList(FIRST_NAMED)
  readonly #dump: DumpPages
  readonly #second: PhysicalSpace | null
  readonly #page = new Uint8Array(PAGE_SIZE)

  constructor(dump: DumpPages, second: PhysicalSpace | null) {
    this.#dump = dump
    this.#second = second
  }

  equal(pageCount: number): void {
    this.equalCount += pageCount
  }

  cutOff(page: Pfn): void {
    this.cut.add(page)
  }

  differs(page: Pfn, found: Uint8Array, expected: Uint8Array, from: number): void {
    if (this.kept.length === MAX_KEPT) {
      this.beyond++
      return
    }
    this.kept.push(firstDifference(page, this.#dump.pageOffset(page), found, expected, from))
    if (this.#second === null || this.#second.read(pfnToGpa(page), this.#page) < PAGE_SIZE) return
    const isUnchanged = equalBytes(this.#page, expected.subarray(from, from + PAGE_SIZE))
    if (isUnchanged) this.unchangedPages.add(page)
    else this.changedPages.add(page)
  }
}
