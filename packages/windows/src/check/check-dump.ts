// What a life of a check writes: a header, some MiB of pages that the system does not use, the header again; and where the page file
// lies that takes it. The bytes are those of RAM, so that the disk can be compared with it afterwards.
import {
  endOfRuns,
  equalBytes,
  gpa,
  hex,
  PAGE_SIZE,
  type PageRun,
  PageSet,
  pagesInRuns,
  pfn,
} from '@dumpstack/bytes'
import type { PageFileExtent, RuntimeStack } from '@dumpstack/drivers'
import type { DumpExtent, DumpPlan } from '@dumpstack/dumpfile'
import { type DiskImage, Owner, type Ram } from '@dumpstack/machine'
import { SeededChoice } from '../boot/seeded-choice.ts'
import { SECTORS, type SystemSettings } from './settings.ts'

export const PARTITION_OFFSET = 0x100000
const HEADER_BYTES = 0x2000
const HEADER_FILL = 0x5a
const MIN_PAGES = 0x200
/** Shorter runs of free pages are left out, so that most requests are one piece of RAM unless they are to be scattered. */
const MIN_RUN_PAGES = 0x20

/** Bytes of the disk, page file and other I/O in the middle of it. */
const MIDDLE = 0x700000
const IO_AT = 0x3200000
/** A page file beyond a sector begins so far before it: a request crosses it. */
const BEFORE_BOUNDARY = 0x8000
const ROOM_BEYOND = 0x4000000

/** Some more than the page file has pieces, so that it can be in so many. */
const dumpPages = ({ extents }: SystemSettings): number => Math.max(MIN_PAGES, extents + 0x20)

/** Where things lie on the disk of a life; offsets in bytes. */
export interface DiskLayout {
  readonly byteLength: number
  readonly pageFile: readonly PageFileExtent[]
  /** What the running system writes and reads back, before any dump: as far out as the page file. */
  readonly transferAt: number
  /** What is in flight when it crashes: away from the page file. */
  readonly busyAt: number
}

export function diskLayout(system: SystemSettings, seed: number, transferBytes: number): DiskLayout {
  const dumpBytes = HEADER_BYTES + dumpPages(system) * PAGE_SIZE
  const pieces = cut(dumpBytes / PAGE_SIZE, system.extents, new SeededChoice(seed, 'page file of a check'))
  const regionBytes = dumpBytes + (pieces.length - 1) * PAGE_SIZE
  const boundary = boundaryOf(system)
  const byteLength = Math.max(system.diskSize, boundary + ROOM_BEYOND)
  const isAtEnd = system.pageFile === 'end'
  const start = isAtEnd ? byteLength - regionBytes : boundary > 0 ? boundary - BEFORE_BOUNDARY : MIDDLE
  return {
    byteLength,
    pageFile: placed(pieces, start - PARTITION_OFFSET, new SeededChoice(seed, 'places of a page file')),
    transferAt: isAtEnd ? byteLength - transferBytes : boundary > 0 ? start : IO_AT,
    busyAt: IO_AT,
  }
}

/** What is wrong with the disk that a driver says there is; null where nothing is. */
export function capacityFault(
  { sectorBytes, sectorCount }: Pick<RuntimeStack['bootDevice'], 'sectorBytes' | 'sectorCount'>,
  { byteLength, pageFile }: Pick<DiskLayout, 'byteLength' | 'pageFile'>,
): { readonly message: string; readonly leavesNoPlace: boolean } | null {
  const said = sectorBytes * sectorCount
  const what = `READ CAPACITY was answered with ${hex(sectorCount)} blocks of ${hex(sectorBytes)} bytes`
  if (said > byteLength) {
    const message = `${what}, expected at most the ${hex(byteLength)} bytes that the disk has`
    return { message, leavesNoPlace: false }
  }
  const needed = PARTITION_OFFSET + Math.max(...pageFile.map((one) => one.partitionOffset + one.byteLength))
  // 2^32 blocks are what READ CAPACITY (10) says of all disks that have more
  if (said >= needed || sectorCount >= 2 ** 32) return null
  const message = `${what}, expected at least ${hex(needed)} bytes, where the page file ends on this disk`
  return { message, leavesNoPlace: true }
}

/** The byte that the page file goes beyond; 0 where it is no such place. */
function boundaryOf({ pageFile, sector }: SystemSettings): number {
  const { logicalSectorBytes } = SECTORS[sector]
  if (pageFile === 'beyond-2^28') return 2 ** 28 * logicalSectorBytes
  return pageFile === 'beyond-2^32' ? 2 ** 32 * logicalSectorBytes : 0
}

