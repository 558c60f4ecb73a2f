// The other routines of the port that a miniport can call, called by guest code in both lives: what they return, what they leave behind, and
// which rule of dump mode they break. Argument lists after the public documentation of storport.h, srb.h and scsiwmi.h.
import { gpa } from '@dumpstack/bytes'
import { buildPe } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import {
  type Arg,
  at,
  behind,
  callback,
  config,
  extension,
  held,
  type PortCalls,
  portCallsWith,
  type Routines,
  result,
  resultAt,
  type Step,
  srb,
} from './port-calls.test-support.ts'

const machineWith = portCallsWith(buildPe)
const running = (routines: Routines, kind: 'ahci' | 'virtio-blk' = 'ahci'): PortCalls =>
  machineWith(routines, kind).run()
/** HwFindAdapter makes these calls and finds nothing. */
function finding(
  findAdapter: readonly Step[],
  routines: Routines = {},
  kind: 'ahci' | 'virtio-blk' = 'ahci',
) {
  const calls = running({ ...routines, findAdapter }, kind)
  expect(calls.error).toMatchObject({ code: 'ADAPTER_NOT_FOUND' })
  return calls
}
const crashed = (findAdapter: readonly Step[], routines: Routines = {}): PortCalls =>
  machineWith({ ...routines, findAdapter }).crash()
const ascii = (text: string): Uint8Array => new TextEncoder().encode(`${text}\0`)

const DISPATCH_LEVEL = 2
const DEVICE_LEVEL = 5
const HIGH_LEVEL = 15

