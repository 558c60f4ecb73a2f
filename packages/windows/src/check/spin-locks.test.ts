// Spin locks of the kernel, taken by guest code in a dump: judged as those of the port are.
import { buildPe } from '@dumpstack/testkit'
import { expect, it } from 'vitest'
import { at, portCallsWith, result, type Step } from './port-calls.test-support.ts'

const machineWith = portCallsWith(buildPe)
const LOCK = at(0x300)
const HANDLE = at(0x320)

function violationsOf(...findAdapter: Step[]): string[] {
  const { report } = machineWith({ findAdapter }).crash()
  return report!.violations
    .filter(({ rule }) => /^DM-(07|08|25)$|lock-state/.test(rule))
    .map(({ rule, call, message }) => `${rule} ${call}: ${message}`)
}

it.each<[string, Step, Step]>([
  [
    'KeAcquireSpinLockRaiseToDpc',
    ['KeAcquireSpinLockRaiseToDpc', LOCK],
    ['KeReleaseSpinLock', LOCK, result(0)],
  ],
  [
    'KeAcquireSpinLockForDpc',
    ['KeAcquireSpinLockForDpc', LOCK],
    ['KeReleaseSpinLockForDpc', LOCK, result(0)],
  ],
  [
    'KeAcquireInStackQueuedSpinLock',
    ['KeAcquireInStackQueuedSpinLock', LOCK, HANDLE],
    ['KeReleaseInStackQueuedSpinLock', HANDLE],
  ],
])('%s breaks DM-25, and its release nothing more', (name, take, release) => {
  expect(violationsOf(take, release)).toEqual([
    `DM-25 ${name}: a spin lock was taken in HwFindAdapter at HIGH_LEVEL, expected at most DISPATCH_LEVEL`,
  ])
})

it('takes no lock for one that may be taken at HIGH_LEVEL', () => {
  const careful = violationsOf(
    ['KeAcquireSpinLockAtDpcLevel', LOCK],
    ['KeTryToAcquireSpinLockAtDpcLevel', at(0x308)],
    ['KeAcquireInStackQueuedSpinLockAtDpcLevel', at(0x310), HANDLE],
    ['KeReleaseInStackQueuedSpinLockFromDpcLevel', HANDLE],
    ['KeReleaseSpinLockFromDpcLevel', at(0x308)],
    ['KeReleaseSpinLockFromDpcLevel', LOCK],
    ['KeAcquireSpinLockAtDpcLevel', LOCK],
    ['KeReleaseSpinLockFromDpcLevel', LOCK],
  )
  expect(careful).toEqual([])
})

it.each<[string, string, string, Step[]]>([
  [
    'taken twice',
    'KeAcquireSpinLockAtDpcLevel',
    'a spin lock was taken in HwFindAdapter while it was held: its holder waits for itself',
    [
      ['KeAcquireSpinLockAtDpcLevel', LOCK],
      ['KeAcquireSpinLockAtDpcLevel', LOCK],
      ['KeReleaseSpinLockFromDpcLevel', LOCK],
    ],
  ],
  [
    'taken twice by its queue',
    'KeAcquireInStackQueuedSpinLockAtDpcLevel',
    'a spin lock was taken in HwFindAdapter while it was held: its holder waits for itself',
    [
      ['KeAcquireSpinLockAtDpcLevel', LOCK],
      ['KeAcquireInStackQueuedSpinLockAtDpcLevel', LOCK, HANDLE],
      ['KeReleaseSpinLockFromDpcLevel', LOCK],
    ],
  ],
  [
    'kept',
    'HwFindAdapter',
    'a lock that HwFindAdapter has taken is held when it has returned',
    [['KeAcquireSpinLockAtDpcLevel', LOCK]],
  ],
  [
    'released twice',
    'KeReleaseSpinLockFromDpcLevel',
    'a lock was released in HwFindAdapter that is not held',
    [
      ['KeAcquireSpinLockAtDpcLevel', LOCK],
      ['KeReleaseSpinLockFromDpcLevel', LOCK],
      ['KeReleaseSpinLockFromDpcLevel', LOCK],
    ],
  ],
  [
    'released by a handle that holds none',
    'KeReleaseInStackQueuedSpinLockFromDpcLevel',
    'a lock was released in HwFindAdapter that is not held',
    [['KeReleaseInStackQueuedSpinLockFromDpcLevel', HANDLE]],
  ],
])('finds a lock that is %s', (_what, call, message, steps) => {
  expect(violationsOf(...steps)).toEqual([`lock-state ${call}: ${message}`])
})

it('does not wait for a lock that is only tried', () => {
  const calls = machineWith({
    findAdapter: [
      ['KeTryToAcquireSpinLockAtDpcLevel', LOCK],
      ['KeTryToAcquireSpinLockAtDpcLevel', LOCK],
      ['KeReleaseSpinLockFromDpcLevel', LOCK],
    ],
  }).crash()
  expect([calls.result(0), calls.result(1)]).toEqual([1n, 0n])
  expect(calls.findings.filter((finding) => finding.startsWith('lock-state'))).toEqual([])
})

it.each<[string, Step]>([
  ['KfRaiseIrql', ['KfRaiseIrql', 2]],
  ['KeRaiseIrqlToDpcLevel', ['KeRaiseIrqlToDpcLevel']],
])('%s leads down from HIGH_LEVEL', (name, step) => {
  expect(violationsOf(step)).toEqual([
    `DM-07 ${name}: ${name} lowered the IRQL to 2, expected HIGH_LEVEL until the dump is written`,
  ])
})
