import { expect, it } from 'vitest'
import { type WriteFacts, writeFacts } from './write-facts.ts'
import { diskExtents, writeTimeline } from './write-figures.ts'

const MIB = 2 ** 20
const facts: WriteFacts = {
  count: 3,
  byteLength: 3 * MIB,
  firstNs: 1e9,
  lastNs: 1.5e9,
  bytesByTime: Float64Array.from({ length: 120 }, (_, index) =>
    index === 0 ? 2 * MIB : index === 119 ? MIB : 0,
  ),
  longestPauseNs: 0.4e9,
  longestPauseBefore: 1,
  bad: [{ index: 2, atNs: 1.25e9, start: 0x4000_0000, srbStatus: 0x85 }],
  badCount: 1,
  extents: [
    { start: 0x4000_0000, end: 0x4010_0000, firstWrite: 0 },
    { start: 0x1000_0000, end: 0x1020_0000, firstWrite: 1 },
  ],
}
/** The cells of a table, row by row. */
const cells = (text: string): string[][] =>
  [...text.matchAll(/<tr>(.*)<\/tr>/g)].map(([, row]) =>
    [...row!.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/g)].map(([, cell]) => cell!.replaceAll(/<[^>]*>/g, '')),
  )

it('has a row for each extent, and the places between which all lie', () => {
  const { text } = diskExtents(facts)
  expect(cells(text)).toEqual([
    ['Disk offset', 'End', 'Length', 'First write'],
    ['0x40000000', '0x40100000', '1.0\u00a0MiB', '1'],
    ['0x10000000', '0x10200000', '2.0\u00a0MiB', '2'],
  ])
  expect(text).toContain('The dump lies in 2 pieces on the disk: 3.0\u00a0MiB of the page file')
  // 768 MiB to the first byte of the second piece, 769 in all, drawn in 480 parts
  expect(text).toContain('d="M0 0h2v1h-2zM479 0h1v1h-1z"')
})

it('bounds the rows of a file in many pieces, and draws no more for it', () => {
  const extents = Array.from({ length: 10_000 }, (_, index) => ({
    start: index * 8192,
    end: index * 8192 + 4096,
    firstWrite: index,
  }))
  const { text } = diskExtents({ ...facts, extents })
  expect(cells(text)).toHaveLength(201)
  expect(text).toContain('9800 more rows are not shown.')
  expect(text.length).toBeLessThan(60_000)
})

it('draws what was written by when, and names what failed', () => {
  const { text } = writeTimeline(facts)
  expect(text).toContain('d="M0 100v-100h1v100zM119 100v-50h1v50z"')
  expect(text).toContain('M0 100L1 33.3')
  expect(text).toContain('L120 0"')
  expect(text).toContain('<path class="stop" d="M60 0V100"/>')
  expect(text).toContain('3 writes of 3.0\u00a0MiB in 500.000\u00a0ms, 6 MB/s of machine time')
  expect(text).toContain('400.000\u00a0ms, before write 2')
  expect(cells(text)).toEqual([
    ['Write', 'Machine time', 'Disk offset', 'Status'],
    ['3', '1,250.000\u00a0ms', '0x40000000', 'SRB_STATUS_BUSY (0x5)'],
  ])
})

const MAX_U64 = 2 ** 64
it.each([
  ['no bytes', [0, 0], [0, 0], [0, 0], [0, 0]],
  ['the last of everything', [MAX_U64, MAX_U64], [MAX_U64, MAX_U64], [2 ** 32 - 1, 0], [65535, 1]],
  ['a clock that runs backwards', [MAX_U64, 0, 5], [0, MAX_U64, 7], [1, 2 ** 32 - 1, 1], [512, 65535, 512]],
])('draws records that make no sense with numbers: %s', (_, atNs, lba, sectorCount, sectorBytes) => {
  const facts = writeFacts({
    count: atNs.length,
    atNs: Float64Array.from(atNs),
    lba: Float64Array.from(lba),
    sectorCount: Uint32Array.from(sectorCount),
    sectorBytes: Uint16Array.from(sectorBytes),
    srbStatus: new Uint16Array(atNs.length),
  })
  const text = writeTimeline(facts!).text + diskExtents(facts!).text
  expect(text).not.toMatch(/NaN|Infinity|undefined/)
  for (const [, d] of text.matchAll(/ d="([^"]*)"/g)) expect(d).toMatch(/^([MLHVhvz][-\d. ]*)*$/)
})
