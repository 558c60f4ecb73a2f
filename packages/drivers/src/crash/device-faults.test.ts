// What a faulty device does to a dump: recovered, a failing status for the broker, or (where no driver can see it) wrong bytes.
import { lba } from '@dumpstack/bytes'
import type { Fault } from '@dumpstack/machine'
import { expect, it } from 'vitest'
import {
  BODY,
  bytesOfPlan,
  bytesOnDisk,
  crash,
  PARTITION_OFFSET,
  testPlan,
  writeDump,
} from './crash.test-support.ts'

const PLAN = testPlan(BODY)
const faulty = (fault: Fault) => {
  const crashed = crash({ writesInFlight: 4, before: ({ machine }) => machine.faults.add(fault) })
  const report = writeDump(crashed.stack, PLAN)
  const isEqual = Buffer.compare(bytesOnDisk(crashed, PLAN.byteLength), bytesOfPlan(crashed, PLAN)) === 0
  return { report, isEqual }
}
const controller = 'ahci0'
const firstSector = (PARTITION_OFFSET + 0x0600000) / 512

it.each<[string, Fault]>([
  ['a transient error', { kind: 'transientError', controller, afterWrites: 5 }],
  ['four transient errors in a row', { kind: 'transientError', controller, afterWrites: 5, count: 4 }],
  ['a slow device', { kind: 'latency', controller, nanoseconds: 3_000_000 }],
  ['a device that moves 1 MB a second', { kind: 'throttle', controller, bytesPerSecond: 1_000_000 }],
  ['a link that comes back after two COMRESETs', { kind: 'linkDown', controller, count: 1 }],
])('recovers from %s', (_name, fault) => {
  const { report, isEqual } = faulty(fault)
  expect(report).toMatchObject({ finalStatus: 0, violations: [] })
  expect(isEqual).toBe(true)
})

it.each<[string, Fault, number, RegExp]>([
  [
    'a bad sector',
    { kind: 'badSector', controller, lba: lba(firstSector + 8), sectorCount: 1 },
    0xc0000185,
    /^WRITE ended with SRB_STATUS_ERROR \(0x4\), SCSISTAT_CHECK_CONDITION \(0x2\) at sector 0x3800, 5 times \(dump offset 0x6000\)$/,
  ],
  [
    'an error that stays',
    { kind: 'transientError', controller, afterWrites: 3, count: 1000 },
    0xc0000185,
    /^WRITE ended with SRB_STATUS_ERROR \(0x4\), SCSISTAT_CHECK_CONDITION \(0x2\) at sector .*, 5 times/,
  ],
  [
    'a hang',
    { kind: 'hang', controller, afterWrites: 3 },
    0xc00000b5,
    /^WRITE did not complete within 10 s at sector/,
  ],
  [
    'a lost completion',
    { kind: 'lostCompletion', controller, afterWrites: 3 },
    0xc00000b5,
    /^WRITE did not complete within 10 s at sector/,
  ],
  [
    'a link that stays down',
    { kind: 'linkDown', controller },
    0xc0000001,
    /^HwInitialize of storahci.sys returned FALSE$/,
  ],
])('ends with a failing status at %s', (_name, fault, finalStatus, failure) => {
  const { report } = faulty(fault)
  expect(report.finalStatus).toBe(finalStatus)
  expect(report.failure).toMatch(failure)
  expect(report.bytesWritten).toBeLessThan(PLAN.byteLength)
})

it.each<[string, Fault]>([
  ['reports a write as good that it dropped', { kind: 'wrongStatus', controller, afterWrites: 5, count: 1 }],
  ['reads a page from the wrong place', { kind: 'wrongPage', controller, afterWrites: 5, count: 1 }],
])('cannot see that the device %s: only the comparison with RAM can', (_name, fault) => {
  const { report, isEqual } = faulty(fault)
  expect(report.finalStatus).toBe(0)
  expect(isEqual).toBe(false)
})
