import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { UsageError } from '../program/usage-error.ts'
import { knownReason, readKnownIssues } from './known-issues.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'dumpstack-known-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = path.join(folder, 'known.json')
const read = (text: string) => {
  writeFileSync(file, text)
  return readKnownIssues(file)
}
const ofIssues = (...issues: object[]): string => JSON.stringify({ knownIssues: issues })

it('knows a finding by its rule, and by the name or the version of the driver', () => {
  const issues = read(
    ofIssues(
      { rule: 'DM-11', driver: 'VioStor.sys', reason: 'asks once too much' },
      { rule: 'DM-08', version: '1.2.3.4', reason: 'fixed in 1.2.3.5' },
      { rule: 'DM-21', driver: 'x.sys', version: '1.0.0.0', reason: 'old' },
    ),
  )
  const why = (rule: string, fileName: string, fileVersion: string | null) =>
    knownReason(issues, { fileName, fileVersion }, { rule })
  expect(why('DM-11', 'viostor.sys', null)).toBe('asks once too much')
  expect(why('DM-11', 'other.sys', null)).toBeNull()
  expect(why('DM-08', 'any.sys', '1.2.3.4')).toBe('fixed in 1.2.3.5')
  expect(why('DM-08', 'any.sys', '1.2.3.5')).toBeNull()
  expect(why('DM-08', 'any.sys', null)).toBeNull()
  expect(why('DM-21', 'x.sys', '1.0.0.0')).toBe('old')
  expect(why('DM-21', 'x.sys', '2.0.0.0')).toBeNull()
  expect(why('DM-21', 'y.sys', '1.0.0.0')).toBeNull()
})

it.each([
  ['no JSON', '{', /known\.json is not JSON/],
  ['a list', '[]', /is a list, expected an object/],
  ['no list', '{"knownIssues":{}}', /knownIssues is/],
  ['no reason', ofIssues({ rule: 'DM-11', driver: 'x.sys' }), /reason is/],
  ['a key that is none', ofIssues({ rule: 'DM-11', driver: 'x.sys', reason: '', when: '' }), /when/],
  [
    'an entry for every driver',
    ofIssues({ rule: 'DM-11', reason: 'never mind' }),
    /entry 0 names neither a driver nor a version/,
  ],
])('refuses %s', (_what, text, message) => {
  expect(() => read(text)).toThrow(UsageError)
  expect(() => read(text)).toThrow(message)
})

it.skipIf(process.platform === 'win32')(
  'waits for no pipe, reads no device without end, and no folder',
  () => {
    const pipe = path.join(folder, 'pipe')
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0)
    expect(() => readKnownIssues(pipe)).toThrow(/is a pipe, expected a file/)
    expect(() => readKnownIssues('/dev/zero')).toThrow(/is a device, expected a file/)
    expect(() => readKnownIssues(folder)).toThrow(/is a folder, expected a file/)
    expect(() => read(' '.repeat(2 ** 20 + 1))).toThrow(/has more than 1048576 bytes/)
  },
)
