// The crash dump stack over NVMe: a controller that was left busy with several queues, memory from the dump region or from the uncached
// extension, one polled queue pair, and CC.SHN at the end.
import { gpa, lba } from '@dumpstack/bytes'
import { type Fault, nvme } from '@dumpstack/machine'
import { PortConfigurationInformation } from '@dumpstack/nt'
import { describe, expect, it } from 'vitest'
import { behindPort, portWith } from '../altered-miniport.ts'
import { stornvme } from '../miniports/stornvme/index.ts'
import {
  BODY,
  bytesOfPlan,
  bytesOnDisk,
  type Crashed,
  crash,
  testPlan,
  writeDump,
} from './crash.test-support.ts'

const plan = testPlan(BODY)
const controller = 'nvme0'
const CC = 0x14
const CSTS = 0x1c
/** Of the controller's window. */
const registerOf = ({ machine, controller: { bdf } }: Crashed, offset: number): number =>
  machine.bus.read32(gpa(((machine.bus.config32(bdf, 0x10) & 0xfffffff0) >>> 0) + offset))

it.each([512, 4096] as const)('writes every byte of the plan, blocks of %i bytes, no rule broken', (size) => {
  const test = crash({ model: nvme, logicalSectorBytes: size, writesInFlight: 6 })
  const moved = test.machine.evidence.dmaLog.length
  const report = writeDump(test.stack, plan)
  expect(report).toMatchObject({ finalStatus: 0, bytesWritten: plan.byteLength, violations: [] })
  expect(Buffer.compare(bytesOnDisk(test, plan.byteLength), bytesOfPlan(test, plan))).toBe(0)
  expect(test.machine.evidence.dmaLog.length).toBeGreaterThan(moved)
  expect(test.machine.evidence.notModelled).toEqual([])
  expect(test.machine.evidence.refusals).toEqual([])
})

it('loads the images that minidumps of this build with an NVMe disk list', () => {
  const { stack } = crash({ model: nvme })
  const loaded = stack.rows.filter(({ state }) => state === 'loaded').map(({ fullName }) => fullName)
  expect(loaded.map((name) => name.split('\\').at(-1))).toEqual([
    'crashdmp.sys',
    'dump_dumpstorport.sys',
    'dump_stornvme.sys',
    'dump_dumpfve.sys',
  ])
})

it('ends with a flush and with the shutdown of the controller', () => {
  const test = crash({ model: nvme })
  writeDump(test.stack, plan)
  expect(registerOf(test, CSTS)).toBe(0x09)
  expect(registerOf(test, CC) & 0xc000).toBe(0x4000)
  expect(test.machine.disks[0]!).toMatchObject({ isCacheDirty: false, flushCount: 1 })
})

it('DM-29: what the dead instance left in several queues ends with the reset', () => {
  const test = crash({ model: nvme, writesInFlight: 8 })
  expect(test.machine.evidence.controllers[0]!.outstandingCount).toBe(8)
  const before = test.machine.evidence.dmaLog.length
  expect(writeDump(test.stack, plan).violations).toEqual([])
  const { dmaLog } = test.machine.evidence
  const later = Array.from({ length: dmaLog.length - before }, (_, i) => dmaLog.at(before + i))
  expect(later.some(({ diskOffset }) => diskOffset < 0x100000)).toBe(false)
})

describe('memory', () => {
  /** `without`: an instance that is not given the dump region. */
  const memoryOf = (without: boolean) => {
    let asked = 0
    const watched = behindPort(stornvme, (port, isDump) =>
      portWith(port, {
        getUncachedExtension: (extension, config, byteLength) => {
          if (isDump) asked = byteLength
          return port.getUncachedExtension(extension, config, byteLength)
        },
        initialize: (object, path, data) =>
          port.initialize(object, path, {
            ...data,
            hwFindAdapter: (...all) => {
              if (isDump && without) PortConfigurationInformation.at(all[4].view).dumpRegion.length = 0
              return data.hwFindAdapter(...all)
            },
          }),
      }),
    )
    const test = crash({ model: nvme, miniport: watched, runtimeMiniport: stornvme })
    const report = writeDump(test.stack, plan)
    expect(report).toMatchObject({ finalStatus: 0, violations: [] })
    return asked
  }

  it('is the dump region that the running instance asked for (DM-15)', () => {
    expect(memoryOf(false)).toBe(0)
  })

  it('is an uncached extension of less than 32 KiB where there is no region', () => {
    const asked = memoryOf(true)
    expect(asked).toBeGreaterThan(0x4000)
    expect(asked).toBeLessThan(0x8000)
  })
})

it.each<[string, object]>([
  ['one queue pair of few entries', { queues: 1, queueEntries: 2 }],
  ['doorbells far apart', { doorbellStride: 4 }],
  ['small transfers', { mdts: 1 }],
  ['transfers without limit', { mdts: 0 }],
  ['another LBA format', { lbaFormat: 3 }],
  ['a controller that gets ready slowly', { readyNs: 450_000_000, timeout: 1 }],
  ['no write cache', { writeCache: 'none' }],
  ['no messages', { msix: 'off' }],
])('works with %s', (_, settings) => {
  const test = crash({ model: nvme, settings, writesInFlight: 6 })
  expect(writeDump(test.stack, plan)).toMatchObject({ finalStatus: 0, violations: [] })
  expect(Buffer.compare(bytesOnDisk(test, plan.byteLength), bytesOfPlan(test, plan))).toBe(0)
  expect(test.machine.evidence.refusals).toEqual([])
})

describe('faults of the device', () => {
  const dumpWith = (fault: Fault) => {
    const test = crash({ model: nvme, before: ({ machine }) => machine.faults.add(fault) })
    return { test, report: writeDump(test.stack, plan) }
  }

  it('a transient error is sent again', () => {
    const { test, report } = dumpWith({ kind: 'transientError', controller, afterWrites: 3 })
    expect(report).toMatchObject({ finalStatus: 0, violations: [] })
    expect(Buffer.compare(bytesOnDisk(test, plan.byteLength), bytesOfPlan(test, plan))).toBe(0)
  })

  it('a bad sector ends the dump, with its place', () => {
    const at = lba((0x100000 + 0x0600000) / 512)
    const { report } = dumpWith({ kind: 'badSector', controller, lba: at, sectorCount: 1 })
    expect(report.finalStatus).toBe(0xc0000185)
    expect(report.failure).toMatch(/^WRITE .* at sector 0x3800, 5 times/)
  })

  it.each(['hang', 'lostCompletion'] as const)('%s ends the dump with a timeout', (kind) => {
    const { report } = dumpWith({ kind, controller, afterWrites: 2 })
    expect(report).toMatchObject({
      finalStatus: 0xc00000b5,
      violations: [{ rule: 'DM-37', severity: 'note' }],
    })
  })

  it('a controller that resets itself is started again', () => {
    const { test, report } = dumpWith({ kind: 'surpriseReset', controller, afterWrites: 2 })
    expect(report.finalStatus).toBe(0)
    expect(Buffer.compare(bytesOnDisk(test, plan.byteLength), bytesOfPlan(test, plan))).toBe(0)
  })
})
