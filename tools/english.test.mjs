// The list of tools/english.mjs against every text of the repository, and against samples of both kinds.
import path from 'node:path'
import { expect, it } from 'vitest'
import { filesToRead, oldManner, RULES, readAll } from './english.mjs'

const root = path.dirname(path.dirname(new URL(import.meta.url).pathname))

it('finds no words of the old manner in sources, tests and pages', () => {
  expect(filesToRead(root).length).toBeGreaterThan(1000)
  expect(readAll(root)).toEqual([])
})

it('stays short', () => {
  expect(RULES.length).toBeLessThanOrEqual(15)
})

it.each([
  "a byte that is nobody's",
  'whoever asks for it',
  'a page for who only reads',
  'zeros behind the end',
  'two COMRESETs in vain',
  'no worker is to be had',
  'this stint runs again',
  'code that stands at `rip`',
  'const LEAST_PAGES = 4',
  'const FEWEST = 2',
  'the run comes to the same result',
  'throws for what is no dump',
  'a page of others changed',
  'a count is never believed',
  'the cost hangs on their number',
  'the thread that hears signals',
])('finds %s, with file and line', (text) => {
  expect(oldManner('a.ts', `fine\n${text}`)).toEqual([
    expect.stringMatching(/^a\.ts:2: '.+': write .+ \(.+\)$/),
  ])
})

it.each([
  'the disk behind the controller',
  'the engine behind kd leaves nothing behind',
  "[0xc, 'MAXIMUM_WAIT_OBJECTS_EXCEEDED']",
  'const SCSI_MAXIMUM_TARGETS = 8',
  'the driver hangs on a write, most of the time',
  'the debugger stands for itself, and one of the others had it',
  'the call comes to port.ts, which believes in nothing',
])('says nothing of: %s', (text) => {
  expect(oldManner('a.ts', text)).toEqual([])
})
