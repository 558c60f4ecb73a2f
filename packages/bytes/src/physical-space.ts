// Guest physical memory as everything that reads it sees it: a dump, a checkpoint, live RAM.
import type { Gpa, Pfn } from './address.ts'

/** Pages that follow each other: `basePage` is the first PFN. */
export interface PageRun {
  readonly basePage: Pfn
  readonly pageCount: number
}

export interface PhysicalSpace {
  /** Ascending, not overlapping. */
  readonly runs: readonly PageRun[]
  /** Bytes obtained before the first hole or absent page; never throws. */
  read(gpa: Gpa, into: Uint8Array): number
}

export const pagesInRuns = (runs: readonly PageRun[]): number =>
  runs.reduce((sum, run) => sum + run.pageCount, 0)

/** Highest PFN of all runs plus one; 0 without runs. */
export const endOfRuns = (runs: readonly PageRun[]): number =>
  runs.reduce((end, run) => Math.max(end, run.basePage + run.pageCount), 0)
