// The whole plan of lives, in process: the good miniports keep the contract in each life, and a finding names the settings that it needs.
// As a command it runs in several threads, and comes to the same.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { openSysFile } from '@dumpstack/drivers'
import { controllerNamed } from '@dumpstack/machine'
import { win10_19041 } from '@dumpstack/nt'
import type { DriverCheckReport } from '@dumpstack/windows'
import { checkDriverFile } from '@dumpstack/windows/node'
import { afterAll, expect, it, vi } from 'vitest'
import { dumpstack, repository, temporaryFolder } from '../e2e/cli.ts'
import { MINIPORT_BIN } from './tools.ts'

const folder = temporaryFolder()
afterAll(() => folder.remove())

function check(fileName: string, kind: string): DriverCheckReport {
  const file = openSysFile(fileName, readFileSync(path.join(MINIPORT_BIN, fileName)))
  return checkDriverFile(
    { file, names: { nameAt: () => null } },
    { profile: win10_19041, controller: controllerNamed(kind), seed: 1, settings: {}, isWhole: true },
  )
}

const textOf = ({ findings }: DriverCheckReport): string[] =>
  findings.map(({ verdict, rule, setting }) => `${verdict} ${rule} on ${setting}`)

it.each([
  // it ignores resets, as it should, also where a request is lost
  ['dsahci.sys', 'ahci', ['note DM-37 on event lost-completion']],
  ['dsnvme.sys', 'nvme', ['note DM-37 on event lost-completion']],
  // and a request of any shape takes two segments
  ['dsvioblk.sys', 'virtio-blk', ['note ADAPTER_ERROR on segMax 1', 'note DM-37 on event lost-completion']],
])(
  'passes %s in each life of the plan',
  (fileName, controller, notes) => {
    const report = check(fileName, controller)
    expect(report.verdict).toBe('pass')
    expect(textOf(report)).toEqual(notes)
    expect(report.runs[0]).toMatchObject({ setting: 'plain', finished: true, bytesWritten: 0x202000 })
    // a dump may end early where the device fails
    for (const { setting, finished } of report.runs.filter((run) => !run.setting.startsWith('event ')))
      expect({ setting, finished }).toEqual({ setting, finished: !/segMax 1(,|$)/.test(setting) })
  },
  300_000,
)

it.each([
  ['dsvioblk-b26.sys', 'fail DM-42 on sector 4Kn'],
  ['dsvioblk-b02.sys', 'fail DM-43 on segMax 8'],
])(
  'names the one setting that %s needs to fail: %s',
  (fileName, expected) => {
    const report = check(fileName, 'virtio-blk')
    expect(textOf(report)).toContain(expected)
  },
  300_000,
)

it('comes to the same in one thread and in several', () => {
  const report = check('dsvioblk-b26.sys', 'virtio-blk')
  const { stdout } = dumpstack(
    folder.path,
    'check',
    path.join(MINIPORT_BIN, 'dsvioblk-b26.sys'),
    '--json',
    '--threads',
    '3',
  )
  const checked: DriverCheckReport = JSON.parse(stdout)
  expect(checked.runs).toEqual(report.runs)
  const withoutNames = ({ findings }: DriverCheckReport) =>
    findings.map(({ verdict, rule, call, message, count, settings, offset, atNs }) => ({
      verdict,
      rule,
      call,
      message,
      count,
      settings,
      offset,
      atNs,
    }))
  expect(withoutNames(checked)).toEqual(withoutNames(report))
}, 300_000)

it('has lives run by other threads', async () => {
  // as it is built: a thread runs the built program
  const built = (file: string): string => path.join(repository, 'packages/cli/dist', file)
  const { LifeThreads }: typeof import('../../packages/cli/src/check/life-threads.ts') = await import(
    built('check/life-threads.js')
  )
  const { openDriver }: typeof import('../../packages/cli/src/driver/driver-file.ts') = await import(
    built('driver/driver-file.js')
  )
  const file = path.join(MINIPORT_BIN, 'dsvioblk.sys')
  const driver = openDriver(file, null)
  const threads = new LifeThreads(3)
  try {
    const plan = [{}, { cpus: 1 }, { queueSize: 8 }]
    const job = { file, pdb: null, profile: win10_19041.name, controller: 'virtio-blk', seed: 1, plan }
    const shared = threads.share(driver, job)
    const settings = await Promise.all(
      [1, 2].map((index) => vi.waitUntil(() => shared.result(index)?.run.setting, { timeout: 60_000 })),
    )
    expect(settings).toEqual(['cpus 1', 'queueSize 8'])
    expect([0, 1, 2].map(shared.claim)).toEqual([false, false, false])
  } finally {
    threads.close()
    driver.close()
  }
}, 120_000)