describe('StorPortNotification', () => {
  const notify = (type: number, ...args: readonly Arg[]): Step => [
    'StorPortNotification',
    type,
    extension,
    ...args,
  ]
  const irql: Step = ['KeGetCurrentIrql']

  // NextRequest, NextLuRequest, ResetDetected, BusChangeDetected, WMIEvent, WMIReregister, LinkUp, LinkDown, BufferOverrunDetected,
  // TraceNotification, IoTargetRequestServiceTime, SetTargetProcessorDpc, MarkDeviceFailed, MarkDeviceFailedEx
  const NOTES = [1, 2, 3, 7, 8, 9, 10, 11, 13, 14, 0x1006, 0x100b, 0x100c, 0x100d]
  it('takes note of what the port does not act on', () => {
    const steps = NOTES.map((type) => notify(type, 0, 0, 0))
    finding(steps)
    expect(crashed(steps).findings).toEqual([])
  })

  it('calls a timer, in a dump none', () => {
    const steps = [notify(6, callback, 1000)]
    expect(running({ findAdapter: steps, finds: true }).callback).toMatchObject({
      irql: DISPATCH_LEVEL,
      count: 1,
    })
    const dump = crashed(steps)
    expect(dump.findings).toEqual(['DM-22 StorPortRequestTimer'])
    expect(dump.callback.count).toBe(0)
  })

  it.each([
    ['InitializeDpc', 0x1001],
    ['InitializeThreadedDpc', 0x100a],
  ])('queues a DPC after %s, in a dump none', (_name, type) => {
    const steps = [
      notify(type, at(0x40), callback),
      notify(0x1002, at(0x40), 0x11, 0x22, at(0)),
      notify(0x1002, at(0x40), 0x33, 0x44, at(8)),
    ]
    const calls = running({ findAdapter: steps, finds: true })
    expect([calls.u32(0), calls.u32(8)]).toEqual([1, 0]) // it was queued already
    expect(calls.callback).toMatchObject({ irql: DISPATCH_LEVEL, count: 1 })
    expect(calls.callback.args.slice(2)).toEqual([0x11n, 0x22n])
    const dump = crashed(steps)
    expect(dump.u32(0)).toBe(0)
    expect(dump.findings).toEqual(['DM-21 StorPortInitializeDpc', 'DM-21 StorPortIssueDpc'])
  })

  it('calls passive initialisation, and never in a dump', () => {
    const steps = [notify(0x1000, callback, at(0))]
    const calls = running({ findAdapter: steps, finds: true })
    expect(calls.u32(0)).toBe(1)
    expect(calls.callback).toMatchObject({ irql: 0, count: 1 })
    const dump = crashed(steps)
    expect([dump.u32(0), dump.callback.count]).toEqual([0, 0])
    expect(dump.findings).toEqual([])
  })

  it('raises to the level of a lock, and back', () => {
    const steps = [1, 2, 3].flatMap((lock): Step[] => [
      notify(0x1003, lock, 0, at(lock * 0x20)),
      irql,
      notify(0x1004, at(lock * 0x20)),
      irql,
    ])
    const levels = (calls: PortCalls): number[] =>
      [1, 3, 5, 7, 9, 11].map((index) => Number(calls.result(index)))
    expect(levels(finding(steps))).toEqual([DISPATCH_LEVEL, 0, DISPATCH_LEVEL, 0, DEVICE_LEVEL, 0])
    const dump = crashed(steps)
    expect(levels(dump)).toEqual(Array(6).fill(HIGH_LEVEL))
    const messages = dump.report?.violations.map(({ rule, message }) => `${rule} ${message.split(' ')[0]}`)
    expect(messages).toEqual(['DM-25 DpcLock', 'DM-25 StartIoLock'])
  })

  it('counts ticks, has no table of functions, and leaves the status of what it does not do', () => {
    const unset = new Uint8Array(0x20).fill(0xee)
    const steps = [
      ['StorPortStallExecution', 40_000],
      notify(12, at(0)),
      notify(15, at(8)),
      notify(0x1005, 1, 0, 0, 0, 0, at(0x10)),
      notify(0x1007, 0, 1, at(0x18)),
    ] as const
    const calls = finding(steps, { data: { 0: unset } })
    expect(calls.u64(0)).toBeGreaterThan(0n)
    expect(calls.u64(0)).toBeLessThan(1000n)
    expect(calls.u64(8)).toBe(0n)
    expect(calls.bytes(0x10, 0x10)).toEqual(unset.subarray(0, 0x10))
    expect(crashed(steps, { data: { 0: unset } }).findings).toEqual([])
  })

  it.each([
    ['InitializeDpcWithContext', 0x1009],
    ['TerminateSystemThread', 0x100e],
    ['0x1234', 0x1234],
  ])('judges nothing after %s', (name, type) => {
    const message = `called StorPortNotification(${name}), which is not modelled`
    expect(running({ findAdapter: [notify(type)] }).error).toMatchObject({
      code: 'UNKNOWN_IMPORT',
      message: expect.stringContaining(message),
    })
  })

  it('judges no dump after an unknown type', () => {
    expect(crashed([notify(0x1234)]).report).toMatchObject({
      notJudged: 'UNKNOWN_IMPORT',
      failure: expect.stringContaining('called StorPortNotification(0x1234), which is not modelled'),
    })
  })

  it.each([
    ['RequestComplete', 0],
    ['RequestDirectComplete', 0x1008],
  ])('%s ends a request', (_name, type) => {
    const calls = running({
      finds: true,
      startIo: [{ to: srb, offset: 3, bytes: 1, value: 1 }, notify(type, srb)],
    })
    // INQUIRY and READ CAPACITY have ended, without data.
    expect(calls.error).toMatchObject({
      message: expect.stringContaining('answered READ CAPACITY with 0x1 blocks of 0x0 bytes'),
    })
  })
})

