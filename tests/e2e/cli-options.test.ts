// Options that are wrong end with one line that says why, exit code 2, and nothing on the disk.
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { dumpstack, temporaryFolder } from './cli.ts'

const folder = temporaryFolder()
afterAll(() => folder.remove())

it.each([
  [['test', '--cpus', '0'], 'Expected a whole number from 1 to 64.'],
  [['test', '--cpus', '65'], 'Expected a whole number from 1 to 64.'],
  [['test', '--cpus', '2.5'], 'Expected a whole number from 1 to 64.'],
  [['test', '--ram', '1M'], '--ram is 1048576 bytes, expected from 64M to 64G'],
  [['test', '--ram', '134217729B'], 'expected a multiple of the page size 4096'],
  [['test', '--ram', '512'], 'Expected a size such as 512M'],
  [['test', '--pagefile', '70000'], "of the disk's 68719476736 are left for it"],
  [['test', '--pagefile', '0'], 'expected a page file'],
  [['test', '--pagefile', 'mem-1'], 'Expected a number of MB, mem+N'],
  [['test', '--scenario', 'no-such'], 'pagefile-too-small, wrong-bugcheck'],
  [['test', '--scenario', 'pagefile-too-small', '--pagefile', '100'], 'sets the page file itself'],
  [['test', '--dumps', 'full,small'], 'full, kernel, mini'],
  [['test', '--dumps', 'full,full'], 'named twice'],
  [['test', '--dumps', ''], 'full, kernel, mini'],
  [['test', '--seed', '4294967296'], 'Expected a whole number from 0 to 4294967295.'],
  [['test', '--stop-after', 'restart'], "Only 'crash'"],
  [['test', '--out', ''], 'Expected a path.'],
  [['test', '--junit', '.'], '--junit . is a folder, expected a file'],
  [['test', '--ram', '63G', '--ram'], '--ram is given twice'],
  [['test', '--no-such'], "unknown option '--no-such'"],
  [['test', 'full'], 'too many arguments'],
  [['no-such'], "unknown command 'no-such'"],
  [['examine'], "missing required argument 'path'"],
  [['verify'], "missing required argument 'file'"],
])('refuses %j', (args, reason) => {
  const { code, stdout, stderr } = dumpstack(folder.path, ...args)
  expect(stderr).toContain(reason)
  expect(stderr).toMatch(/^error: [^\n]+\n(\(Did you mean[^\n]+\n)?$/)
  expect(stdout).toBe('')
  expect(code).toBe(2)
  expect(readdirSync(folder.path)).toEqual([])
})

it.each([
  [['--help']],
  [['test', '--help']],
  [['check', '--help']],
  [['help', 'examine']],
  [['verify', '--help']],
  [['stack', '-h']],
])('prints help for %j, 80 columns wide, with the exit codes', (args) => {
  const { code, stdout, stderr } = dumpstack(folder.path, ...args)
  expect(code).toBe(0)
  expect(stderr).toBe('')
  expect(stdout).toContain('Exit codes: 0 pass, 1 fail')
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
})

it('prints its version, also after a command', () => {
  for (const args of [['--version'], ['test', '--version']]) {
    expect(dumpstack(folder.path, ...args)).toEqual({ code: 0, stdout: '0.1.0\n', stderr: '' })
  }
})

it.each([
  ['verify', 'absent.dmp', 2, 'cannot read absent.dmp: no such file or directory (ENOENT)'],
  ['examine', 'absent', 2, 'cannot read absent: no such file or directory (ENOENT)'],
])('%s of a path that is not there names path and reason', (command, name, code, reason) => {
  const finished = dumpstack(folder.path, command, name)
  expect(finished.stderr).toContain(reason)
  expect(finished.code).toBe(code)
})

it('says that a folder holds no run', () => {
  const { code, stderr } = dumpstack(folder.path, 'examine', '.')
  expect(stderr).toContain('folder . holds no run: journal.jsonl is not there')
  expect(code).toBe(2)
})

it('names the reason when the run folder cannot be made, and leaves nothing', () => {
  const file = path.join(folder.path, 'file')
  writeFileSync(file, '')
  const { code, stderr } = dumpstack(folder.path, 'test', '--out', 'file/run')
  expect(stderr).toMatch(/^error: cannot make the run folder file\/run: not a directory \(ENOTDIR\)/)
  expect(code).toBe(4)
  expect(dumpstack(folder.path, 'test', '--junit', 'no/such/folder.xml').code).toBe(4)
  expect(existsSync(path.join(folder.path, 'dumpstack-run'))).toBe(false)
})

it.skipIf(!existsSync('/proc/self'))('does not hang where no folder can be made (needs /proc)', () => {
  const { code, stderr } = dumpstack(folder.path, 'test', '--out', '/proc/absent/run')
  expect(stderr).toContain('cannot make the run folder /proc/absent/run')
  expect(code).toBe(4)
})

it('prints where an error came from only when asked', () => {
  const quiet = dumpstack(folder.path, 'verify', 'absent.dmp')
  const verbose = dumpstack(folder.path, 'verify', 'absent.dmp', '--verbose')
  expect(quiet.stderr.split('\n')).toHaveLength(2)
  expect(verbose.stderr).toContain('ENOENT: no such file or directory')
  expect(verbose.stderr.split('\n').length).toBeGreaterThan(4)
})

it.each([
  ['empty', new Uint8Array(0)],
  ['zeros', new Uint8Array(70_000)],
  ['MDMP', Buffer.from('MDMP'.padEnd(70_000, '\0'))],
  ['PAGEDU64 and nothing else', Buffer.from('PAGEDU64')],
])('verify of a file that is %s fails in one line', (_name, bytes) => {
  const file = path.join(folder.path, 'bad.dmp')
  writeFileSync(file, bytes)
  const text = dumpstack(folder.path, 'verify', file)
  expect(text.code).toBe(1)
  expect(text.stdout).toContain('FAIL')
  const json = dumpstack(folder.path, 'verify', file, '--json')
  expect(JSON.parse(json.stdout)).toMatchObject({ verdict: 'fail', file })
})
