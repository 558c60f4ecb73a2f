// Against the required properties of SARIF 2.1.0 (OASIS, sections 3.13 to 3.28), written down here from the standard.
import type { DriverFinding } from '@dumpstack/windows'
import { expect, it } from 'vitest'
import { sarifOf } from './sarif.ts'

const finding: DriverFinding = {
  verdict: 'fail',
  rule: 'DM-08',
  call: 'ZwOpenKey',
  message: 'ZwOpenKey was called in HwFindAdapter',
  phase: 'dump',
  hardware: '512-byte sectors',
  driver: 'dump_x.sys',
  offset: '0x1ce9',
  arguments: ['0x1'],
  stack: ['dump_x!ReadSettings+0x59', 'dump_x!FindAdapter+0x48'],
  bytes: '48 8b',
  irql: 'HIGH_LEVEL',
  atNs: 12,
}

interface Sarif {
  readonly version: string
  readonly runs: readonly {
    readonly tool: {
      readonly driver: { readonly name: string; readonly rules: readonly { readonly id: string }[] }
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
          readonly artifactLocation: { readonly uri: string; readonly index: number }
          readonly address?: { readonly relativeAddress: number }
        }
      }[]
      readonly stacks?: readonly { readonly frames: readonly unknown[] }[]
    }[]
  }[]
}

const write = (findings: readonly DriverFinding[]): Sarif =>
  JSON.parse(
    JSON.stringify(
      sarifOf({
        toolVersion: '1',
        file: 'drivers/my x.sys',
        sha256: 'ab',
        findings,
        repro: 'dumpstack check',
      }),
    ),
  )

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
    expect(run!.artifacts[artifactLocation.index]!.location.uri).toBe(artifactLocation.uri)
    expect(address!.relativeAddress).toBe(0x1ce9)
    expect(result.stacks![0]!.frames).toHaveLength(2)
  }
})

it('is a whole log where nothing was found', () => {
  expect(write([]).runs[0]!.results).toEqual([])
})
