// Each compiled miniport of the repository: the good ones keep the contract on all hardware, each bad one is caught at its defect.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openSysFile } from '@dumpstack/drivers'
import { controllerNamed } from '@dumpstack/machine'
import { win10_19041 } from '@dumpstack/nt'
import { expect, it } from 'vitest'
import { checkDriverFile } from '../node/check-driver-file.ts'
import type { DriverCheckReport } from './driver-finding.ts'
import type { LifeSettings } from './settings.ts'

const MINIPORTS = new URL('../../../../guest/miniports/bin/', import.meta.url)

/** In one life of these settings. */
function check(
  fileName: string,
  kind: string,
  settings: LifeSettings = {},
  as = fileName,
): DriverCheckReport {
  const bytes = readFileSync(fileURLToPath(new URL(fileName, MINIPORTS)))
  const driver = {
    file: openSysFile(as, bytes),
    names: { nameAt: () => null },
  }
  return checkDriverFile(driver, {
    profile: win10_19041,
    controller: controllerNamed(kind),
    seed: 1,
    settings,
    isWhole: false,
  })
}

it.each([
  ['dsahci-checked.sys', 'ahci'],
  ['dsvioblk-checked.sys', 'virtio-blk'],
])('passes %s', (fileName, controller) => {
  expect(check(fileName, controller)).toMatchObject({ verdict: 'pass', findings: [] })
})

it.each<[string, string, string, string]>([
  ['dsahci-b06.sys', 'ahci', 'DM-11', 'StorPortGetUncachedExtension'],
  ['dsahci-b14.sys', 'ahci', 'DM-09', 'HwInitialize'],
  ['dsahci-b15.sys', 'ahci', 'DM-34', 'write of PxCLB'],
  ['dsahci-b20.sys', 'ahci', 'DM-23', 'HwFindAdapter'],
  ['dsahci-b23.sys', 'ahci', 'DM-08', 'ZwOpenKey'],
  ['dsvioblk-b01.sys', 'virtio-blk', 'DM-43', 'HwFindAdapter'],
  ['dsvioblk-b04.sys', 'virtio-blk', 'DM-11', 'StorPortGetUncachedExtension'],
  ['dsvioblk-b10.sys', 'virtio-blk', 'DM-19', 'HwInterrupt'],
  ['dsvioblk-b12.sys', 'virtio-blk', 'DM-25', 'StorPortAcquireSpinLock'],
  ['dsvioblk-b17.sys', 'virtio-blk', 'bugcheck-0x1e', 'HwInterrupt'],
  ['dsvioblk-b22.sys', 'virtio-blk', 'DM-21', 'StorPortInitializeDpc'],
])('catches %s on %s: %s in %s', (fileName, controller, rule, call) => {
  const report = check(fileName, controller)
  expect(report.verdict).toBe('fail')
  expect(report.findings.map((finding) => `${finding.rule} ${finding.call}`)).toContain(`${rule} ${call}`)
})

it('runs the one life that is asked for', () => {
  const report = check('dsvioblk-b26.sys', 'virtio-blk', { sector: '4Kn', queueSize: 256 })
  expect(report.runs.map(({ setting }) => setting)).toEqual(['sector 4Kn'])
  expect(report.findings[0]).toMatchObject({ rule: 'DM-42', settings: { sector: '4Kn' } })
  expect(check('dsvioblk-b26.sys', 'virtio-blk', { queueSize: 64 })).toMatchObject({ verdict: 'pass' })
})

it.each([
  [{ queueSize: 100 }, 'setting queueSize is 100 for virtio-blk, expected a power of two, 4 to 1024'],
  [{ port: 1 }, 'setting port is 1 for virtio-blk, expected 0 to 0'],
  [{ virtio: 'old' }, 'setting virtio is old for virtio-blk, expected transitional or modern'],
  [{ slots: 4 }, /^setting slots is unknown, expected one of virtio-blk: sector, diskSize, /],
])('refuses %o', (settings, message) => {
  expect(() => check('dsvioblk.sys', 'virtio-blk', settings)).toThrow(message)
})

it('does not pass a driver that refuses the one life that it was shown', () => {
  expect(check('dsvioblk.sys', 'virtio-blk', { segMax: 1 })).toMatchObject({
    verdict: 'inconclusive',
    findings: [{ verdict: 'note', rule: 'ADAPTER_ERROR' }],
  })
})

it('notes the refusal of hardware, but not of the place that it is plugged in, nor after an event', () => {
  const refused = (settings: LifeSettings) => check('dsvioblk.sys', 'ahci', settings).findings[0]?.verdict
  expect(refused({ bus: 3, msi: 'off' })).toBe('note')
  expect(refused({ bus: 3 })).toBe('inconclusive') // as plain: it drives another controller
  expect(refused({ event: 'restart' })).toBe('inconclusive')
})

it('takes a driver whatever it is called', () => {
  expect(check('dsahci.sys', 'ahci', {}, 'A long name, of our own.SYS').verdict).toBe('pass')
})
