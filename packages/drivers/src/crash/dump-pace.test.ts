// The time of a dump, by the machine's clock, and the routine that spends it.
import { expect, it } from 'vitest'
import type { MiniportImage } from '../miniport.ts'
import { storahci } from '../miniports/storahci/index.ts'
import { bad, dumpWith } from './bad-miniports.test-support.ts'

const timesOf = (miniport: MiniportImage) => {
  const { report } = dumpWith(miniport)
  expect(report.finalStatus).toBe(0)
  return report.times!
}

it('names no routine where the writes wait for the device', () => {
  const { waits, startSeconds, writeSeconds, longestSeconds } = timesOf(storahci)
  expect(waits).toBeNull()
  expect(startSeconds).toBeGreaterThan(0)
  expect(writeSeconds).toBeLessThan(0.1)
  expect(longestSeconds).toBeLessThan(writeSeconds / 10)
})

it.each(['hwStartIo', 'hwBuildIo'] as const)('names %s where it waits', (name) => {
  const { waits, startSeconds, writeSeconds } = timesOf(
    bad((data, { port }) => ({
      [name]: (
        extension: Parameters<typeof data.hwStartIo>[0],
        srb: Parameters<typeof data.hwStartIo>[1],
      ) => {
        port.stallExecution(20_000)
        return data[name]!(extension, srb)
      },
    })),
  )
  // 0x222 pages in requests of at most 16
  expect(waits).toMatchObject({ entryPoint: name === 'hwStartIo' ? 'HwStartIo' : 'HwBuildIo', site: null })
  expect(waits!.seconds).toBeGreaterThan(35 * 0.02)
  expect(writeSeconds).toBeGreaterThan(waits!.seconds)
  expect(startSeconds).toBeLessThan(writeSeconds)
})

it('counts what the start takes apart', () => {
  const slow = bad((data, { port }) => ({
    hwInitialize: (extension) => {
      port.stallExecution(5_000_000)
      return data.hwInitialize(extension)
    },
  }))
  const { waits, startSeconds, writeSeconds } = timesOf(slow)
  expect(waits).toBeNull()
  expect(startSeconds).toBeGreaterThan(5)
  expect(writeSeconds).toBeLessThan(0.1)
})
