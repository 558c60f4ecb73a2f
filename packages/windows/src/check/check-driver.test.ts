// Each compiled miniport of the repository: the good ones keep the contract on all hardware, each bad one is caught at its defect.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openSysFile } from '@dumpstack/drivers'
import { controllerNamed } from '@dumpstack/machine'
import { win10_19041 } from '@dumpstack/nt'
import { expect, it } from 'vitest'
import { checkDriverFile } from '../node/check-driver-file.ts'
import type { DriverCheckReport } from './driver-finding.ts'

const MINIPORTS = new URL('../../../../guest/miniports/bin/', import.meta.url)

function check(fileName: string, kind: string, as = fileName): DriverCheckReport {
  const bytes = readFileSync(fileURLToPath(new URL(fileName, MINIPORTS)))
  const driver = {
    file: openSysFile(as, bytes),
    names: { nameAt: () => null },
  }
  return checkDriverFile(driver, win10_19041, controllerNamed(kind), 1)
}

it.each<[string, string, number]>([
  ['dsahci.sys', 'ahci', 2],
  ['dsvioblk.sys', 'virtio-blk', 3],
  ['dsahci-checked.sys', 'ahci', 2],
  ['dsvioblk-checked.sys', 'virtio-blk', 3],
])('passes %s on all hardware', (fileName, controller, runs) => {
  const report = check(fileName, controller)
  expect(report).toMatchObject({ verdict: 'pass', findings: [] })
  expect(report.runs).toHaveLength(runs)
  for (const run of report.runs) expect(run).toMatchObject({ finished: true, bytesWritten: 0x302000 })
})

it.each<[string, string, string, string]>([
  ['dsahci-b06.sys', 'ahci', 'DM-11', 'StorPortGetUncachedExtension'],
  ['dsahci-b14.sys', 'ahci', 'DM-09', 'HwInitialize'],
  ['dsahci-b15.sys', 'ahci', 'DM-34', 'write of PxCLB'],
  ['dsahci-b20.sys', 'ahci', 'DM-23', 'HwFindAdapter'],
  ['dsahci-b23.sys', 'ahci', 'DM-08', 'ZwOpenKey'],
  ['dsvioblk-b01.sys', 'virtio-blk', 'DM-43', 'HwFindAdapter'],
  ['dsvioblk-b02.sys', 'virtio-blk', 'DM-43', 'HwFindAdapter'],
  ['dsvioblk-b04.sys', 'virtio-blk', 'DM-11', 'StorPortGetUncachedExtension'],
  ['dsvioblk-b10.sys', 'virtio-blk', 'DM-19', 'HwInterrupt'],
  ['dsvioblk-b12.sys', 'virtio-blk', 'DM-25', 'StorPortAcquireSpinLock'],
  ['dsvioblk-b17.sys', 'virtio-blk', 'bugcheck-0x1e', 'HwInterrupt'],
  ['dsvioblk-b22.sys', 'virtio-blk', 'DM-21', 'StorPortInitializeDpc'],
  ['dsvioblk-b26.sys', 'virtio-blk', 'DM-42', 'WRITE'],
])('catches %s on %s: %s in %s', (fileName, controller, rule, call) => {
  const report = check(fileName, controller)
  expect(report.verdict).toBe('fail')
  expect(report.findings.map((finding) => `${finding.rule} ${finding.call}`)).toContain(`${rule} ${call}`)
})

it('finds what only shows on 4 KiB sectors, or with few segments, on that hardware', () => {
  expect(check('dsvioblk-b26.sys', 'virtio-blk').findings[0]!.hardware).toBe('4096-byte sectors')
  expect(check('dsvioblk-b02.sys', 'virtio-blk').findings[0]!.hardware).toBe('8 segments a request')
})

it('takes a driver whatever it is called', () => {
  expect(check('dsahci.sys', 'ahci', 'A long name, of our own.SYS').verdict).toBe('pass')
})
