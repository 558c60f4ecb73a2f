// StorPortExtendedFunction, code by code as storport.h counts them, called by guest code in both lives: the status, and the rule of dump mode
// that the call breaks. Codes without a row of their own are refused as on a system that is older than they are.
import { buildPe } from '@dumpstack/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type Arg,
  at,
  callback,
  callbackCount,
  extension,
  held,
  PortCalls,
  type Step,
} from './port-calls.test-support.ts'

const SUCCESS = 0n
const UNSUCCESSFUL = 0xc100_0001n
const NOT_IMPLEMENTED = 0xc100_0002n
const INSUFFICIENT_RESOURCES = 0xc100_0003n
const INVALID_PARAMETER = 0xc100_0006n
const BUSY = 0xc100_000cn
/** The header's last one. */
const LAST = 98
const NEWER = 500

interface Row {
  readonly code: number
  readonly what: string
  readonly args: readonly Arg[]
  readonly running: bigint
  /** Where it differs. */
  readonly dump?: bigint
  /** What a dump says of it. */
  readonly finding?: string
}

// Places in the driver's data.
const POOL = 0x00
const MDL = 0x08
const DMA = 0x10
const DMA_PHYSICAL = 0x18
const WORKER = 0x20
const TIMER = 0x28
const LIST = 0x40
const ENTRY = 0x50
const OTHER_ENTRY = 0x60
const LIST_RESULT = 0x70
const POPPED = 0x78
const DEPTH = 0x80
const NUMBERS = 0x90
const AFFINITY = 0xb0
const COUNTER = 0xc0
const IRQL = 0xd0
const LOCK = 0xd8
const FLUSHED = 0xe0
const BUFFER = 0x803

const row = (
  code: number,
  what: string,
  args: readonly Arg[],
  running: bigint,
  dump: bigint = running,
  finding?: string,
): Row => ({ code, what, args, running, dump, ...(finding !== undefined && { finding }) })

const POOL_RULE = 'DM-14 StorPortAllocatePool'
const FREE_RULE = 'DM-16 StorPortFreePool'

