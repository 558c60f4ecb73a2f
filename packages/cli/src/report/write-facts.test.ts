import type { DumpWrites } from '@dumpstack/run/node'
import { expect, it } from 'vitest'
import { TIME_PARTS, writeFacts } from './write-facts.ts'

/** `[milliseconds, lba, sectors, status]` of each write. */
const writes = (...rows: readonly (readonly [number, number, number, number])[]): DumpWrites => ({
  count: rows.length,
  atNs: Float64Array.from(rows, ([at]) => at * 1e6),
  lba: Float64Array.from(rows, ([, lba]) => lba),
  sectorCount: Uint32Array.from(rows, ([, , sectors]) => sectors),
  sectorBytes: Uint16Array.from(rows, () => 512),
  srbStatus: Uint16Array.from(rows, ([, , , status]) => status),
})

it('joins what follows on the disk, counts what is written again once, and keeps the order of the file', () => {
  const facts = writeFacts(
    writes([10, 800, 8, 1], [11, 808, 8, 1], [20, 100, 4, 1], [30, 800, 2, 0x81], [31, 820, 1, 1]),
  )
  expect(facts?.extents).toEqual([
    { start: 800 * 512, end: 816 * 512, firstWrite: 0 },
    { start: 100 * 512, end: 104 * 512, firstWrite: 2 },
    { start: 820 * 512, end: 821 * 512, firstWrite: 4 },
  ])
  expect(facts).toMatchObject({ count: 5, byteLength: 23 * 512, firstNs: 10e6, lastNs: 31e6, badCount: 0 })
  expect(facts).toMatchObject({ longestPauseNs: 10e6, longestPauseBefore: 3 })
  expect(facts?.bytesByTime.reduce((sum, bytes) => sum + bytes)).toBe(23 * 512)
  expect(facts?.bytesByTime[TIME_PARTS - 1]).toBe(512)
})

it('names the first writes that failed and counts all', () => {
  const facts = writeFacts(writes(...Array.from({ length: 50 }, (_, index) => [index, index, 1, 4] as const)))
  expect(facts?.badCount).toBe(50)
  expect(facts?.bad).toHaveLength(20)
  expect(facts?.bad[3]).toEqual({ index: 3, atNs: 3e6, start: 3 * 512, srbStatus: 4 })
})

it('knows nothing of no write, and needs no time for one', () => {
  expect(writeFacts(writes())).toBe(null)
  expect(writeFacts(writes([5, 1, 1, 1]))?.bytesByTime[0]).toBe(512)
})