describe('requests', () => {
  it('are found by unit and tag, and ended by unit', () => {
    const calls = running({
      finds: true,
      startIo: [
        ['StorPortGetSrb', extension, 0, 0, 0, 0xff],
        ['StorPortGetSrb', extension, 0, 1, 0, 0xff],
        ['StorPortGetSrb', extension, 0, 0, 0, 7],
        ['RtlCopyMemory', at(0), srb, 0x58],
        ['StorPortGetScatterGatherList', extension, srb],
        ['StorPortCompleteRequest', extension, 0, 5, 0, 0x0e], // no such logical unit
        ['StorPortCompleteRequest', extension, 0xff, 0xff, 0xff, 0x0e],
      ],
    })
    expect(calls.result(0)).toBeGreaterThan(0xffff_8000_0000_0000n)
    expect([calls.result(1), calls.result(2)]).toEqual([0n, 0n])
    expect(calls.error).toMatchObject({
      message: expect.stringContaining('INQUIRY ended with SRB_STATUS_BUS_RESET (0xe)'),
    })
  })

  it('have an address for their data', () => {
    const calls = running({
      finds: true,
      startIo: [
        ['StorPortExtendedFunction', 5, extension, srb, at(0x80)],
        ['RtlCopyMemory', at(0), srb, 0x58],
        ['RtlFillMemory', behind(held(0x80), 4), 4, 0x5a],
        ['StorPortCompleteRequest', extension, 0, 0, 0, 1],
      ],
    })
    expect(calls.result(0)).toBe(0n)
    expect(calls.u64(0x80)).toBe(calls.u64(0x18)) // DataBuffer
    expect(calls.error).toMatchObject({ message: expect.stringContaining('blocks of 0x5a5a5a5a bytes') })
  })

  it('of the extended kind are found alike', () => {
    const calls = running({
      finds: true,
      table: [[0xbc, 4, 2]], // SRB_TYPE_FLAG_STORAGE_REQUEST_BLOCK
      startIo: [
        ['StorPortGetSrb', extension, 0, 0, 0, 0xffff_ffff],
        ['StorPortGetSrb', extension, 0, 0, 1, 0xffff_ffff],
        ['StorPortCompleteRequest', extension, 0, 0, 0, 0x0e],
      ],
    })
    expect(calls.result(0)).toBeGreaterThan(0xffff_8000_0000_0000n)
    expect(calls.result(1)).toBe(0n)
    expect(calls.error).toMatchObject({
      message: expect.stringContaining('INQUIRY ended with SRB_STATUS_BUS_RESET (0xe)'),
    })
  })
})

describe('registers', () => {
  const RANGES = 0x300
  const RANGE_5 = RANGES + 0x50
  /** ACCESS_RANGEs to RANGES. */
  const copyRanges: readonly Step[] = [
    ['RtlCopyMemory', at(0x200), config, 0xe0],
    ['RtlCopyMemory', at(RANGES), held(0x238), 0x60],
  ]
  const base: Arg = result(2)
  const mapped: readonly Step[] = [
    ...copyRanges,
    ['StorPortGetDeviceBase', extension, 5, 0, held(RANGE_5), 0x1000, 0],
    ['StorPortValidateRange', extension, 5, 0, held(RANGE_5), 0x1000, 0],
    ['StorPortValidateRange', extension, 5, 0, 0x1000, 0x1000, 0],
    ['StorPortGetDeviceBase', extension, 5, 0, 0x1000, 0x1000, 0],
    ['StorPortGetDeviceBase', extension, 5, 1, held(RANGE_5), 0x1000, 0],
  ]

  it('are mapped, read and written, one and many', () => {
    const READS = mapped.length
    const calls = finding(
      [
        ...mapped,
        ['StorPortReadRegisterUchar', extension, base],
        ['StorPortReadRegisterUshort', extension, base],
        ['StorPortReadRegisterUlong', extension, base],
        ['StorPortReadRegisterBufferUlong', extension, base, at(0), 4],
        ['StorPortReadRegisterBufferUshort', extension, base, at(0x20), 2],
        ['StorPortReadRegisterBufferUchar', extension, base, at(0x30), 4],
        ['StorPortWriteRegisterBufferUlong', extension, base, at(0x40), 2], // HBA capabilities, then GHC.AE
        ['StorPortFreeDeviceBase', extension, base],
      ],
      { data: { 64: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x80) } },
    )
    const { bus } = calls.machine
    const words = [0, 4, 8, 12].map((offset) => bus.read32(gpa(calls.u32(RANGE_5) + offset)) >>> 0)
    expect(calls.result(2)).not.toBe(0n)
    expect([3, 4, 5, 6].map((index) => calls.result(index))).toEqual([1n, 0n, 0n, 0n])
    expect([0, 1, 2].map((index) => Number(calls.result(READS + index)))).toEqual([
      words[0]! & 0xff,
      words[0]! & 0xffff,
      words[0]!,
    ])
    expect([calls.u32(0), calls.u32(8), calls.u32(12)]).toEqual([words[0], words[2], words[3]])
    expect([calls.u32(0x20), calls.u32(0x30)]).toEqual([words[0], words[0]])
    expect(words[1]! >>> 31).toBe(1)
  })

  it('are those of the dump driver too', () => {
    const calls = crashed([...mapped, ['StorPortReadRegisterUlong', extension, base]])
    const capabilities = calls.machine.bus.read32(gpa(calls.u32(RANGE_5))) >>> 0
    expect(calls.result(mapped.length)).toBe(BigInt(capabilities))
    expect(calls.findings).toEqual([])
  })

  it('at I/O ports are read and written, also the same one again and again', () => {
    const PORT = 0xc000
    const DEVICE_STATUS = PORT + 0x12 // virtio 1.1, 4.1.4.8
    const calls = finding(
      [
        ...copyRanges,
        ['StorPortGetDeviceBase', extension, 5, 0, held(RANGES), 0x40, 1],
        ['StorPortReadPortUlong', extension, PORT],
        ['StorPortReadPortUshort', extension, PORT],
        ['StorPortReadPortUchar', extension, PORT],
        ['StorPortReadPortBufferUlong', extension, PORT, at(0), 2],
        ['StorPortReadPortBufferUshort', extension, PORT, at(0x10), 2],
        ['StorPortReadPortBufferUchar', extension, PORT, at(0x20), 2],
        ['StorPortWritePortBufferUchar', extension, DEVICE_STATUS, at(0x30), 2],
        ['StorPortReadPortUchar', extension, DEVICE_STATUS],
        ['StorPortWritePortUchar', extension, DEVICE_STATUS, 0],
        ['StorPortReadPortUchar', extension, DEVICE_STATUS],
        ['StorPortReadPortUlong', extension, 0xfffe],
      ],
      { data: { 48: Uint8Array.of(1, 3) } },
      'virtio-blk',
    )
    const features = calls.machine.bus.in32(PORT) >>> 0
    expect(calls.result(2)).toBe(BigInt(PORT))
    expect([3, 4, 5].map((index) => Number(calls.result(index)))).toEqual([
      features,
      features & 0xffff,
      features & 0xff,
    ])
    expect([calls.u32(0), calls.u32(4)]).toEqual([features, features])
    expect(calls.u32(0x10)).toBe(((features & 0xffff) * 0x10001) >>> 0)
    expect([...calls.bytes(0x20, 2)]).toEqual([features & 0xff, features & 0xff])
    expect([calls.result(10), calls.result(12), calls.result(13)]).toEqual([3n, 0n, 0xffff_ffffn])
  })
})

