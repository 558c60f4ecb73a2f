// The repository's compiled miniports in the place of storahci: their code runs on the machine's processor in both lives.
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openSysFile, type SysObserver } from '@dumpstack/drivers'
import { win10_19041 } from '@dumpstack/nt'
import { SystemFolder, takeFolder } from '@dumpstack/run/node'
import type { CrashReport, DumpType, Target, TargetConditions } from '@dumpstack/target'
import { afterAll, expect, it } from 'vitest'
import { createWindowsTarget } from '../node/create-windows-target.ts'

const MINIPORTS = fileURLToPath(new URL('../../../../guest/miniports/bin/', import.meta.url))
const { signal } = new AbortController()
const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

function targetWith(fileName: string, observer?: SysObserver, conditions: TargetConditions = {}): Target {
  const folder = mkdtempSync(join(tmpdir(), 'dumpstack-sys-'))
  folders.push(folder)
  return createWindowsTarget({
    profile: win10_19041,
    folder: new SystemFolder(takeFolder(realpathSync(folder))),
    seed: 1,
    ramBytes: 64 * 2 ** 20,
    cpuCount: 1,
    pageFileBytes: 100 * 2 ** 20,
    conditions,
    hostNow: () => 0,
    driver: {
      file: openSysFile(fileName, readFileSync(join(MINIPORTS, fileName))),
      names: { nameAt: (rva) => `at_${rva.toString(16)}` },
      description: { fileName, sha256: '', byteLength: 0, executed: true, pdb: null },
      ...(observer && { observer }),
    },
  })
}

async function crashWith(
  fileName: string,
  dump: DumpType,
  observer?: SysObserver,
  conditions?: TargetConditions,
): Promise<CrashReport> {
  const target = targetWith(fileName, observer, conditions)
  try {
    for (const step of ['crashDriver', 'pageFile', 'restart'] as const) await target.prepare(step, signal)
    await target.configure(dump, signal)
    return await target.crash(() => {}, signal)
  } finally {
    target.close()
  }
}

it('writes a dump through a compiled miniport that keeps the rules, with requests in flight at the crash', async () => {
  const lives = new Map<string, Set<string>>()
  const report = await crashWith('dsahci.sys', 'kernel', {
    starts: () => {},
    callBegins: ({ life }, name) => lives.set(life, (lives.get(life) ?? new Set()).add(name)),
    callEnds: () => {},
    deviceAccess: () => {},
  })
  expect(report).toMatchObject({ finalStatus: 0, violations: [], shown: { code: 0xe2 } })
  expect(report.bytesWritten).toBeGreaterThan(2 ** 20)
  expect(report.inFlight.commands).toBeGreaterThan(0)
  expect(report.inFlight.leaked).toEqual([])
  expect([...lives.get('dump')!].sort()).toEqual([
    'StorPortGetBusData',
    'StorPortGetDeviceBase',
    'StorPortGetPhysicalAddress',
    'StorPortGetScatterGatherList',
    'StorPortGetUncachedExtension',
    'StorPortInitialize',
    'StorPortNotification',
    'StorPortSetDeviceQueueDepth',
    'StorPortStallExecution',
    'memcpy',
    'memset',
  ])
})

it.each([
  ['dsahci-b06.sys', [{ rule: 'DM-11', call: 'StorPortGetUncachedExtension' }], 0],
  ['dsahci-b14.sys', [{ rule: 'DM-11' }, { rule: 'DM-09' }], 0xc0000001],
  [
    'dsahci-b15.sys',
    [
      { rule: 'DM-34', call: 'write of PxCLB' },
      { rule: 'DM-34', call: 'write of PxFB' },
      { rule: 'device-stopped', call: 'write of P0CI' },
    ],
    0xc0000001,
  ],
  ['dsahci-b20.sys', [{ rule: 'DM-23', call: 'HwFindAdapter' }], 0xc00000b5],
  ['dsahci-b23.sys', [{ rule: 'DM-08', call: 'ZwOpenKey' }], 0],
])('names what %s does wrong, with the place in its code', async (fileName, violations, finalStatus) => {
  const report = await crashWith(fileName, 'mini')
  expect(report).toMatchObject({ finalStatus, violations })
  const [first] = report.violations
  expect(first!.stack![0]).toMatch(new RegExp(`^dump_${fileName.replace('.sys', '')}!at_[0-9a-f]+$`))
  expect(first!.irql).toBe('HIGH_LEVEL')
})

it('lets a scenario fault a driver that takes STORAGE_REQUEST_BLOCK', async () => {
  const report = await crashWith('dsahci.sys', 'kernel', undefined, { miniportFault: 'midBody' })
  expect(report.shown.code).toBe(0xd1)
  expect(report.violations).toMatchObject([{ rule: 'bugcheck-0xd1', call: 'HwStartIo' }])
  expect(report.bytesWritten).toBeGreaterThan(0)
})
