// Against the required properties of SARIF 2.1.0 (OASIS, sections 3.13 to 3.28) and of GitHub's page "SARIF support for code scanning",
// written down here from the two.
import { expect, it } from 'vitest'
import type { CheckedFile, CheckedFinding } from './check-file.ts'
import { sarifOf } from './sarif.ts'

const finding: CheckedFinding = {
  verdict: 'fail',
  rule: 'DM-08',
  call: 'ZwOpenKey',
  message: 'ZwOpenKey was called in HwFindAdapter',
  count: 1,
  phase: 'dump',
  setting: 'plain',
  settings: {},
  driver: 'dump_x.sys',
  offset: '0x1ce9',
  arguments: ['0x1'],
  stack: ['dump_x!ReadSettings+0x59', 'dump_x!FindAdapter+0x48'],
  bytes: '48 8b',
  irql: 'HIGH_LEVEL',
  atNs: 12,
  repro: 'dumpstack check',
}

interface Text {
  readonly text: string
}
interface Rule {
  readonly helpUri?: string
  readonly id: string
  readonly shortDescription: Text
  readonly fullDescription: Text
  readonly help: Text & { readonly markdown?: string }
}
interface Sarif {
  readonly version: string
  readonly runs: readonly {
    readonly tool: {
      readonly driver: {
        readonly name: string
        readonly informationUri?: string
        readonly rules: readonly Rule[]
      }
    }
    readonly artifacts: readonly { readonly location: { readonly uri: string } }[]
    readonly results: readonly {
      readonly ruleId: string
      readonly ruleIndex: number
      readonly level: string
      readonly kind: string
      readonly message: { readonly text: string }
      readonly locations: readonly {
        readonly physicalLocation: {
          readonly artifactLocation: { readonly uri: string; readonly index?: number }
          readonly region: { readonly startLine: number }
          readonly address?: { readonly relativeAddress: number }
        }
      }[]
      readonly partialFingerprints: { readonly primaryLocationLineHash: string }
      readonly stacks?: readonly { readonly frames: readonly unknown[] }[]
    }[]
  }[]
}

const checked = (file: string, findings: readonly CheckedFinding[]): CheckedFile => ({
  file,
  driver: { fileName: file, byteLength: 1, sha256: 'ab', executed: true, pdb: null },
  verdict: 'fail',
  controller: 'ahci0',
  findings,
  runs: [],
  interrupted: false,
  hostSeconds: 0,
})

const logOf = (files: readonly CheckedFile[], isStrict = false): Sarif =>
  JSON.parse(JSON.stringify(sarifOf('1', null, files, isStrict)))
const write = (findings: readonly CheckedFinding[]): Sarif => logOf([checked('drivers/my x.sys', findings)])

it('has what SARIF 2.1.0 requires, and a place by address', () => {
  const { version, runs } = write([finding, { ...finding, verdict: 'inconclusive', rule: 'UNKNOWN_IMPORT' }])
  expect(version).toBe('2.1.0')
  const [run] = runs
  expect(run!.tool.driver.name).toBe('dumpstack')
  expect(run!.tool.driver.rules.map(({ id }) => id)).toEqual(['DM-08', 'UNKNOWN_IMPORT'])
  expect(run!.artifacts[0]!.location.uri).toBe('drivers/my%20x.sys')
  for (const result of run!.results) {
    expect(result.message.text).not.toBe('')
    expect(run!.tool.driver.rules[result.ruleIndex]!.id).toBe(result.ruleId)
    expect(['none', 'note', 'warning', 'error']).toContain(result.level)
    // section 3.27.9: a level other than none only goes with kind fail
    if (result.level !== 'none') expect(result.kind).toBe('fail')
    const { artifactLocation, address } = result.locations[0]!.physicalLocation
    expect(run!.artifacts[artifactLocation.index!]!.location.uri).toBe(artifactLocation.uri)
    expect(address!.relativeAddress).toBe(0x1ce9)
    expect(result.stacks![0]!.frames).toHaveLength(2)
  }
})

it('has what code scanning shows: help of each rule, a line of a file, a fingerprint', () => {
  const source = { file: 'x:\\nowhere\\far.c', line: 120 }
  const [run] = write([finding, { ...finding, source }]).runs
  for (const { shortDescription, fullDescription, help } of run!.tool.driver.rules) {
    for (const { text } of [shortDescription, fullDescription, help]) expect(text).toMatch(/lower IRQL/)
    expect(help.text).toMatch(/How to fix it: Read settings while the system runs/)
    expect(help.markdown).toMatch(/```c\n\/\/ breaks the rule\n.*\/\/ keeps it\n.*\]\(https:/s)
  }
  expect(run!.results.map(({ locations }) => locations[0]!.physicalLocation)).toMatchObject([
    { artifactLocation: { uri: 'drivers/my%20x.sys' }, region: { startLine: 1 } },
    { artifactLocation: { uri: 'file:///x:/nowhere/far.c' }, region: { startLine: 120 } },
  ])
})

it('links to pages of the project where its address is given, and to public sources otherwise', () => {
  const helpOf = (homepage: string | null): unknown[] => {
    const log = sarifOf('1', homepage, [checked('x.sys', [finding])], false) as Sarif
    const { informationUri, rules } = log.runs[0]!.tool.driver
    return [informationUri, rules[0]!.helpUri]
  }
  const home = 'https://forge.example/owner/dumpstack/tree/v1'
  expect(helpOf(home)).toEqual([home, `${home}/docs/rules/DM-08.md`])
  expect(helpOf(null)).toEqual([undefined, expect.stringMatching(/^https:/)])
})

it('gives a defect the same fingerprint in the next build, and no two results of a log the same', () => {
  const frames = ['dump_x!Read+0x59 [c:\\x.c @ 7]', 'dump_x!Find+0x48']
  const moved = ['dump_x!Read+0x63 [c:\\x.c @ 9]', 'dump_x!Find+0x50']
  const prints = (...findings: CheckedFinding[]): string[] =>
    write(findings).runs[0]!.results.map(
      ({ partialFingerprints }) => partialFingerprints.primaryLocationLineHash,
    )
  expect(prints({ ...finding, stack: frames })).toEqual(prints({ ...finding, stack: moved, offset: '0x1' }))
  expect(prints({ ...finding, stack: frames })).not.toEqual(prints({ ...finding, stack: ['dump_x!Other'] }))
  expect(new Set(prints(finding, finding, { ...finding, call: 'ZwClose' })).size).toBe(3)
})

it('is a whole log where nothing was found', () => {
  expect(write([]).runs[0]!.results).toEqual([])
})

it('holds several drivers in one run, each finding at its own file, with its level, known issues suppressed', () => {
  const warning: CheckedFinding = { ...finding, verdict: 'warning' }
  const files = [
    checked('a.sys', [warning]),
    checked('b.sys', [{ ...finding, knownIssue: 'known since 2020' }]),
  ]
  const { artifacts, results } = logOf(files).runs[0]!
  expect(artifacts.map(({ location }) => location.uri)).toEqual(['a.sys', 'b.sys'])
  expect(results.map(({ locations }) => locations[0]!.physicalLocation.artifactLocation)).toEqual([
    { uri: 'a.sys', index: 0 },
    { uri: 'b.sys', index: 1 },
  ])
  expect(results).toMatchObject([
    { level: 'warning', kind: 'fail' },
    { level: 'error', suppressions: [{ kind: 'external', justification: 'known since 2020' }] },
  ])
  expect(results[0]).not.toHaveProperty('suppressions')
  expect(logOf(files, true).runs[0]!.results[0]!.level).toBe('error')
})