it('the uncached extension has addresses both ways, in HwFindAdapter', () => {
  const steps: readonly Step[] = [
    ['StorPortGetUncachedExtension', extension, config, 0x1000],
    ['StorPortGetPhysicalAddress', extension, 0, result(0), at(0)],
    ['StorPortGetVirtualAddress', extension, result(1)],
    ['StorPortGetUncachedExtension', extension, config, 0x1000],
    ['MmGetPhysicalAddress', result(0)],
    ['StorPortGetVirtualAddress', extension, 0x10],
  ]
  // in dump mode to the end of the common buffer, and a second call is one too many
  for (const [calls, end, findings] of [
    [finding(steps), 0x1000, []],
    [crashed(steps), 0x10000, ['DM-12 StorPortGetUncachedExtension']],
  ] as const) {
    const [block, physical, ...rest] = [0, 1, 2, 3, 4, 5].map((index) => calls.result(index))
    expect(block).toBeGreaterThan(0xffff_8000_0000_0000n)
    expect(calls.u32(0)).toBe(end - Number(physical! & 0xfffn))
    expect(rest).toEqual([block, block, physical, 0n])
    expect(calls.findings).toEqual(findings)
  }
})

/** Calls without a rule of their own: name, arguments, result while the system runs, result in a dump. */
// biome-ignore format: a table
const HARMLESS: readonly (readonly [Step, bigint | null, (bigint | null)?])[] = [
  [['StorPortPause', extension, 1], 1n],
  [['StorPortResume', extension], 1n],
  [['StorPortPauseDevice', extension, 0, 0, 0, 1], 1n],
  [['StorPortResumeDevice', extension, 0, 0, 0], 1n],
  [['StorPortBusy', extension, 1], 1n],
  [['StorPortReady', extension], 1n],
  [['StorPortDeviceBusy', extension, 0, 0, 0, 1], 1n],
  [['StorPortDeviceReady', extension, 0, 0, 0], 1n],
  [['StorPortSetDeviceQueueDepth', extension, 0, 0, 0, 8], 1n],
  [['StorPortGetSrb', extension, 0, 0, 0, 0xff], 0n],
  [['StorPortGetLogicalUnit', extension, 0, 7, 0], 0n],
  [['StorPortGetBusData', extension, 4, 0, 2, at(0x500), 0x40], 0x40n],
  [['StorPortGetBusData', extension, 4, 0, 3, at(0x600), 0x40], 2n],
  [['StorPortGetBusData', extension, 4, 1, 2, at(0x600), 0x40], 0n],
  [['StorPortSetBusDataByOffset', extension, 4, 0, 2, at(0x53c), 0x3c, 1], 1n],
  [['StorPortSetBusDataByOffset', extension, 4, 0, 3, at(0x53c), 0x3c, 1], 0n],
  [['StorPortConvertUlongToPhysicalAddress', 0x1234], 0x1234n],
  [['StorPortConvertUlong64ToPhysicalAddress', 0x12_3456_7890n], 0x12_3456_7890n],
  [['StorPortConvertPhysicalAddressToUlong', 0x12_3456_7890n], 0x3456_7890n],
  [['StorPortConvertPhysicalAddressToUlong64', 0x12_3456_7890n], 0x12_3456_7890n],
  [['StorPortLogError', extension, 0, 0, 0, 0, 1, 2], 0n],
  [['StorPortDebugPrint', 1, at(0), 0], 0n],
  [['StorPortMoveMemory', at(0x20), at(0), 4], null],
  [['ScsiPortMoveMemory', at(0x30), at(0), 4], null],
  [['ScsiPortNotification', 1, extension], 0n],
  [['StorPortStallExecution', 10], 0n],
  [['StorPortAllocateRegistryBuffer', extension, at(0x40)], null, 0n],
  [['StorPortRegistryWrite', extension, at(0x48), 1, 4, at(0), 4], 1n, 0n],
  [['StorPortRegistryRead', extension, at(0x48), 1, 4, at(0x60), at(0x40)], 1n, 0n],
  [['StorPortFreeRegistryBuffer', extension, at(0x60)], 0n],
  [['ScsiPortWmiFireLogicalUnitEvent', extension, 0xff, 0, 0, at(0), 0, 0, 0], 0n],
  [['DbgPrint', at(0)], 0n],
  [['KeQueryActiveProcessorCountEx', 0xffff], 4n],
  [['KeQueryMaximumProcessorCountEx', 0xffff], 4n],
  [['KeStallExecutionProcessor', 10], 0n],
  [['memcpy', at(0x70), at(0), 4], null],
  [['memset', at(0x80), 0x5a, 4], null],
  [['strncmp', at(0), at(0x70), 3], 0n],
  [['strncmp', at(0), at(0x48), 3], 1n],
]

