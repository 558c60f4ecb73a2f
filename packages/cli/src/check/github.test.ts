import { describe, expect, it } from 'vitest'
import type { CheckedFile, CheckedFinding } from './check-file.ts'
import { annotations, jobSummary } from './github.ts'

const finding: CheckedFinding = {
  verdict: 'fail',
  rule: 'DM-08',
  call: 'ZwOpenKey',
  message: '100 % wrong\n::error::in ``two`` | lines',
  count: 1,
  phase: 'dump',
  setting: 'plain',
  settings: {},
  driver: 'x.sys',
  source: { file: 'src/a,b:c.c', line: 7 },
  arguments: [],
  stack: [],
  atNs: 0,
  repro: 'dumpstack check x.sys',
}
const checkedWith = (...findings: CheckedFinding[]): CheckedFile => ({
  file: 'build/x.sys',
  driver: { fileName: 'x.sys', executed: false },
  verdict: 'fail',
  controller: 'ahci0',
  runs: [],
  interrupted: false,
  hostSeconds: 1,
  findings,
})

describe('annotations', () => {
  it('are one line each, at the line of the sources, whatever the driver has in its names', () => {
    expect(annotations([checkedWith(finding)], false)).toEqual([
      '::error file=src/a%2Cb%3Ac.c,line=7,title=DM-08 ZwOpenKey::100 %25 wrong%0A::error::in ``two`` | lines%0Aagain: dumpstack check x.sys',
    ])
  })

  it('without a line are those of the driver file; a warning fails where it is to', () => {
    const { source: _, ...placeless } = finding
    const warning = { ...placeless, verdict: 'warning', message: 'loose' } as const
    const start = 'file=build/x.sys,title=DM-08 ZwOpenKey::loose'
    expect(annotations([checkedWith(warning)], false)[0]).toMatch(`::warning ${start}`)
    expect(annotations([checkedWith(warning)], true)[0]).toMatch(`::error ${start}`)
  })

  it('leave known issues out, and are no more than a page shows', () => {
    expect(annotations([checkedWith({ ...finding, knownIssue: 'known' })], false)).toEqual([])
    expect(annotations([checkedWith(...Array.from({ length: 30 }, () => finding))], false)).toHaveLength(10)
  })
})

it('the summary is a table whose cells nothing of the driver leaves', () => {
  const text = jobSummary([checkedWith(finding)], 'fail')
  expect(text).toContain('## Dump-mode contract: fail, 1 finding\n')
  const rows = text.split('\n').filter((line) => line.startsWith('|'))
  expect(rows).toHaveLength(3)
  for (const row of rows) expect(row.replaceAll('\\|', '').split('|')).toHaveLength(6)
  expect(rows[2]).toContain('``` ZwOpenKey: 100 % wrong ::error::in ``two`` \\| lines ```')
  expect(text).toContain('\n    dumpstack check x.sys\n')
})
