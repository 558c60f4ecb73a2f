// What the records of the writes of a dump come to: when the bytes were written, and where on the disk they lie.
import { SRB_STATUS_MASK, SRB_STATUS_SUCCESS } from '@dumpstack/nt'
import type { DumpWrites } from '@dumpstack/run/node'

export interface DiskExtent {
  /** Of the first and after the last sector, in bytes from the start of the disk. */
  readonly start: number
  readonly end: number
  /** The number of the write that began it, from 0. */
  readonly firstWrite: number
}

export interface BadWrite {
  readonly index: number
  readonly atNs: number
  readonly start: number
  readonly srbStatus: number
}

export interface WriteFacts {
  readonly count: number
  readonly byteLength: number
  /** On the clock of the machine. */
  readonly firstNs: number
  readonly lastNs: number
  /** Bytes in each of equal parts of that time. */
  readonly bytesByTime: Float64Array
  readonly longestPauseNs: number
  /** Number of the write after it. */
  readonly longestPauseBefore: number
  /** Those that did not end with SRB_STATUS_SUCCESS: the first ones, and how many there are. */
  readonly bad: readonly BadWrite[]
  readonly badCount: number
  /** In the order of the writes. */
  readonly extents: readonly DiskExtent[]
}

export const TIME_PARTS = 120
const MAX_BAD = 20

/** Null where there is none. */
export function writeFacts(writes: DumpWrites): WriteFacts | null {
  const { count, atNs, lba, sectorCount, sectorBytes, srbStatus } = writes
  if (count === 0) return null
  const firstNs = atNs[0]!
  const lastNs = atNs.reduce((last, at) => Math.max(last, at), firstNs)
  const bytesByTime = new Float64Array(TIME_PARTS)
  const bad: BadWrite[] = []
  let [byteLength, badCount, longestPauseNs, longestPauseBefore] = [0, 0, 0, 0]
  for (let index = 0; index < count; index++) {
    const at = atNs[index]!
    const bytes = sectorCount[index]! * sectorBytes[index]!
    const share = lastNs === firstNs ? 0 : (at - firstNs) / (lastNs - firstNs)
    bytesByTime[Math.max(0, Math.min(TIME_PARTS - 1, Math.floor(share * TIME_PARTS)))]! += bytes
    byteLength += bytes
    const pause = index === 0 ? 0 : at - atNs[index - 1]!
    if (pause > longestPauseNs) [longestPauseNs, longestPauseBefore] = [pause, index]
    if ((srbStatus[index]! & SRB_STATUS_MASK) !== SRB_STATUS_SUCCESS) {
      if (badCount++ < MAX_BAD)
        bad.push({ index, atNs: at, start: lba[index]! * sectorBytes[index]!, srbStatus: srbStatus[index]! })
    }
  }
  return {
    count,
    byteLength,
    firstNs,
    lastNs,
    bytesByTime,
    longestPauseNs,
    longestPauseBefore,
    bad,
    badCount,
    extents: extentsOf(writes),
  }
}

/** What was written more than once counts once. */
function extentsOf({ count, lba, sectorCount, sectorBytes }: DumpWrites): DiskExtent[] {
  const written: { start: number; end: number; firstWrite: number }[] = []
  for (let index = 0; index < count; index++) {
    const start = lba[index]! * sectorBytes[index]!
    const end = start + sectorCount[index]! * sectorBytes[index]!
    const last = written.at(-1)
    if (last?.end === start) last.end = end
    else written.push({ start, end, firstWrite: index })
  }
  written.sort((a, b) => a.start - b.start)
  const extents: typeof written = []
  for (const one of written) {
    const last = extents.at(-1)
    if (last === undefined || one.start > last.end) extents.push(one)
    else {
      last.end = Math.max(last.end, one.end)
      last.firstWrite = Math.min(last.firstWrite, one.firstWrite)
    }
  }
  return extents.sort((a, b) => a.firstWrite - b.firstWrite)
}
