import { win10_19041 } from '@dumpstack/nt'
import { expect, it } from 'vitest'
import type { CheckedFile, CheckedFinding } from './check-file.ts'
import { checkJunit } from './check-junit.ts'

const finding: CheckedFinding = {
  verdict: 'fail',
  rule: 'DM-08',
  call: 'ZwOpenKey',
  message: 'was <called> & more',
  count: 1,
  phase: 'dump',
  setting: 'queueSize 8',
  settings: { queueSize: 8 },
  driver: 'dump_x.sys',
  arguments: [],
  stack: [],
  source: { file: 'x.c', line: 7 },
  atNs: 1,
  repro: 'dumpstack check x.sys',
}
const run = {
  finished: true,
  bytesWritten: 1,
  machineSeconds: 0.25,
  dumpSeconds: 0.125,
  instructions: 1,
  work: 1,
}
const checked: CheckedFile = {
  file: 'x.sys',
  driver: { fileName: 'x.sys', byteLength: 1, sha256: 'ab', executed: true, pdb: null },
  verdict: 'fail',
  controller: 'virtio-blk0',
  runs: [
    { ...run, setting: 'plain' },
    { ...run, setting: 'queueSize 8' },
  ],
  findings: [
    finding,
    { ...finding, verdict: 'warning', rule: 'DM-11' },
    { ...finding, knownIssue: 'old' },
    { ...finding, verdict: 'inconclusive', rule: 'UNKNOWN_IMPORT' },
  ],
  interrupted: false,
  hostSeconds: 2,
}
const options = { isStrict: false, seed: 7, profile: win10_19041, toolVersion: '0.1.0' }

it('has a case for each life and each finding; only what counts is a failure', () => {
  const xml = checkJunit([checked], options, null)
  expect(xml).toContain('<testsuite name="x.sys" tests="6" failures="1" errors="0" skipped="3" time="2.000">')
  expect(xml).toContain('<property name="seed" value="7"/>')
  expect(xml).toContain('<property name="machine seconds" value="0.500"/>')
  expect(xml).toContain('name="life: queueSize 8" time="0.000"/>')
  expect(xml).toContain(
    '<failure message="was &lt;called&gt; &amp; more (x.c:7); again: dumpstack check x.sys">',
  )
  expect(xml).toContain('<skipped message="known: old: was')
})

it('fails a warning where it is told to, and says why a check did not finish', () => {
  expect(checkJunit([checked], { ...options, isStrict: true }, null)).toContain('failures="2"')
  const broken = checkJunit([], options, 'y.sys cannot be read')
  expect(broken).toContain('<testsuites name="dumpstack check" tests="1" failures="0" errors="1"')
  expect(broken).toContain('<error message="y.sys cannot be read">')
})
