import { endOfRuns, pagesInRuns } from '@dumpstack/bytes'
import { expect, it } from 'vitest'
import { ramRuns } from './memory-layout.ts'

const MiB = 1024 * 1024
const GiB = 1024 * MiB

it.each([64 * MiB, 512 * MiB, 1073094656, GiB, 3 * GiB + 4096, 4 * GiB, 32 * GiB])(
  'lays %d bytes of RAM as runs whose sum is exactly that',
  (ramBytes) => {
    const runs = ramRuns(ramBytes)
    expect(pagesInRuns(runs) * 4096).toBe(ramBytes)
    let end = 0
    for (const run of runs) {
      expect(run.basePage).toBeGreaterThan(end)
      end = run.basePage + run.pageCount
    }
    const inHole = (from: number, to: number) =>
      runs.some((run) => run.basePage < to / 4096 && (run.basePage + run.pageCount) * 4096 > from)
    expect(inHole(0, 4096)).toBe(false)
    expect(inHole(0xa0000, 0x100000)).toBe(false)
    expect(inHole(0xc0000000, 0x100000000)).toBe(false)
    const high = runs.filter((run) => run.basePage >= 0x100000)
    expect(pagesInRuns(high) * 4).toBeGreaterThanOrEqual(pagesInRuns(runs) - 3)
    expect(endOfRuns(runs)).toBeGreaterThan(0x100000)
  },
)

it('keeps all but a quarter below 4 GiB where that fits', () => {
  expect(ramRuns(512 * MiB)).toEqual([
    { basePage: 1, pageCount: 159 },
    { basePage: 0x100, pageCount: 0x18000 - 159 },
    { basePage: 0x100000, pageCount: 0x8000 },
  ])
})

it.each([
  [1073094656 + 1, /^ram size 1073094657 is not a multiple of 4096 bytes$/],
  [MiB, /^ram size is 0x100000 bytes, expected 0x4000000 to 0x8000000000$/],
  [0, /expected 0x4000000/],
  [Number.NaN, /not a multiple/],
  [2 ** 45, /is 0x200000000000 bytes/],
])('refuses %d bytes of RAM', (ramBytes, message) => {
  expect(() => ramRuns(ramBytes)).toThrow(message)
})