// covers: STACK-2, STACK-10
it('what breaks no rule returns as documented in both lives', () => {
  const data = { 0: Uint8Array.of(0x78, 0x79, 0x7a, 0), 64: Uint8Array.of(4, 0, 0, 0), 72: ascii('Depth') }
  const steps = HARMLESS.map(([step]) => step)
  const lives = [finding(steps, { data }), crashed(steps, { data })]
  for (const [life, calls] of lives.entries()) {
    for (const [index, [step, running, dump]] of HARMLESS.entries()) {
      const wanted = life === 1 && dump !== undefined ? dump : running
      if (wanted !== null) expect([step, calls.result(index)]).toEqual([step, wanted])
    }
    for (const copy of [0x20, 0x30, 0x70]) expect([...calls.bytes(copy, 3)]).toEqual([0x78, 0x79, 0x7a])
    expect([...calls.bytes(0x80, 5)]).toEqual([0x5a, 0x5a, 0x5a, 0x5a, 0])
    expect([...calls.bytes(0x60, 3)]).toEqual(life === 0 ? [0x78, 0x79, 0x7a] : [0, 0, 0]) // the registry value
    expect(calls.findings).toEqual([])
  }
})

it('the system time passes, and stands still in a dump', () => {
  const steps: readonly Step[] = [
    ['StorPortQuerySystemTime', at(0)],
    ['StorPortStallExecution', 100],
    ['StorPortQuerySystemTime', at(8)],
  ]
  const calls = finding(steps)
  expect(calls.u64(8) - calls.u64(0)).toBeGreaterThanOrEqual(1000n)
  const dump = crashed(steps)
  expect(dump.u64(8)).toBe(dump.u64(0))
})

