// Whether pages that differ hold the RAM of other pages: a run that the dump path wrote to the wrong place, or took from one, shifts
// all its pages by one distance.
import {
  type ByteSource,
  equalBytes,
  type Gpa,
  PAGE_SIZE,
  type PageRun,
  type PhysicalSpace,
  pagesInRuns,
  pfn,
  pfnToGpa,
  splitRun,
} from '@dumpstack/bytes'
import { CHUNK_PAGES, type DumpPages, readPages } from '../compare-pages.ts'

export interface ShiftedRun {
  /** First and last page of the dump that hold the RAM of others; the pages between that do not are not counted. */
  readonly first: number
  readonly last: number
  readonly pageCount: number
  /** The dump's page n holds the RAM of page n + `by`. */
  readonly by: number
}

/** So many pages, each of another run, are looked for in the RAM. */
const MAX_PROBES = 64
const MAX_DISTANCES = 8

interface Probe {
  readonly page: number
  readonly bytes: Uint8Array
  /** Null: not found; NaN: in more than one place. */
  by: number | null
}

interface PagesAndRam {
  readonly source: ByteSource
  readonly dump: DumpPages
  readonly ram: PhysicalSpace
  /** Where to look: what the file holds besides, a hole or video memory, is no RAM. */
  readonly ramRuns: readonly PageRun[]
}

/** `runs` are pages that differ. Yields percentages from `from` on. */
export function* shiftedRuns(
  place: PagesAndRam,
  runs: readonly PageRun[],
  from: number,
): Generator<number, ShiftedRun[]> {
  const probes = probesOf(place, runs)
  for (const percent of lookFor(probes, place)) yield from + Math.floor((percent * (100 - from)) / 100)
  const shifts = new Map<number, { first: number; last: number; pageCount: number; by: number }>()
  for (const by of distances(probes)) {
    for (const run of runs) {
      for (const { basePage, pageCount } of splitRun(
        run.basePage,
        run.basePage + run.pageCount,
        CHUNK_PAGES,
      )) {
        for (const page of equalAt(place, basePage, pageCount, by)) {
          const shift = shifts.get(by) ?? { first: page, last: page, pageCount: 0, by }
          shift.last = page
          shift.pageCount++
          shifts.set(by, shift)
        }
        yield 100
      }
    }
  }
  return [...shifts.values()]
}

/** The first page of each run whose bytes can tell where they come from. */
function probesOf({ source, dump }: PagesAndRam, runs: readonly PageRun[]): Probe[] {
  const probes: Probe[] = []
  for (const { basePage, pageCount } of runs) {
    for (let page: number = basePage; page < basePage + Math.min(pageCount, CHUNK_PAGES); page++) {
      const bytes = new Uint8Array(PAGE_SIZE)
      if (readPages(source, dump, pfn(page), 1, bytes) < PAGE_SIZE || isPeriodic(bytes)) continue
      probes.push({ page, bytes, by: null })
      break
    }
    if (probes.length === MAX_PROBES) break
  }
  return probes
}

/** Every page of the RAM against every probe, by a few of their words first. */
function* lookFor(probes: readonly Probe[], { ram, ramRuns }: PagesAndRam): Generator<number> {
  const byKey = new Map<number, Probe[]>()
  for (const probe of probes) {
    const key = keyOf(new Uint32Array(probe.bytes.buffer), 0)
    byKey.set(key, [...(byKey.get(key) ?? []), probe])
  }
  if (probes.length === 0) return
  const chunk = new Uint8Array(CHUNK_PAGES * PAGE_SIZE)
  const words = new Uint32Array(chunk.buffer)
  const total = pagesInRuns(ramRuns)
  let done = 0
  for (const run of ramRuns) {
    for (const { basePage, pageCount } of splitRun(run.basePage, run.basePage + run.pageCount, CHUNK_PAGES)) {
      const obtained = ram.read(pfnToGpa(basePage), chunk.subarray(0, pageCount * PAGE_SIZE))
      for (let index = 0; (index + 1) * PAGE_SIZE <= obtained; index++) {
        const candidates = byKey.get(keyOf(words, (index * PAGE_SIZE) / 4))
        if (candidates === undefined) continue
        const bytes = chunk.subarray(index * PAGE_SIZE, (index + 1) * PAGE_SIZE)
        for (const probe of candidates)
          if (equalBytes(bytes, probe.bytes))
            probe.by = probe.by === null ? basePage + index - probe.page : Number.NaN
      }
      done += pageCount
      yield Math.floor((done * 100) / total)
    }
  }
}

/** Those of the probes that were found in one place, the most frequent first. */
function distances(probes: readonly Probe[]): number[] {
  const counts = new Map<number, number>()
  for (const { by } of probes) if (by !== null && !Number.isNaN(by)) counts.set(by, (counts.get(by) ?? 0) + 1)
  return [...counts.keys()].sort((a, b) => counts.get(b)! - counts.get(a)!).slice(0, MAX_DISTANCES)
}

/** The pages of a run whose bytes are those of the RAM `by` pages further on, and that tell where they come from. */
function* equalAt(
  { source, dump, ram }: PagesAndRam,
  base: number,
  pageCount: number,
  by: number,
): Generator<number> {
  if (base + by < 0) return
  const found = new Uint8Array(pageCount * PAGE_SIZE)
  const there = new Uint8Array(pageCount * PAGE_SIZE)
  const length = Math.min(
    readPages(source, dump, pfn(base), pageCount, found),
    ram.read(((base + by) * PAGE_SIZE) as Gpa, there), // a PFN times the page size is an address
  )
  for (let at = 0; at + PAGE_SIZE <= length; at += PAGE_SIZE) {
    const page = found.subarray(at, at + PAGE_SIZE)
    if (equalBytes(page, there.subarray(at, at + PAGE_SIZE)) && !isPeriodic(page)) yield base + at / PAGE_SIZE
  }
}

const keyOf = (words: Uint32Array, at: number): number =>
  words[at]! ^
  Math.imul(words[at + 0x155]!, 5) ^
  Math.imul(words[at + 0x2aa]!, 25) ^
  Math.imul(words[at + 0x3ff]!, 125)

/** Zeros, or eight bytes over and over: many pages are alike. */
function isPeriodic(bytes: Uint8Array): boolean {
  return equalBytes(bytes.subarray(8), bytes.subarray(0, bytes.byteLength - 8))
}
