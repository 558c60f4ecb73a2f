// Our patches on good miniports, one defect each: they apply and build, and a life that has what the defect needs names it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { openSysFile } from '@dumpstack/drivers'
import { controllerNamed } from '@dumpstack/machine'
import { win10_19041 } from '@dumpstack/nt'
import type { LifeSettings } from '@dumpstack/windows'
import { checkDriverFile } from '@dumpstack/windows/node'
import { afterAll, describe, expect, it } from 'vitest'
import { KINDS_OF_BUGS } from './bug-catalogue.ts'
import { BUILD_TOOLS, buildMiniport, canBuild, defectPatch, defects } from './miniport-build.ts'

const work = mkdtempSync(path.join(os.tmpdir(), 'dumpstack-defects-'))
afterAll(() => rmSync(work, { recursive: true }))

const CASES: readonly (readonly [name: string, settings: LifeSettings, finding: string])[] = [
  ['dsahci-b09', {}, 'fail device-stopped write of P0CI'],
  ['dsahci-b11', {}, 'fail DM-19 HwInterrupt'],
  ['dsahci-b28', { pageFile: 'beyond-2^32' }, 'fail stray-write WRITE'],
  ['dsahci-b35', { event: 'link-down' }, 'fail DM-26 HwInitialize'],
  ['dsahci-no-wait', { event: 'transient-error' }, 'fail device-refused write of P0CMD'],
  ['dsahci-overlap-tables', { buffers: 'scattered' }, 'fail memory-overlap I/O'],
  ['dsahci-pageable', {}, 'warning pageable-code HwBuildIo'],
  ['dsahci-restart', { event: 'restart' }, 'fail wrong-data HwStartIo'],
  ['dsnvme-admin-polls', {}, 'fail no-dump dump'],
  ['dsnvme-cpu-queues', { cpus: 4 }, 'fail DM-11 StorPortGetUncachedExtension'],
  ['dsnvme-mdts', { mdts: 1 }, 'fail device-refused write of doorbell 0x1008'],
  ['dsnvme-no-wait', {}, 'fail device-refused write of CC'],
  ['dsnvme-phase', {}, 'fail no-dump dump'],
  ['dsnvme-prp-page', {}, 'fail no-dump dump'],
  ['dsvioblk-b03', { sizeMax: 16384 }, 'fail device-refused write of NOTIFY'],
  ['dsvioblk-b07', { queueSize: 512 }, 'fail no-dump dump'],
  ['dsvioblk-b16', {}, 'fail bugcheck-0xd1 HwInitialize'],
  ['dsvioblk-b25', { event: 'low-memory' }, 'fail GUEST_FAULT I/O'],
  ['dsvioblk-b27', { event: 'beyond-end' }, 'warning OUT_OF_RANGE HwStartIo'],
  ['dsvioblk-b29', { extents: 1100 }, 'fail no-dump dump'],
  ['dsvioblk-b30', { queues: 4 }, 'fail no-dump dump'],
  ['dsvioblk-b32', {}, 'fail IO_FAILED I/O'],
  ['dsvioblk-b33', { event: 'restart' }, 'fail IO_FAILED I/O'],
  ['dsvioblk-b38', {}, 'warning slow-dump HwInterrupt'],
  ['dsvioblk-b39', { buffers: 'scattered' }, 'fail DM-42 WRITE'],
  ['dsvioblk-irql', {}, 'warning routine-irql ZwClose'],
  ['dsvioblk-lock-kept', {}, 'fail lock-state HwDpc'],
  ['dsvioblk-lock-order', {}, 'fail lock-state StorPortAcquireSpinLock'],
  ['dsvioblk-lock-twice', {}, 'fail lock-state StorPortAcquireSpinLock'],
  ['dsvioblk-lost-end', { queueSize: 16 }, 'warning request-timeout HwBuildIo'],
  ['dsvioblk-overlap-rings', {}, 'fail memory-overlap write of Q_ENABLE'],
  ['dsvioblk-port-lock', {}, 'warning lock-state StorPortAcquireSpinLock'],
  ['dsvioblk-reset-ignored', { event: 'running-hang' }, 'note IO_FAILED I/O'],
  ['dsvioblk-used-store', {}, 'warning device-memory HwInterrupt'],
]

const CONTROLLER: Readonly<Record<string, string>> = {
  dsahci: 'ahci',
  dsnvme: 'nvme',
  dsvioblk: 'virtio-blk',
}

it('has each defect once, and each of a kind in the catalogue', () => {
  expect(CASES.map(([name]) => name)).toEqual(defects().sort())
  const catalogued = KINDS_OF_BUGS.flatMap(({ own }) => own)
  expect(catalogued).toEqual(expect.arrayContaining(defects().filter((name) => /-b\d+$/.test(name))))
})

describe.skipIf(!canBuild)(`wrong miniports (needs ${BUILD_TOOLS.join(', ')})`, () => {
  it.each(CASES)(
    '%s with %o: %s',
    (name, settings, finding) => {
      const file = buildMiniport(work, defectPatch(name))
      const { findings } = checkDriverFile(
        { file: openSysFile(path.basename(file), readFileSync(file)), names: { nameAt: () => null } },
        {
          profile: win10_19041,
          controller: controllerNamed(CONTROLLER[name.split('-')[0]!]!),
          seed: 1,
          settings,
          isWhole: false,
        },
      )
      expect(findings.map(({ verdict, rule, call }) => `${verdict} ${rule} ${call}`)).toContain(finding)
    },
    120_000,
  )
})
