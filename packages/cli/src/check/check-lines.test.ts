import type { ScreenColors } from '@dumpstack/crashtest'
import { expect, it } from 'vitest'
import { lineText } from '../terminal/painted.ts'
import { type Checked, checkLines } from './check-lines.ts'

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
const checked: Checked = {
  driver: { fileName: 'evil\x1b]0;x\x07.sys', executed: false },
  reproOf: () => 'dumpstack check evil\x1b.sys',
  report: {
    verdict: 'fail',
    controller: 'ahci0',
    runs: [],
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
      },
    ],
  },
}

it('colours its own words, and lets no control character of the file through', () => {
  const text = checkLines(checked, 1)
    .map((line) => lineText(line, COLORS))
    .join('\n')
  expect(text).toContain('Verdict: \x1b<bold>fail</bold>, 1 finding')
  expect(text).toContain('\x1b<red>fail</red>  \x1b<bold>DM-08</bold>  Zw\\u001b[2J\n')
  expect(text.replaceAll('\x1b<', '').replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
})
