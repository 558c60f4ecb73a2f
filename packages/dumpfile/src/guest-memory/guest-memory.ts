// RAM of a guest as pieces of a file, each of which holds guest-physical memory. What it costs depends on the number of pieces, not
// on their places: video memory can lie at terabytes.
import {
  type ByteSource,
  countBefore,
  type Gpa,
  hex,
  PAGE_SIZE,
  type PageRun,
  type PhysicalSpace,
  pfn,
} from '@dumpstack/bytes'
import { DumpError } from '../dump-error.ts'

export interface MemorySegment {
  /** The address of its first byte; a whole number of pages. */
  readonly gpa: number
  /** The offset of its first byte in the file. */
  readonly offset: number
  readonly byteLength: number
}

export class GuestMemory implements PhysicalSpace {
  readonly format: 'raw' | 'ELF core'
  readonly runs: readonly PageRun[]
  readonly #source: ByteSource
  /** Ascending; they neither overlap nor continue each other in the file. */
  readonly #segments: readonly MemorySegment[]

  /** Throws DumpError where two segments give one page different bytes of the file. */
  constructor(format: GuestMemory['format'], source: ByteSource, segments: readonly MemorySegment[]) {
    this.format = format
    this.#source = source
    this.#segments = joined(segments)
    this.runs = pageRuns(this.#segments)
  }

  read(gpa: Gpa, into: Uint8Array): number {
    let done = 0
    while (done < into.byteLength) {
      const at = gpa + done
      const segment = this.#segmentOf(at)
      if (segment === null) break
      const skip = at - segment.gpa
      const length = Math.min(into.byteLength - done, segment.byteLength - skip)
      const obtained = this.#source.read(segment.offset + skip, into.subarray(done, done + length))
      done += obtained
      if (obtained < length) break
    }
    return done
  }

  #segmentOf(address: number): MemorySegment | null {
    const count = countBefore(this.#segments.length, (index) => this.#segments[index]!.gpa <= address)
    const segment = count === 0 ? null : this.#segments[count - 1]!
    return segment === null || address >= segment.gpa + segment.byteLength ? null : segment
  }
}

/** With paging a core has one segment for each mapping, so that many name the same pages. */
function joined(segments: readonly MemorySegment[]): MemorySegment[] {
  const result: MemorySegment[] = []
  for (const segment of segments.toSorted((a, b) => a.gpa - b.gpa)) {
    const last = result.at(-1)
    const lastEnd = last === undefined ? -1 : last.gpa + last.byteLength
    if (last === undefined || segment.gpa > lastEnd) {
      result.push(segment)
    } else if (segment.offset - segment.gpa === last.offset - last.gpa) {
      const byteLength = Math.max(lastEnd, segment.gpa + segment.byteLength) - last.gpa
      result[result.length - 1] = { ...last, byteLength }
    } else if (segment.gpa === lastEnd) {
      result.push(segment)
    } else {
      throw new DumpError(
        'GUEST_MEMORY_DAMAGED',
        `two segments of the core hold gpa ${hex(segment.gpa)}, at file offsets ${hex(last.offset + segment.gpa - last.gpa)} and ${hex(segment.offset)}`,
        { gpa: segment.gpa },
      )
    }
  }
  return result
}

/** Whole pages only, joined over the borders of segments. */
function pageRuns(segments: readonly MemorySegment[]): PageRun[] {
  const runs: { basePage: ReturnType<typeof pfn>; pageCount: number }[] = []
  for (const { gpa, byteLength } of segments) {
    const basePage = pfn(gpa / PAGE_SIZE)
    const pageCount = Math.floor(byteLength / PAGE_SIZE)
    const last = runs.at(-1)
    if (last !== undefined && last.basePage + last.pageCount === basePage) last.pageCount += pageCount
    else if (pageCount > 0) runs.push({ basePage, pageCount })
  }
  return runs
}