// prettier-ignore
const ROWS: readonly Row[] = [
  row(0, 'AllocatePool', [0x100, 0x41414141, at(POOL)], SUCCESS, UNSUCCESSFUL, POOL_RULE),
  row(
    0,
    'AllocatePool of more than there is',
    [0x8000_0000, 0, at(NUMBERS)],
    INSUFFICIENT_RESOURCES,
    UNSUCCESSFUL,
    POOL_RULE,
  ),
  row(0, 'AllocatePool of nothing', [0, 0, at(NUMBERS)], INVALID_PARAMETER),
  row(1, 'FreePool', [held(POOL)], SUCCESS, UNSUCCESSFUL, FREE_RULE),
  row(2, 'AllocateMdl', [at(BUFFER), 0x1000, at(MDL)], SUCCESS, UNSUCCESSFUL, POOL_RULE),
  row(2, 'AllocateMdl of no buffer', [0, 0x1000, at(NUMBERS)], INVALID_PARAMETER),
  row(5, 'GetSystemAddress of no request', [0x10, at(NUMBERS)], INVALID_PARAMETER),
  row(11, 'AcquireMSISpinLock', [0, at(IRQL)], SUCCESS),
  row(12, 'ReleaseMSISpinLock', [0, 0], SUCCESS),
  row(16, 'LogSystemEvent', [at(NUMBERS), at(NUMBERS)], SUCCESS),
  row(17, 'GetCurrentProcessorNumber', [at(NUMBERS)], SUCCESS),
  row(18, 'GetActiveGroupCount', [at(NUMBERS + 4)], SUCCESS),
  row(19, 'GetGroupAffinity', [0, at(AFFINITY)], SUCCESS),
  row(19, 'GetGroupAffinity of a group that is not there', [1, at(NUMBERS)], INVALID_PARAMETER),
  row(20, 'GetActiveNodeCount', [at(NUMBERS + 8)], SUCCESS),
  row(21, 'GetNodeAffinity', [0, at(AFFINITY)], SUCCESS),
  row(21, 'GetNodeAffinity of a node that is not there', [1, at(NUMBERS)], INVALID_PARAMETER),
  row(22, 'GetHighestNodeNumber', [at(NUMBERS + 12)], SUCCESS),
  row(
    24,
    'AllocateContiguousMemorySpecifyCacheNode',
    [0x2000, 0, -1, 0, 1, 0, at(POOL)],
    SUCCESS,
    UNSUCCESSFUL,
    POOL_RULE,
  ),
  row(25, 'FreeContiguousMemorySpecifyCache', [held(POOL), 0x2000, 1], SUCCESS, UNSUCCESSFUL, FREE_RULE),
  row(29, 'InitializeWorker', [at(WORKER)], SUCCESS, NOT_IMPLEMENTED, 'DM-21 StorPortInitializeWorker'),
  row(
    30,
    'QueueWorkItem',
    [callback, held(WORKER), 0x77],
    SUCCESS,
    UNSUCCESSFUL,
    'DM-21 StorPortQueueWorkItem',
  ),
  row(
    30,
    'QueueWorkItem, queued already',
    [callback, held(WORKER), 0x77],
    BUSY,
    UNSUCCESSFUL,
    'DM-21 StorPortQueueWorkItem',
  ),
  row(31, 'FreeWorker', [held(WORKER)], SUCCESS, UNSUCCESSFUL),
  row(31, 'FreeWorker a second time', [held(WORKER)], UNSUCCESSFUL),
  row(
    30,
    'QueueWorkItem of what was freed',
    [callback, held(WORKER), 0],
    INVALID_PARAMETER,
    UNSUCCESSFUL,
    'DM-21 StorPortQueueWorkItem',
  ),
  row(32, 'InitializeTimer', [at(TIMER)], SUCCESS, NOT_IMPLEMENTED, 'DM-22 StorPortInitializeTimer'),
  row(
    33,
    'RequestTimer',
    [held(TIMER), callback, 0x77, 1000, 0],
    SUCCESS,
    UNSUCCESSFUL,
    'DM-22 StorPortRequestTimer',
  ),
  row(34, 'FreeTimer', [held(TIMER)], SUCCESS, INVALID_PARAMETER),
  row(
    33,
    'RequestTimer of what was freed',
    [held(TIMER), callback, 0, 1000, 0],
    INVALID_PARAMETER,
    UNSUCCESSFUL,
    'DM-22 StorPortRequestTimer',
  ),
  row(35, 'InitializeSListHead', [at(LIST)], SUCCESS),
  row(38, 'InterlockedPushEntrySList', [at(LIST), at(ENTRY), at(LIST_RESULT)], SUCCESS),
  row(38, 'InterlockedPushEntrySList again', [at(LIST), at(OTHER_ENTRY), at(LIST_RESULT)], SUCCESS),
  row(39, 'QueryDepthSList', [at(LIST), at(DEPTH)], SUCCESS),
  row(37, 'InterlockedPopEntrySList', [at(LIST), at(POPPED)], SUCCESS),
  row(36, 'InterlockedFlushSList', [at(LIST), at(FLUSHED)], SUCCESS),
  row(39, 'QueryDepthSList of none', [at(LIST), at(DEPTH + 2)], SUCCESS),
  row(45, 'MarkDumpMemory', [at(0), 0x100, 0], SUCCESS),
  row(47, 'QueryPerformanceCounter', [at(COUNTER), at(COUNTER + 8)], SUCCESS),
  row(54, 'FlushDataBufferMdl', [0], SUCCESS),
  row(56, 'GetProcessorIndexFromNumber', [at(NUMBERS + 0x10), at(NUMBERS + 0x14)], SUCCESS),
  row(58, 'MiniportEtwEvent2', [0, 1, 0, 0, 4, 0, 0, 0, 1, 0, 2], SUCCESS),
  row(59, 'MiniportEtwEvent4', [0, 1, 0, 0, 4, 0, 0, 0, 1, 0, 2, 0, 3, 0, 4], SUCCESS),
  row(60, 'MiniportEtwEvent8', [0, 1, 0, 0, 4, 0, 0], SUCCESS),
  row(64, 'SetAdapterBusType', [11], SUCCESS),
  row(75, 'InitializeSpinlock', [at(LOCK)], SUCCESS),
  row(79, 'MiniportTelemetry', [0, 0], SUCCESS),
  row(81, 'DelayExecution', [50], SUCCESS),
  row(
    82,
    'AllocateDmaMemory',
    [0x3000, 0, -1, 0, 1, 0, at(DMA), at(DMA_PHYSICAL)],
    SUCCESS,
    UNSUCCESSFUL,
    POOL_RULE,
  ),
  row(83, 'FreeDmaMemory', [held(DMA), 0x3000, 1, held(DMA_PHYSICAL)], SUCCESS, UNSUCCESSFUL, FREE_RULE),
  row(85, 'MiniportChannelEtwEvent2', [0], SUCCESS),
  row(86, 'MiniportChannelEtwEvent4', [0], SUCCESS),
  row(87, 'MiniportChannelEtwEvent8', [0], SUCCESS),
  row(92, 'GetCurrentProcessorIndex', [at(NUMBERS)], SUCCESS),
  row(96, 'MiniportTelemetryEx', [0], SUCCESS),
]

