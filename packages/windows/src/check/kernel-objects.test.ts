// Events, timers, DPCs, work items and callbacks of the kernel, called by guest code of a running driver: what is put off runs, at its level,
// while the driver waits.
import { buildPe } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import { at, callback, portCallsWith, type Step } from './port-calls.test-support.ts'

const machineWith = portCallsWith(buildPe)
/** HwFindAdapter makes these calls, and finds nothing. */
function running(findAdapter: readonly Step[], data: Readonly<Record<number, Uint8Array>> = {}) {
  const calls = machineWith({ findAdapter, data }).run()
  expect(calls.error).toMatchObject({ code: 'ADAPTER_NOT_FOUND' })
  return calls
}
const EVENT = at(0x100)
const TIMER = at(0x140)
const DPC = at(0x180)
const TIMEOUT = at(0x1c0)
const NAME = at(0x200)
const units = (value: bigint): Uint8Array => {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigInt64(0, value, true)
  return bytes
}
const MS = 10_000n

describe('a DPC', () => {
  it('runs at DISPATCH_LEVEL with its context and the arguments of its insertion, at once below that level', () => {
    const calls = running([
      ['KeInitializeDpc', DPC, callback, 0x1234],
      ['KeInsertQueueDpc', DPC, 5, 6],
    ])
    expect(calls.result(1)).toBe(1n)
    expect(calls.callback).toMatchObject({ irql: 2, count: 1 })
    expect(calls.callback.args.slice(1)).toEqual([0x1234n, 5n, 6n])
    expect(calls.u64(0x1b8)).toBe(0n) // DpcData
  })

  it('is queued once, at DISPATCH_LEVEL, and runs when the level is lower again', () => {
    const calls = running([
      ['KeInitializeDpc', DPC, callback, 0],
      ['KeRaiseIrqlToDpcLevel'],
      ['KeInsertQueueDpc', DPC, 1, 0],
      ['KeInsertQueueDpc', DPC, 2, 0],
      ['KeLowerIrql', 0],
      ['KeFlushQueuedDpcs'],
    ])
    expect([calls.result(2), calls.result(3)]).toEqual([1n, 0n])
    expect(calls.callback.count).toBe(1)
    expect(calls.callback.args[2]).toBe(1n)
  })

  it('breaks DM-21 in a dump', () => {
    const calls = machineWith({
      findAdapter: [
        ['KeInitializeDpc', DPC, callback, 0],
        ['KeInsertQueueDpc', DPC, 0, 0],
      ],
    }).crash()
    expect(calls.findings).toContain('DM-21 KeInsertQueueDpc')
    expect(calls.callback.count).toBe(0)
  })
})

describe('a wait', () => {
  it('ends when a timer signals, after the time of the timer, and its DPC has run', () => {
    const calls = running([
      ['KeInitializeDpc', DPC, callback, 0],
      ['KeInitializeTimerEx', TIMER, 0],
      ['KeSetTimer', TIMER, -50n * MS, DPC],
      ['KeQueryInterruptTime'],
      ['KeWaitForSingleObject', TIMER, 0, 0, 0, 0],
      ['KeQueryInterruptTime'],
      ['KeReadStateTimer', TIMER],
      ['KeCancelTimer', TIMER],
    ])
    expect(calls.result(4)).toBe(0n)
    const waited = calls.result(5) - calls.result(3)
    expect(waited).toBeGreaterThanOrEqual(50n * MS)
    expect(waited).toBeLessThan(55n * MS)
    expect(calls.callback).toMatchObject({ irql: 2, count: 1 })
    expect([calls.result(6), calls.result(7)]).toEqual([1n, 0n])
  })

  it('ends with STATUS_TIMEOUT after its time-out', () => {
    const calls = running(
      [
        ['KeInitializeEvent', EVENT, 0, 0],
        ['KeQueryInterruptTime'],
        ['KeWaitForSingleObject', EVENT, 0, 0, 0, TIMEOUT],
        ['KeQueryInterruptTime'],
      ],
      { 448: units(-20n * MS) },
    )
    expect(calls.result(2)).toBe(0x102n)
    expect(calls.result(3) - calls.result(1)).toBeGreaterThanOrEqual(20n * MS)
  })

  it('takes a synchronisation event and leaves a notification event set', () => {
    const other = at(0x240)
    const calls = running(
      [
        ['KeInitializeEvent', EVENT, 1, 0],
        ['KeInitializeEvent', other, 0, 1],
        ['KeSetEvent', EVENT, 0, 0],
        ['KeInitializeDpc', at(0x280), EVENT, other], // stores both addresses, one after the other
        ['KeWaitForMultipleObjects', 2, at(0x298), 0, 0, 0, 0, 0, 0],
        ['KeReadStateEvent', EVENT],
        ['KeReadStateEvent', other],
        ['KeResetEvent', other],
        ['KeWaitForSingleObject', other, 0, 0, 0, TIMEOUT],
      ],
      {},
    )
    const answers = [4, 5, 6, 7, 8].map((index) => calls.result(index))
    expect(answers).toEqual([0n, 0n, 1n, 1n, 0x102n])
  })

  it('for what nothing signals is a routine that does not return, named with its object', () => {
    const calls = machineWith({
      findAdapter: [
        ['KeInitializeEvent', EVENT, 0, 0],
        ['KeWaitForSingleObject', EVENT, 0, 0, 0, 0],
      ],
    }).run()
    expect(calls.error).toMatchObject({
      code: 'DRIVER_HANG',
      message: expect.stringMatching(
        /HwFindAdapter waits in calls\+0x[0-9a-f]+ for the object at 0x[0-9a-f]+, which nothing signals within 60 s/,
      ),
    })
  })

  it('for an object of another kind is not judged, and names the kind', () => {
    const calls = machineWith({
      findAdapter: [['KeWaitForSingleObject', EVENT, 0, 0, 0, 0]],
      data: { 256: Uint8Array.of(6) },
    }).run()
    expect(calls.error).toMatchObject({
      code: 'OBJECT_NOT_MODELLED',
      message: expect.stringContaining('type 6'),
    })
  })

  it('at DISPATCH_LEVEL is a fault', () => {
    const calls = machineWith({
      findAdapter: [
        ['KeInitializeEvent', EVENT, 0, 0],
        ['KeRaiseIrqlToDpcLevel'],
        ['KeWaitForSingleObject', EVENT, 0, 0, 0, 0],
      ],
    }).run()
    expect(calls.error).toMatchObject({ code: 'GUEST_FAULT', message: expect.stringContaining('at IRQL 2') })
  })
})

