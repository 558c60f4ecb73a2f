import type { DumpTimes } from '@dumpstack/drivers'
import { expect, it } from 'vitest'
import { slowDump } from './slow-dump.ts'

const MIB = 2 ** 20
const fast: DumpTimes = { startSeconds: 1, writeSeconds: 1, longestSeconds: 0.1, waits: null }
const inStartIo: DumpTimes['waits'] = { entryPoint: 'HwStartIo', seconds: 3.5, site: null }

it.each<readonly [string, DumpTimes, number, string | null]>([
  ['in a second', fast, 2 * MIB, null],
  ['64 MiB in a minute less the start', { ...fast, writeSeconds: 58.9 }, 64 * MIB, null],
  ['64 MiB in more', { ...fast, writeSeconds: 60 }, 64 * MIB, 'warning'],
  ['2 MiB in two seconds', { ...fast, writeSeconds: 2.1 }, 2 * MIB, 'warning'],
  [
    '2 MiB in two seconds, nearly all of it once',
    { ...fast, writeSeconds: 2.1, longestSeconds: 2 },
    2 * MIB,
    null,
  ],
  ['128 MiB in a minute and a half', { ...fast, writeSeconds: 90 }, 128 * MIB, 'warning'],
  ['a start of two minutes', { ...fast, startSeconds: 120 }, 2 * MIB, 'warning'],
  ['2 MiB in two minutes', { ...fast, writeSeconds: 120 }, 2 * MIB, 'fail'],
])('judges %s', (_what, times, bytes, verdict) => {
  expect(slowDump(times, bytes)?.verdict ?? null).toBe(verdict)
})

it('says what was measured, where it waited, and what that adds up to', () => {
  expect(slowDump({ ...fast, writeSeconds: 4.1, waits: inStartIo }, 2 * MIB)).toEqual({
    verdict: 'warning',
    message:
      "2097152 bytes of dump took 4.1 s of the machine's time, 3.5 s of it in HwStartIo, after 1.0 s of start: 64 MiB take 129 s, expected at most 60 s",
  })
})
