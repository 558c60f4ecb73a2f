// The crash dump stack over virtio-blk: the same rules as over AHCI, a controller that was left busy.
import { lba } from '@dumpstack/bytes'
import { type Fault, virtioBlk } from '@dumpstack/machine'
import { describe, expect, it } from 'vitest'
import { viostor } from '../miniports/viostor/index.ts'
import { withRegisters } from './bad-miniports.test-support.ts'
import { BODY, bytesOfPlan, bytesOnDisk, crash, testPlan, writeDump } from './crash.test-support.ts'

const plan = testPlan(BODY)
const controller = 'virtio-blk0'

it.each([512, 4096] as const)('writes every byte of the plan, blocks of %i bytes, no rule broken', (size) => {
  const test = crash({ model: virtioBlk, logicalSectorBytes: size, writesInFlight: 6 })
  const moved = test.machine.evidence.dmaLog.length
  const report = writeDump(test.stack, plan)
  expect(report).toMatchObject({ finalStatus: 0, bytesWritten: plan.byteLength, violations: [] })
  expect(Buffer.compare(bytesOnDisk(test, plan.byteLength), bytesOfPlan(test, plan))).toBe(0)
  expect(test.machine.evidence.dmaLog.length).toBeGreaterThan(moved)
  expect(test.machine.evidence.notModelled).toEqual([])
})

it('loads the images of the third party under its dump name', () => {
  const { stack } = crash({ model: virtioBlk })
  expect(stack.rows.map((row) => row.baseName)).toContain('dump_viostor.sys')
})

it('DM-29: what the dead instance left in flight ends with the reset', () => {
  const test = crash({ model: virtioBlk, writesInFlight: 8 })
  const before = test.machine.evidence.dmaLog.length
  expect(writeDump(test.stack, plan).violations).toEqual([])
  const { dmaLog } = test.machine.evidence
  const later = Array.from({ length: dmaLog.length - before }, (_, i) => dmaLog.at(before + i))
  const dead = later.filter(({ diskOffset }) => diskOffset < 0x100000)
  expect(dead.length).toBeLessThan(8)
  const firstOfDump = later.find(({ diskOffset }) => diskOffset >= 0x100000)!
  expect(dead.every(({ atNs }) => atNs < firstOfDump.atNs)).toBe(true)
})

it('DM-29: an instance that does not reset the device finds the dead one in its queue', () => {
  let skipped = false
  const resetless = withRegisters(viostor, {
    write8: (registers, offset, value) => {
      if (offset !== 0x14) return
      skipped = value === 0
      if (!skipped) registers.write8(offset, value)
    },
    read8: (value, offset) => (offset === 0x14 && skipped ? 0 : value),
  })
  const report = writeDump(crash({ model: virtioBlk, miniport: resetless, writesInFlight: 8 }).stack, plan)
  expect(report.finalStatus).not.toBe(0)
})

it('device-stopped: a miniport that breaks the queue is told how, and in which routine', () => {
  let notifications = 0
  const breaking = withRegisters(viostor, {
    write16: (registers, offset, value, uncached) => {
      // its first request is its own; with the first write it claims more entries than the queue has
      if (offset >= 0x3000 && ++notifications === 2) uncached.view.setUint16(0x1002, 0x7000, true)
      registers.write16(offset, value)
    },
  })
  const report = writeDump(crash({ model: virtioBlk, miniport: breaking }).stack, plan)
  expect(report.violations[0]).toMatchObject({
    rule: 'device-stopped',
    call: 'write of NOTIFY',
    message: expect.stringMatching(
      /^virtio-blk0 stopped until its reset: idx of the available ring is \d+ ahead, expected at most the queue's 256$/,
    ),
  })
})

describe('faults of the device', () => {
  const dumpWith = (fault: Fault) => {
    const test = crash({ model: virtioBlk, before: ({ machine }) => machine.faults.add(fault) })
    return { test, report: writeDump(test.stack, plan) }
  }

  it('a transient error is sent again', () => {
    const { test, report } = dumpWith({ kind: 'transientError', controller, afterWrites: 3 })
    expect(report).toMatchObject({ finalStatus: 0, violations: [] })
    expect(Buffer.compare(bytesOnDisk(test, plan.byteLength), bytesOfPlan(test, plan))).toBe(0)
  })

  it('a bad sector ends the dump, with its place', () => {
    const { report } = dumpWith({
      kind: 'badSector',
      controller,
      lba: lba((0x100000 + 0x0600000) / 512),
      sectorCount: 1,
    })
    expect(report.finalStatus).toBe(0xc0000185)
    expect(report.failure).toMatch(/^WRITE .* at sector 0x3800, 5 times/)
  })

  it.each(['hang', 'lostCompletion'] as const)('%s ends the dump with a timeout', (fault) => {
    const { report } = dumpWith({ kind: fault, controller, afterWrites: 2 })
    expect(report).toMatchObject({
      finalStatus: 0xc00000b5,
      violations: [{ rule: 'DM-37', severity: 'note' }],
    })
  })

  it.each<[string, Fault]>([
    ['latency', { kind: 'latency', controller, nanoseconds: 3e6 }],
    ['throttle', { kind: 'throttle', controller, bytesPerSecond: 4e6 }],
  ])('%s is waited for', (_, fault) => {
    const { test, report } = dumpWith(fault)
    expect(report).toMatchObject({ finalStatus: 0, violations: [] })
    expect(Buffer.compare(bytesOnDisk(test, plan.byteLength), bytesOfPlan(test, plan))).toBe(0)
  })

  it.each(['wrongStatus', 'wrongPage'] as const)('%s is invisible to the stack: only RAM tells', (fault) => {
    const { test, report } = dumpWith({ kind: fault, controller, afterWrites: 4, count: 1 })
    expect(report.finalStatus).toBe(0)
    expect(Buffer.compare(bytesOnDisk(test, plan.byteLength), bytesOfPlan(test, plan))).not.toBe(0)
  })
})
