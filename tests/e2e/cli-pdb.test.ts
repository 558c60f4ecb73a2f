// `dumpstack pdb` on a guest PDB, as a user runs it.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { ByteWriter, buildPdb } from '@dumpstack/testkit'
import { afterAll, expect, it } from 'vitest'
import { dumpstack, repository, temporaryFolder } from './cli.ts'

const folder = temporaryFolder()
afterAll(() => folder.remove())
const file = path.join(repository, 'guest/bin/ntkrnlmp.pdb')

it('shows identity and counts', () => {
  const { code, stdout, stderr } = dumpstack(folder.path, 'pdb', file, '--json')
  expect([code, stderr]).toEqual([0, ''])
  const summary = JSON.parse(stdout)
  expect(summary).toMatchObject({ guid: expect.stringMatching(/^[0-9A-F]{32}$/), age: 1, machine: '0x8664' })
  expect(summary.storeKey).toBe(`${summary.guid}1`)
  const listed = dumpstack(folder.path, 'pdb', file, '--publics').stdout.trimEnd().split('\n')
  expect(listed.length).toBe(summary.counts.publics)
  expect(
    listed.filter((line) => /^ +0x[0-9a-f]+ {2}0001:[0-9a-f]{8} {2}KeBugCheckEx$/.test(line)),
  ).toHaveLength(1)
})

it('shows a type as dt does', () => {
  expect(dumpstack(folder.path, 'pdb', file, '--types', '_LIST_ENTRY')).toEqual({
    code: 0,
    stdout: [
      'struct _LIST_ENTRY, 2 elements, 0x10 bytes',
      '   +0x000 Flink            : Ptr64 _LIST_ENTRY',
      '   +0x008 Blink            : Ptr64 _LIST_ENTRY',
      '',
    ].join('\n'),
    stderr: '',
  })
  const { stdout } = dumpstack(folder.path, 'pdb', file, '--types')
  expect(stdout).toMatch(/^struct +0x10 {2}_LIST_ENTRY$/m)
})

it('shows line, function and parameters of an address', () => {
  const { code, stdout } = dumpstack(folder.path, 'pdb', file, '--lines', 'KeBugCheck2+0x10')
  expect(code).toBe(0)
  expect(stdout).toMatch(
    /^0x[0-9a-f]+ {2}KeBugCheck2\+0x10\n {2}x:\\dumpstack\\src\\ntkrnlmp\\bugcheck\.c\(\d+\)\+0x/,
  )
  expect(stdout).toContain('\n  parameter  unsigned long BugCheckCode, in ecx\n')
})

it('says what it does not read, and that a type may be missing for it', () => {
  const pdb = path.join(folder.path, 'newer.pdb')
  const type = new ByteWriter().u16(0x160f).u32(0).text('_NEW').done()
  writeFileSync(pdb, buildPdb({ types: [type, type], withoutSectionHeaders: true }))
  const summary = dumpstack(folder.path, 'pdb', pdb)
  expect(summary.stdout).toContain('\n  not read   2 types of kind 0x160f\n')
  expect(summary.stdout).toContain('\n  sections   none')
  expect(JSON.parse(dumpstack(folder.path, 'pdb', pdb, '--json').stdout).unread).toEqual({
    records: [{ part: 'types', kind: 0x160f, count: 2 }],
    refused: [],
  })
  expect(dumpstack(folder.path, 'pdb', pdb, '--types').stdout).toBe(
    'records that are not read: 2 types of kind 0x160f\n',
  )
  expect(dumpstack(folder.path, 'pdb', pdb, '--types', '_NEW').stderr).toContain(
    'not read: 2 types of kind 0x160f',
  )
})

const textFile = path.join(folder.path, 'page.pdb')
writeFileSync(textFile, '<html>404 Not Found</html>'.padEnd(100))
it.each([
  [[file, '--types', '_NO_SUCH'], 1, 'SYMBOLS_NOT_FOUND'],
  [[file, '--lines', 'NoSuch'], 1, 'SYMBOLS_NOT_FOUND'],
  [[file, '--lines', '0xfffffff'], 1, 'SYMBOLS_NOT_FOUND'],
  [[textFile], 1, 'SYMBOLS_NOT_A_PDB'],
  [[file, '--lines', '12 34+'], 2, 'is no address'],
  [[file, '--publics', '--types'], 2, 'exclude each other'],
])('refuses %j', (args, code, reason) => {
  const run = dumpstack(folder.path, 'pdb', ...args)
  expect(run.stderr).toMatch(/^error: [^\n]+\n$/)
  expect(run.stderr).toContain(reason)
  expect([run.code, run.stdout]).toEqual([code, ''])
})