/** Page counts of so many pieces, in the order of the file. */
function cut(pages: number, count: number, choice: SeededChoice): number[] {
  const ends = shuffled(
    Array.from({ length: pages - 1 }, (_, index) => index + 1),
    choice,
  )
    .slice(0, count - 1)
    .sort((a, b) => a - b)
  return [...ends, pages].map((end, index) => end - (ends[index - 1] ?? 0))
}

/** The pieces in another order than the file's, a page apart, from `start` on. */
function placed(pieces: readonly number[], start: number, choice: SeededChoice): PageFileExtent[] {
  const offsets: number[] = []
  let at = start
  for (const index of shuffled([...pieces.keys()], choice)) {
    offsets[index] = at
    at += (pieces[index]! + 1) * PAGE_SIZE
  }
  let fileOffset = 0
  return pieces.map((pageCount, index) => {
    const extent = { fileOffset, partitionOffset: offsets[index]!, byteLength: pageCount * PAGE_SIZE }
    fileOffset += extent.byteLength
    return extent
  })
}

function shuffled(values: number[], choice: SeededChoice): number[] {
  for (let i = values.length - 1; i > 0; i--) {
    const j = choice.below(i + 1)
    ;[values[i], values[j]] = [values[j]!, values[i]!]
  }
  return values
}

/** Free pages, as many from each piece of RAM above the first MiB. */
function freeRuns(ram: Ram, count: number): PageRun[] {
  const pieces = ram.runs.filter(({ basePage }) => basePage >= 0x100)
  return pieces.flatMap(({ basePage, pageCount }) => {
    const runs: PageRun[] = []
    const end = basePage + pageCount
    let wanted = Math.ceil(count / pieces.length)
    for (let start = basePage as number, page = start; page <= end && wanted > 0; page++) {
      const isFree = page < end && ram.owner(pfn(page)) === Owner.free
      const length = page - start
      if (isFree && length < wanted) continue
      if (length >= Math.min(wanted, MIN_RUN_PAGES)) {
        runs.push({ basePage: pfn(start), pageCount: length })
        wanted -= length
      }
      start = page + 1
    }
    return runs
  })
}

/** With its pages as they follow each other in RAM, or such that no two do. */
export function checkDump(ram: Ram, system: SystemSettings): DumpPlan {
  const runs = freeRuns(ram, dumpPages(system))
  const byteLength = HEADER_BYTES + pagesInRuns(runs) * PAGE_SIZE
  const header = new Uint8Array(HEADER_BYTES).fill(HEADER_FILL)
  const pieces = system.buffers === 'scattered' ? pagesApart(runs) : runs
  return {
    byteLength,
    requiredByteLength: byteLength,
    promised: PageSet.ofRuns(runs, endOfRuns(ram.runs)),
    truncated: false,
    *extents(): Generator<DumpExtent> {
      yield { at: 0, bytes: header }
      let at = HEADER_BYTES
      for (const { basePage, pageCount } of pieces) {
        yield { at, pfn: basePage, pageCount }
        at += pageCount * PAGE_SIZE
      }
      yield { at: 0, bytes: header }
    },
  }
}

/** One of the first half, one of the second, and so on. */
function pagesApart(runs: readonly PageRun[]): PageRun[] {
  const pages = runs.flatMap(({ basePage, pageCount }) =>
    Array.from({ length: pageCount }, (_, index) => ({ basePage: pfn(basePage + index), pageCount: 1 })),
  )
  const half = Math.ceil(pages.length / 2)
  return pages.slice(0, half).flatMap((page, index) => [page, ...pages.slice(half + index, half + index + 1)])
}

/** Dump offset of the first page that is not on the disk as it is in RAM; null where all are. */
export function firstDifference(
  plan: DumpPlan,
  pageFile: readonly PageFileExtent[],
  ram: Ram,
  image: DiskImage,
): number | null {
  const wanted = new Uint8Array(PAGE_SIZE)
  const found = new Uint8Array(PAGE_SIZE)
  const places = new Float64Array(plan.byteLength / PAGE_SIZE)
  for (const { fileOffset, partitionOffset, byteLength } of pageFile)
    for (let at = 0; at < byteLength; at += PAGE_SIZE)
      places[(fileOffset + at) / PAGE_SIZE] = PARTITION_OFFSET + partitionOffset + at
  for (const extent of plan.extents()) {
    const total = 'bytes' in extent ? extent.bytes.byteLength : extent.pageCount * PAGE_SIZE
    for (let done = 0; done < total; done += PAGE_SIZE) {
      if ('bytes' in extent) wanted.set(extent.bytes.subarray(done, done + PAGE_SIZE))
      else ram.read(gpa(extent.pfn * PAGE_SIZE + done), wanted)
      image.read(places[(extent.at + done) / PAGE_SIZE]!, found)
      if (!equalBytes(wanted, found)) return extent.at + done
    }
  }
  return null
}
