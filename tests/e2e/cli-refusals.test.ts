// What the command line refuses: runs without a dump, files that are not dumps, output that cannot be read.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { dumpstack, repository, temporaryFolder } from './cli.ts'

const folder = temporaryFolder()
afterAll(() => folder.remove())
const at = (...parts: string[]): string => path.join(folder.path, ...parts)
const SMALL = ['--ram', '64M', '--cpus', '1']

beforeAll(() => {
  expect(dumpstack(folder.path, 'test', ...SMALL, '--out', 'run').code).toBe(0)
})

/** Examines a copy of the run after `damage`. */
function examineCopy(damage: (copy: string) => void): { code: number | null; said: string } {
  const copy = at('copy')
  cpSync(at('run'), copy, { recursive: true })
  try {
    damage(copy)
    const { code, stdout, stderr } = dumpstack(folder.path, 'examine', 'copy')
    return { code, said: stdout + stderr }
  } finally {
    rmSync(copy, { recursive: true })
  }
}

it('does not pass a run whose truth is gone', () => {
  const { code, said } = examineCopy((copy) => rmSync(path.join(copy, 'full', 'truth.json')))
  expect(said).toContain('full/truth.json: no such file or directory (ENOENT)')
  expect(code).toBe(4)
})

it('does not pass a run whose dump and truth are gone', () => {
  const { code, said } = examineCopy((copy) => rmSync(path.join(copy, 'kernel'), { recursive: true }))
  expect(said).toContain('no such file or directory (ENOENT)')
  expect(code).toBe(4)
})

it.each([0, 10])('does not pass a run whose journal was cut to %d bytes', (byteLength) => {
  const { code, said } = examineCopy((copy) => truncateSync(path.join(copy, 'journal.jsonl'), byteLength))
  expect(said).toContain('[RUN_FOLDER_CORRUPT]')
  expect(code).toBe(4)
})

it('calls a run that was stopped before its second dump inconclusive, and names that dump', () => {
  const { code, said } = examineCopy((copy) => {
    const journal = path.join(copy, 'journal.jsonl')
    const lines = readFileSync(journal, 'utf8').split('\n')
    const end = lines.findIndex((line) => line.includes('"examined"') && line.includes('"full"'))
    writeFileSync(journal, `${lines.slice(0, end + 2).join('\n')}\n{"seq":`)
  })
  expect(said).toContain('The run ended before the kernel dump was examined: it cannot be judged.')
  expect(said).toContain('Verdict: inconclusive')
  expect(code).toBe(3)
})

it('fails, rather than breaking off, when nothing crashed although the crash was to be the end', () => {
  const options = [
    '--pagefile',
    '64',
    '--stop-after',
    'crash',
    '--out',
    'too-small',
    '--json',
    '--junit',
    'too-small.xml',
  ]
  const { code, stdout, stderr } = dumpstack(folder.path, 'test', ...SMALL, ...options)
  expect(stderr).toBe('')
  expect(code).toBe(1)
  const result = JSON.parse(stdout)
  expect(result.verdict).toBe('fail')
  expect(result.messages).toContainEqual({
    level: 'x',
    text: 'Paging file size is too small for full dump purposes.',
  })
  expect(readFileSync(at('too-small.xml'), 'utf8')).toContain('failures="1" errors="0"')
})

it('labels the variants of a scenario and gives a command that shows the violation again', () => {
  const options = ['--dumps', 'full', '--scenario', 'wrong-bugcheck', '--json']
  const first = JSON.parse(dumpstack(folder.path, 'test', ...SMALL, ...options, '--out', 'wrong').stdout)
  expect(first.dumps.map((dump: { variant: string }) => dump.variant)).toEqual(['before-header', 'mid-body'])
  const { repro, driver, offset } = first.violations[0]
  const again = dumpstack(folder.path, ...repro.split(' ').slice(1), '--out', 'again', '--json')
  expect(again.code).toBe(1)
  expect(JSON.parse(again.stdout).violations[0]).toMatchObject({ driver, offset, repro })
})

it.each([
  [['test', '--scenario', 'wrong-bugcheck', '--scenario', 'dump-in-use'], 2, '--scenario is given twice'],
  [['test', '--ram=64M', '--ram', '128M'], 2, '--ram is given twice'],
  [['verify', '.'], 2, '. is a folder, expected a file'],
  [['check', '.'], 2, '. has no .sys file, expected at least one'],
  [['check', '/dev/zero'], 2, '/dev/zero is a device, expected a file'],
  [['test', '--driver', '/dev/zero'], 2, '/dev/zero is a device, expected a file'],
  [['verify', '/dev/zero'], 2, '/dev/zero is a device, expected a file'],
])('refuses %j with exit code %d', (args, code, said) => {
  const done = dumpstack(folder.path, ...args)
  expect(done.stderr).toBe(`error: ${said}\n`)
  expect(done.code).toBe(code)
})

it('does not wait for a pipe without a writer', () => {
  expect(spawnSync('mkfifo', [at('pipe')]).status).toBe(0)
  for (const args of [
    ['verify', 'pipe'],
    ['check', 'pipe'],
    ['test', '--driver', 'pipe'],
  ]) {
    expect(dumpstack(folder.path, ...args).stderr).toContain('pipe is a pipe, expected a file')
  }
})

it('judges neither way a kind of dump that it does not read', () => {
  const bytes = readFileSync(at('run', 'kernel', 'MEMORY.DMP')).subarray(0, 0x4000)
  const summary = Buffer.from(bytes)
  summary.writeUInt32LE(2, 0xf98)
  writeFileSync(at('summary.dmp'), summary)
  const { code, stdout } = dumpstack(folder.path, 'verify', 'summary.dmp')
  expect(stdout).toContain('[DUMP_UNSUPPORTED_TYPE]')
  expect(stdout).toContain('Verdict: inconclusive')
  expect(code).toBe(3)
})

it('does not call a dump whole that unknown bytes follow', () => {
  const dump = readFileSync(at('run', 'kernel', 'MEMORY.DMP'))
  writeFileSync(at('longer.dmp'), Buffer.concat([dump, Buffer.alloc(5000)]))
  const { code, stdout } = dumpstack(folder.path, 'verify', 'longer.dmp')
  expect(stdout).toContain('bytes of no known kind follow')
  expect(code).toBe(3)
})

it.skipIf(!existsSync('/dev/full'))(
  'says in one line that its output cannot be written (needs /dev/full)',
  () => {
    const bin = path.join(repository, 'packages/cli/bin/dumpstack.js')
    const command = `"${process.execPath}" "${bin}" test ${SMALL.join(' ')} --dumps kernel --out unwritten --json > /dev/full`
    const done = spawnSync('sh', ['-c', command], { cwd: folder.path, encoding: 'utf8' })
    expect(done.stderr).toBe('error: cannot write the output: no space left on device (ENOSPC)\n')
    expect(done.status).toBe(4)
    expect(readdirSync(at('unwritten')).sort()).toEqual([
      'crashdumptest.log',
      'dumpstack-run.jsonl',
      'journal.jsonl',
      'kernel',
      'result.json',
    ])
  },
)