/** Codes that need a request, or another life, and are tried elsewhere. */
const ELSEWHERE = [3, 4, 8, 13]
const refusedCodes = [...Array(LAST + 1).keys(), NEWER].filter(
  (code) => !ROWS.some((known) => known.code === code) && !ELSEWHERE.includes(code),
)
const steps: readonly Step[] = [
  ...ROWS.map(({ code, args }): Step => ['StorPortExtendedFunction', code, extension, ...args]),
  ...refusedCodes.map((code): Step => ['StorPortExtendedFunction', code, extension, 0, 0, 0, 0, 0, 0]),
  ['StorPortAllocateDmaMemory', extension, 0x3000, 0, -1, 0, 1, 0, at(DMA), at(DMA_PHYSICAL)],
  ['StorPortGetPhysicalAddress', extension, 0, held(DMA), 0],
  ['StorPortFreeDmaMemory', extension, held(DMA), 0x3000, 1, 0],
]
// PROCESSOR_NUMBER: group 0, number 2
const data = { [NUMBERS + 0x10]: Uint8Array.of(0, 0, 2, 0) }
const AFTER = ROWS.length + refusedCodes.length

describe('while the system runs', () => {
  let calls: PortCalls
  beforeAll(() => {
    calls = new PortCalls(buildPe, { findAdapter: steps, data }).run()
  })
  afterAll(() => calls.close())

  it('all calls return', () => {
    expect(calls.error).toMatchObject({ code: 'ADAPTER_NOT_FOUND' })
  })
  it.each(ROWS.map((entry, index) => ({ ...entry, index })))('$what', ({ index, running }) => {
    expect(calls.result(index)).toBe(running)
  })
  it('all other codes are refused', () => {
    expect(refusedCodes.filter((_, index) => calls.result(ROWS.length + index) !== NOT_IMPLEMENTED)).toEqual(
      [],
    )
  })

  it('pool and DMA memory have addresses', () => {
    expect(calls.u64(POOL)).toBeGreaterThan(0xffff_8000_0000_0000n)
    expect(calls.result(AFTER)).toBe(SUCCESS)
    expect(calls.u64(DMA) % 0x1000n).toBe(0n)
    expect(calls.result(AFTER + 1)).toBe(calls.u64(DMA_PHYSICAL))
    expect(calls.result(AFTER + 2)).toBe(SUCCESS)
  })
  it('a list gives back last what came first', () => {
    const entry = calls.u64(LIST_RESULT) // of the second push: the entry that was the first
    expect(calls.u64(FLUSHED)).toBe(entry)
    expect(calls.u64(POPPED)).toBe(entry + BigInt(OTHER_ENTRY - ENTRY))
    expect([...calls.bytes(DEPTH, 4)]).toEqual([2, 0, 0, 0])
  })
  it('processors are those of one group and one node', () => {
    const view = new DataView(calls.bytes(NUMBERS, 0x18).buffer)
    expect([view.getUint16(4, true), view.getUint32(8, true), view.getUint32(12, true)]).toEqual([1, 1, 0])
    expect(view.getUint32(0x14, true)).toBe(2)
    expect(calls.u64(AFFINITY)).toBe(0xfn)
    expect(calls.u64(COUNTER)).toBe(10_000_000n)
  })
})

