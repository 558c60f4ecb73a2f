// `dumpstack calls`: what our good AHCI miniport did in a run, from the record that the run kept.
import { spawnSync } from 'node:child_process'
import { truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { dumpstack, repository, temporaryFolder } from './cli.ts'

const folder = temporaryFolder()
afterAll(() => folder.remove())
const MINIPORTS = path.join(repository, 'guest/miniports/bin')
const calls = (...args: string[]) => dumpstack(folder.path, 'calls', ...args)
const objects = (...args: string[]) =>
  calls(...args, '--json')
    .stdout.trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

beforeAll(() => {
  const run = (...args: string[]) =>
    dumpstack(folder.path, 'test', '--ram', '64M', '--cpus', '1', '--dumps', 'mini', ...args)
  expect(run('--driver', path.join(MINIPORTS, 'dsahci.sys'), '--out', 'run').code).toBe(0)
  expect(run('--out', 'modelled').code).toBe(0)
}, 120_000)

it('lists calls and register accesses with time, life, IRQL and place in the driver', () => {
  const { code, stdout, stderr } = calls('run', '--dump', 'mini', '--life', 'dump')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const lines = stdout.split('\n')
  const found = (pattern: RegExp): number => lines.findIndex((line) => pattern.test(line))
  const begin = found(
    /^ +\d+\.\d{9} +dump +15 +DriverEntry +dump_dsahci\+0x\w+ DriverEntry\+0x\w+ +StorPortInitialize\(0x0, 0x0, 0x\w+, 0x0\) \{$/,
  )
  const claim = found(
    / HwFindAdapter +dump_dsahci\+0x\w+ AhciTakeHba\+0x\w+ +write32 BAR5\+0x4 GHC <- 0x80000000$/,
  )
  const end = found(/\} StorPortInitialize = 0x0$/)
  const issue = found(/ HwStartIo +dump_dsahci\+0x\w+ AhciIssue\+0x\w+ +write32 BAR5\+0x138 P0CI <- 0x1$/)
  const complete = lines.findLastIndex((line) =>
    / StorPortNotification\(RequestComplete, 0x\w+, 0x\w+\) = 0x0$/.test(line),
  )
  expect([begin, claim, end, issue, complete].every((index) => index > 0)).toBe(true)
  expect([begin, claim, end, issue, complete]).toEqual(
    [begin, claim, end, issue, complete].sort((a, b) => a - b),
  )
  expect(stdout).not.toContain(' runtime ')
})

it('filters by entry point, call and register', () => {
  const found = objects('run', '--routine', 'hwfindadapter', '--register', 'GHC').filter(
    ({ kind }) => kind !== 'end',
  )
  expect(found.length).toBeGreaterThan(3)
  for (const event of found)
    expect(event).toMatchObject({
      kind: 'access',
      routine: 'HwFindAdapter',
      controller: 'ahci0',
      bar: 5,
      offset: 4,
      register: 'GHC',
    })
  const both = objects('run', '--dump', 'mini', '--call', 'RequestComplete', '--register', 'PxCI').filter(
    ({ kind }) => kind !== 'end',
  )
  expect(new Set(both.map(({ kind, name, register }) => `${kind} ${name ?? register}`))).toEqual(
    new Set(['call StorPortNotification', 'access P0CI']),
  )
})

it('says that a filter matches nothing', () => {
  for (const summary of [[], ['--summary']]) {
    const { code, stderr } = calls('run', '--call', 'StorPortInitialise', ...summary)
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: 'no call and no register access matches: --summary alone lists what there is\n',
    })
  }
})

it('counts the same events as it lists, and accesses as the record did', () => {
  const { rows, cut } = JSON.parse(calls('run', '--summary', '--json').stdout)
  expect(cut).toEqual({ calls: 0, accesses: 0 })
  const listed = objects('run')
  const sum = (isCall: boolean): number =>
    rows
      .filter(({ what }: { what: string }) => (what === 'call') === isCall)
      .reduce((total: number, row: { count: number }) => total + row.count, 0)
  const ends = listed.filter(({ kind }) => kind === 'end')
  expect(ends.map(({ start }) => start)).toEqual(['setup', 'mini', 'last'])
  expect(sum(true)).toBe(ends.reduce((total, { calls }) => total + calls, 0))
  expect(sum(false)).toBe(ends.reduce((total, { accesses }) => total + accesses, 0))
  expect(sum(true)).toBe(listed.filter(({ kind }) => kind === 'call').length)
})

it('says what is missing: a run, a driver file, a dump, the end of a record', () => {
  expect(calls('nowhere')).toMatchObject({ code: 2, stderr: expect.stringContaining('(ENOENT)') })
  expect(calls('.')).toMatchObject({ code: 2, stderr: expect.stringContaining('[RUN_FOLDER_NOT_A_RUN]') })
  expect(calls('modelled')).toMatchObject({
    code: 4,
    stderr: expect.stringMatching(/without a driver file.*\[RUN_FOLDER_NO_CALLS\]/),
  })
  expect(calls('run', '--dump', 'full')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('setup, mini, last'),
  })
  const last = path.join(folder.path, 'run/calls.bin')
  truncateSync(last, 1000)
  expect(calls('run', '--life', 'runtime')).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('calls.bin has no end'),
  })
  writeFileSync(last, 'no record')
  expect(calls('run')).toMatchObject({ code: 4, stderr: expect.stringContaining('[CALLS_UNKNOWN]') })
})

it('ends quietly when its reader closes the pipe', () => {
  const bin = path.join(repository, 'packages/cli/bin/dumpstack.js')
  const piped = spawnSync('sh', ['-c', `"${process.execPath}" "${bin}" calls run --dump mini | head -n 2`], {
    cwd: folder.path,
    encoding: 'utf8',
  })
  expect({ ...piped, lines: piped.stdout.split('\n').length }).toMatchObject({ stderr: '', lines: 3 })
})
