// Every byte of the dump came from the controller under test, proved from the DMA log.
import { hex } from '@dumpstack/bytes'
import type { WrittenRange } from '@dumpstack/target'
import { andMore, type DumpCheck, fail, type Place, pass } from './check.ts'

const NAMED = 4

export const writtenBy: DumpCheck = {
  id: 'writtenBy',
  judge({ evidence, source }) {
    const controller = evidence.controller
    const foreign: WrittenRange[] = []
    let covered = 0
    for (const range of mergeRanges(evidence.writtenBy)) {
      if (range.fileOffset > covered) foreign.push(unwritten(covered, range.fileOffset))
      if (range.device !== controller) foreign.push(range)
      covered = Math.max(covered, range.fileOffset + range.byteLength)
    }
    if (covered < source.byteLength) foreign.push(unwritten(covered, source.byteLength))
    if (covered > source.byteLength) {
      return fail(
        `the DMA log has ${covered} bytes of a dump, the file holds ${source.byteLength}: it is not what was written`,
        [{ found: String(source.byteLength), expected: String(covered) }],
      )
    }
    if (foreign.length === 0) return pass(`${controller} wrote all ${source.byteLength} bytes`)
    const bytes = foreign.reduce((sum, range) => sum + range.byteLength, 0)
    const places = foreign
      .slice(0, NAMED)
      .map((range): Place => ({ fileOffset: range.fileOffset, found: range.device, expected: controller }))
    const named = foreign
      .slice(0, NAMED)
      .map((range) => `${range.byteLength} bytes at file offset ${hex(range.fileOffset)} by ${range.device}`)
    return fail(
      `${bytes} of ${source.byteLength} bytes were not written by ${controller}: ${named.join('; ')}${andMore(foreign.length, NAMED)}`,
      places,
    )
  },
}

const unwritten = (from: number, to: number): WrittenRange => ({
  fileOffset: from,
  byteLength: to - from,
  device: 'none',
})

/** Ascending by file offset; ranges of one device that touch or overlap become one. */
export function mergeRanges(ranges: readonly WrittenRange[]): WrittenRange[] {
  const merged: WrittenRange[] = []
  const ascending = ranges.filter((range) => range.byteLength > 0).sort((a, b) => a.fileOffset - b.fileOffset)
  for (const range of ascending) {
    const last = merged.at(-1)
    const lastEnd = last === undefined ? -1 : last.fileOffset + last.byteLength
    if (last !== undefined && last.device === range.device && range.fileOffset <= lastEnd) {
      const end = Math.max(lastEnd, range.fileOffset + range.byteLength)
      merged[merged.length - 1] = { ...last, byteLength: end - last.fileOffset }
    } else {
      merged.push(range)
    }
  }
  return merged
}