describe('in a dump', () => {
  let calls: PortCalls
  beforeAll(() => {
    calls = new PortCalls(buildPe, { findAdapter: steps, data }).crash()
  })
  afterAll(() => calls.close())

  it.each(ROWS.map((entry, index) => ({ ...entry, index })))('$what', ({ index, dump }) => {
    expect(calls.result(index)).toBe(dump)
  })
  it('breaks the rules that the calls break, and no other', () => {
    expect(new Set(calls.findings)).toEqual(new Set(ROWS.flatMap(({ finding }) => finding ?? [])))
  })
  it('all other codes are refused', () => {
    expect(refusedCodes.filter((_, index) => calls.result(ROWS.length + index) !== NOT_IMPLEMENTED)).toEqual(
      [],
    )
  })
  it('the driver runs on the last processor: which one crashes is nothing to rely on', () => {
    expect([...calls.bytes(NUMBERS, 4)]).toEqual([3, 0, 0, 0])
  })
})

it('an MDL describes the pages of its buffer', () => {
  const calls = new PortCalls(buildPe, {
    findAdapter: [
      ['StorPortExtendedFunction', 2, extension, at(BUFFER), 0x1000, at(MDL)],
      ['StorPortExtendedFunction', 4, extension, held(MDL)],
      ['RtlCopyMemory', at(0x100), held(MDL), 0x40],
      ['MmGetPhysicalAddress', at(BUFFER)],
      ['MmGetPhysicalAddress', at(BUFFER + 0xfff)],
      ['StorPortExtendedFunction', 3, extension, held(MDL)],
    ],
  }).run()
  expect([0, 1, 5].map((index) => calls.result(index))).toEqual([SUCCESS, SUCCESS, SUCCESS])
  expect(calls.u64(0x100 + 0x30)).toBe(calls.result(3) >> 12n)
  expect(calls.u64(0x100 + 0x38)).toBe(calls.result(4) >> 12n)
  expect([calls.u32(0x100 + 0x28), calls.u32(0x100 + 0x2c)]).toEqual([0x1000, BUFFER])
  expect(calls.u64(0x100 + 0x18)).toBe(calls.u64(0x100 + 0x20) + BigInt(BUFFER))
  calls.close()
})

it('timers and work items run at their levels, with their contexts, once a caller waits for the disk', () => {
  const ask = (code: number, ...args: readonly Arg[]): Step => [
    'StorPortExtendedFunction',
    code,
    extension,
    ...args,
  ]
  const timer = new PortCalls(buildPe, {
    finds: true,
    findAdapter: [ask(32, at(TIMER)), ask(33, held(TIMER), callback, 0x77, 1000, 0)],
  }).run()
  expect(timer.callback).toMatchObject({ irql: 2, count: 1 })
  expect(timer.callback.args[1]).toBe(0x77n)
  timer.close()
  const worker = new PortCalls(buildPe, {
    finds: true,
    findAdapter: [ask(29, at(WORKER)), ask(30, callback, held(WORKER), 0x55)],
  }).run()
  expect(worker.callback).toMatchObject({ irql: 0, count: 1 })
  expect(worker.callback.args.slice(1, 3)).toEqual([0x55n, worker.u64(WORKER)])
  worker.close()
  const settled = new PortCalls(buildPe, {
    finds: true,
    findAdapter: [ask(29, at(WORKER)), ask(30, callback, held(WORKER), 0)],
    startIo: [['RtlCopyMemory', at(0), callbackCount, 8]],
  }).run()
  expect(settled.u32(0)).toBe(1) // before the first request
  settled.close()
  const two = new PortCalls(buildPe, {
    finds: true,
    findAdapter: [
      ask(32, at(TIMER)),
      ask(32, at(TIMER + 8)),
      ask(33, held(TIMER), callback, 1, 1000, 0),
      ask(33, held(TIMER + 8), callback, 2, 2000, 0),
      ask(33, held(TIMER), callback, 1, 0, 0), // ends it
    ],
  }).run()
  expect(two.callback.count).toBe(1)
  expect(two.callback.args[1]).toBe(2n)
  two.close()
})
