// `dumpstack verify FILE`: pass, remark, fail and inconclusive on the screen, in JSON and as exit codes.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { buildCrashMinidump, buildDump, withSecondaryData } from '@dumpstack/testkit'
import { afterAll, expect, it } from 'vitest'
import { dumpstack, schemaViolation, temporaryFolder } from './cli.ts'

const folder = temporaryFolder()
afterAll(() => folder.remove())

const changed = (change: (header: DataView) => void): Uint8Array => {
  const { bytes } = buildDump({ type: 5, runs: [[0x1, 0x5f], [0x200, 0x200]] }) // biome-ignore format: one row
  change(new DataView(bytes.buffer))
  return bytes
}
const minidump = withSecondaryData(
  buildCrashMinidump({ bugcheck: 0x50, context: { rip: 0x1000n, rsp: 0x2000n } }),
  {
    build: 9600,
    blobs: [{ tag: '54C84888-01D1-4C1E-BED6-282C98241303', byteLength: 0x40 }],
  },
)

it.each([
  ['sound', changed(() => {}), 0, 'pass', null],
  [
    'odd',
    changed((header) => header.setBigUint64(0xfa0, 0x1000n, true)),
    0,
    'pass',
    'note  required-space: unusual: required dump space is less than header and pages take',
  ],
  [
    'damaged',
    changed((header) => header.setUint32(0x1050, 4, true)),
    1,
    'fail',
    'FAIL  attributes: attributes say InsufficientDumpfileSize',
  ],
  [
    'of a machine to come',
    changed((header) => header.setUint32(0x30, 0x9999, true)),
    3,
    'inconclusive',
    'open  machine: not read: dumps of this machine',
  ],
  [
    'of five levels',
    buildDump({ type: 1, levels: 5 }).bytes,
    3,
    'inconclusive',
    'open  page-tables: not read: page tables of five levels (CR4.LA57)',
  ],
  [
    'of an unknown type',
    changed((header) => header.setUint32(0xf98, 11, true)),
    3,
    'inconclusive',
    'open  not read: dump type at offset 0xf98 is 0xb',
  ],
  ['a minidump', minidump, 0, 'pass', null],
  [
    'a minidump without its last byte',
    minidump.subarray(0, minidump.length - 1),
    1,
    'fail',
    'FAIL  required-space: the file is shorter than its required dump space',
  ],
  ['no dump', new TextEncoder().encode('text'), 1, 'fail', 'FAIL  the file starts with 74 65 78 74'],
] as const)(
  'says of a file that is %s what it is, and the same in JSON',
  (name, bytes, code, verdict, line) => {
    const file = path.join(folder.path, `${name}.dmp`)
    writeFileSync(file, bytes)
    const shown = dumpstack(folder.path, 'verify', file)
    expect(shown.code).toBe(code)
    expect(shown.stdout).toMatch(new RegExp(`^Verdict: ${verdict}$`, 'm'))
    if (line === null) expect(shown.stdout).not.toMatch(/^ {2}(FAIL|open|note)/m)
    else expect(shown.stdout).toContain(`  ${line}`)

    const json = dumpstack(folder.path, 'verify', file, '--json')
    expect([json.code, json.stderr]).toEqual([code, ''])
    expect(schemaViolation('docs/schema/verify-result.schema.json', json.stdout)).toBe('')
    const report: { verdict: string; checks: { verdict: string; remark?: true; message: string }[] } =
      JSON.parse(json.stdout)
    expect(report.verdict).toBe(verdict)
    for (const { verdict: one, remark, message } of report.checks) {
      expect([message, remark === true]).toEqual([message, message.startsWith('unusual: ')])
      if (remark === true) expect(one).toBe('pass')
      if (message.startsWith('not read: ')) expect(one).toBe('inconclusive')
    }
  },
)

it('does not call a missing file a bad dump', () => {
  const { code, stderr } = dumpstack(folder.path, 'verify', 'nowhere.dmp')
  expect(stderr).toContain('nowhere.dmp')
  expect([2, 4]).toContain(code)
})
