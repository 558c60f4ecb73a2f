import type { ScreenColors } from '@dumpstack/crashtest'
import { expect, it } from 'vitest'
import { lineText } from '../terminal/painted.ts'
import type { CheckedFile } from './check-file.ts'
import { fileLines, filesLine } from './check-lines.ts'

const tag =
  (name: string) =>
  (text: string): string =>
    `\x1b<${name}>${text}</${name}>`
const COLORS: ScreenColors = {
  green: tag('green'),
  red: tag('red'),
  yellow: tag('yellow'),
  dim: tag('dim'),
  bold: tag('bold'),
}
const checked: CheckedFile = {
  file: 'evil\x1b.sys',
  driver: { fileName: 'evil\x1b]0;x\x07.sys', executed: false },
  verdict: 'fail',
  controller: 'ahci0',
  runs: [],
  interrupted: false,
  hostSeconds: 1,
  findings: [
    {
      verdict: 'fail',
      rule: 'DM-08',
      call: 'Zw\x1b[2J',
      message: 'was called',
      count: 1,
      phase: 'dump',
      setting: 'plain',
      settings: {},
      driver: 'x.sys',
      arguments: [],
      stack: ['x!\x9bfoo'],
      atNs: 0,
      repro: 'dumpstack check evil\x1b.sys',
    },
  ],
}

it('colours its own words, and lets no control character of the file through', () => {
  const text = fileLines(checked, false)
    .map((line) => lineText(line, COLORS))
    .join('\n')
  expect(text).toContain('Verdict: \x1b<bold>fail</bold>, 1 finding')
  expect(text).toContain('\x1b<red>fail</red>  \x1b<bold>DM-08</bold>  Zw\\u001b[2J\n')
  expect(text.replaceAll('\x1b<', '').replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
})

it('shows the reason of a known issue, and sums up several drivers', () => {
  const [finding] = checked.findings
  const known: CheckedFile = {
    ...checked,
    verdict: 'pass',
    findings: [{ ...finding!, count: 17, knownIssue: 'fixed in the next build' }],
  }
  const text = fileLines(known, false).map((line) => lineText(line, COLORS))
  expect(text.join('\n')).toContain(
    '\x1b<yellow>known</yellow>  \x1b<bold>DM-08</bold>  Zw\\u001b[2J\n      known issue: fixed in the next build\n      was called (17 times)\n',
  )
  expect(text.at(-1)).toContain('Verdict: \x1b<bold>pass with errata</bold>, 1 finding, after 1.0 s')
  expect(filesLine([known, checked], 'fail', 2).map((line) => lineText(line, COLORS))).toContain(
    '2 drivers: \x1b<bold>fail</bold> (1 pass, 1 fail, 0 inconclusive), after 2.0 s',
  )
})

it('says of many lives how many wrote their dump, and of one which it was', () => {
  const run = {
    finished: true,
    bytesWritten: 1,
    machineSeconds: 0.25,
    dumpSeconds: 0.125,
    instructions: 1,
    work: 1,
  }
  const lives = [
    { ...run, setting: 'plain' },
    { ...run, setting: 'queueSize 8', finished: false },
  ]
  const second = (runs: CheckedFile['runs'], verdict: 'pass' | 'fail' = 'fail'): string =>
    lineText(fileLines({ ...checked, runs, verdict }, false)[1]!, COLORS)
  expect(second(lives)).toBe('  2 lives: 1 dump is whole, 0.500 s of machine time')
  expect(second(lives, 'pass')).toBe(
    '  2 lives: 1 dump is whole (in the others the device fails, or the driver refuses it), 0.500 s of machine time',
  )
  expect(second(lives.slice(1))).toBe('  one life (queueSize 8): 0 dumps are whole, 0.250 s of machine time')
})