it('a synchronised routine runs at the level of the interrupt', () => {
  const steps: readonly Step[] = [
    ['StorPortSynchronizeAccess', extension, callback, 0x77],
    ['KeGetCurrentIrql'],
  ]
  const calls = finding(steps)
  expect(calls.callback).toMatchObject({ irql: DEVICE_LEVEL, count: 1 })
  expect(calls.callback.args[1]).toBe(0x77n)
  expect([calls.result(0), calls.result(1)]).toEqual([1n, 0n])
  const dump = crashed(steps)
  expect(dump.callback).toMatchObject({ irql: HIGH_LEVEL, count: 1 })
  expect(dump.findings).toEqual([])
})

it('the extension of a logical unit is one, and zero', () => {
  const steps: readonly Step[] = [
    ['StorPortGetLogicalUnit', extension, 0, 0, 0],
    ['StorPortGetLogicalUnit', extension, 0, 0, 0],
  ]
  const calls = finding(steps)
  expect(calls.result(0)).toBeGreaterThan(0xffff_8000_0000_0000n)
  expect(calls.result(1)).toBe(calls.result(0))
})

describe('WMI', () => {
  const GUID = 0x100
  const OTHER_GUID = 0x110
  const LIST = 0x120
  const LIBRARY = 0x140
  const CONTEXT = 0x180
  const data = {
    [GUID]: ascii('a GUID of sorts'),
    [OTHER_GUID]: ascii('another GUID ..'),
    [LIBRARY]: Uint8Array.of(1),
  }
  /** The driver's tables: one GUID, and a routine for controls. */
  const prepare: readonly Step[] = [
    ['memcpy', at(GUID), at(0), 0], // returns the address
    ['memcpy', at(LIST), at(0), 0],
    ['memcpy', callback, at(0), 0],
    ['memcpy', at(LIST), resultAt(0), 8],
    ['memcpy', at(LIBRARY + 8), resultAt(1), 8],
    ['memcpy', at(LIBRARY + 0x38), resultAt(2), 8],
  ]
  const dispatch = (minorFunction: number, guid: number): Step => [
    'ScsiPortWmiDispatchFunction',
    at(LIBRARY),
    minorFunction,
    extension,
    at(CONTEXT),
    at(guid),
    0x40,
    at(0x200),
  ]
  const context = (calls: PortCalls) => {
    const view = new DataView(calls.bytes(CONTEXT, 0x20).buffer)
    return { status: view.getUint8(0x19), size: view.getUint32(0x1c, true), bytes: view.getUint32(8, true) }
  }

  it.each([
    ['enabling of events', 4, 0n, 1n],
    ['disabling of collection', 7, 1n, 0n],
  ])('hands %s to the routine of the miniport', (_what, minorFunction, control, enable) => {
    const calls = finding([...prepare, dispatch(minorFunction, GUID)], { data })
    expect(calls.result(prepare.length)).toBe(1n) // what the routine said: pending
    expect(calls.callback).toMatchObject({ irql: 0, count: 1 })
    expect(calls.callback.args.slice(2)).toEqual([0n, control])
    expect(context(calls)).toEqual({ status: 1, size: 0, bytes: 0x40 })
    expect(enable).toBe(minorFunction === 4 ? 1n : 0n)
  })

  it('fails a GUID that is not registered, and notes what the miniport processed', () => {
    const calls = finding(
      [...prepare, dispatch(0, OTHER_GUID), ['ScsiPortWmiPostProcess', at(CONTEXT + 0x20), 0x12, 0x88]],
      { data },
    )
    expect(calls.result(prepare.length)).toBe(0n)
    expect(context(calls)).toMatchObject({ status: 4, size: 0 })
    expect([calls.bytes(CONTEXT + 0x39, 1)[0], calls.u32(CONTEXT + 0x3c)]).toEqual([0x12, 0x88])
  })

  it('judges nothing after a request for data, which no port here sends', () => {
    expect(running({ findAdapter: [...prepare, dispatch(0, GUID)], data }).error).toMatchObject({
      code: 'UNKNOWN_IMPORT',
      message: expect.stringContaining('called ScsiPortWmiDispatchFunction for minor function 0x0'),
    })
  })
})

it('a bugcheck of the driver is the second one of a dump', () => {
  const calls = crashed([['KeBugCheckEx', 0xf4, 1, 2, 3, 4]])
  expect(calls.report?.secondBugcheck).toEqual({ code: 0xf4, parameters: [1n, 2n, 3n, 4n] })
  expect(crashed([['KeBugCheck', 0xe2]]).report?.secondBugcheck?.code).toBe(0xe2)
})