it('a delay takes its time', () => {
  const calls = running(
    [['KeQueryInterruptTime'], ['KeDelayExecutionThread', 0, 0, TIMEOUT], ['KeQueryInterruptTime']],
    { 448: units(-30n * MS) },
  )
  expect(calls.result(2) - calls.result(0)).toBeGreaterThanOrEqual(30n * MS)
})

it('a work item runs at PASSIVE_LEVEL while the driver waits, with its device object and context', () => {
  const calls = running(
    [
      ['IoAllocateWorkItem', 0x77],
      ['IoQueueWorkItemEx', { kind: 'value', at: 0x1000 }, callback, 1, 0x88],
      ['KeDelayExecutionThread', 0, 0, TIMEOUT],
      ['IoFreeWorkItem', { kind: 'value', at: 0x1000 }],
    ],
    { 448: units(-1n * MS) },
  )
  expect(calls.callback).toMatchObject({ irql: 0, count: 1 })
  expect(calls.callback.args.slice(0, 3)).toEqual([0x77n, 0x88n, calls.result(0)])
})

it('a reinitialisation routine is called when the devices have started', () => {
  const calls = running(
    [
      ['IoRegisterBootDriverReinitialization', 0x55, callback, 0x66],
      ['KeDelayExecutionThread', 0, 0, TIMEOUT],
    ],
    { 448: units(-1n * MS) },
  )
  expect(calls.callback).toMatchObject({ irql: 0, count: 1 })
  expect(calls.callback.args.slice(0, 3)).toEqual([0x55n, 0x66n, 1n])
})

it('a callback object calls who has registered with it', () => {
  const calls = running(
    [
      ['ExCreateCallback', at(0x300), 0, 1, 1],
      ['ExRegisterCallback', { kind: 'value', at: 0x300 }, callback, 0x99],
      ['ExNotifyCallback', { kind: 'value', at: 0x300 }, 7, 8],
      ['ExUnregisterCallback', { kind: 'value', at: 0x1008 }],
      ['ExNotifyCallback', { kind: 'value', at: 0x300 }, 7, 8],
      ['ExCreateCallback', at(0x308), NAME, 0, 1],
    ],
    { 512: new Uint8Array(0x30) },
  )
  expect(calls.result(0)).toBe(0n)
  expect(calls.callback.count).toBe(1)
  expect(calls.callback.args.slice(0, 3)).toEqual([0x99n, 7n, 8n])
  expect(calls.result(5)).toBe(0xc0000034n)
})

it('a record of a bugcheck callback is taken once', () => {
  const calls = running([
    ['KeRegisterBugCheckReasonCallback', at(0x300), callback, 2, NAME],
    ['KeRegisterBugCheckReasonCallback', at(0x300), callback, 2, NAME],
    ['KeDeregisterBugCheckReasonCallback', at(0x300)],
    ['KeRegisterBugCheckCallback', at(0x340), callback, 0x1000, 0x20, NAME],
  ])
  expect([0, 1, 2, 3].map((index) => calls.result(index))).toEqual([1n, 0n, 1n, 1n])
  expect(calls.u32(0x328)).toBe(2)
})

it('queued spin locks raise the level and give it back', () => {
  const calls = running([
    ['KeAcquireInStackQueuedSpinLock', at(0x300), at(0x320)],
    ['KeGetCurrentIrql'],
    ['KeReleaseInStackQueuedSpinLock', at(0x320)],
    ['KeGetCurrentIrql'],
  ])
  expect([calls.result(1), calls.result(3)]).toEqual([2n, 0n])
})

it('says which versions of the interface there are', () => {
  const calls = running([
    ['RtlIsNtDdiVersionAvailable', 0x06010000],
    ['RtlIsNtDdiVersionAvailable', 0x0a000000],
    ['RtlIsNtDdiVersionAvailable', 0x0b000000],
    ['KeQueryTimeIncrement'],
  ])
  expect([0, 1, 2, 3].map((index) => calls.result(index) & 0xffffffn)).toEqual([1n, 1n, 0n, 156250n])
})

it('maps RAM and registers, and nothing where nothing is', () => {
  const calls = running(
    [
      ['MmGetPhysicalAddress', at(0x300)],
      ['MmMapIoSpace', { kind: 'value', at: 0x1000 }, 8, 0],
      ['MmMapIoSpace', 0xf_ffff_f000, 0x1000, 0],
      ['RtlCompareMemory', at(0x300), { kind: 'value', at: 0x1008 }, 8],
    ],
    { 768: units(0x1122334455667788n) },
  )
  expect(calls.result(1)).not.toBe(0n)
  expect(calls.result(2)).toBe(0n)
  expect(calls.result(3)).toBe(8n)
})
