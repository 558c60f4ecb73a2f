// One deliberately bad dump miniport for each rule that a miniport can break here. Most dumps still succeed: then the violation
// is all there is to see. Rules as README.md lists them.
import { gpa, gva } from '@dumpstack/bytes'
import {
  PortConfigurationInformation,
  SCSI_DMA64_MINIPORT_FULL64BIT_SUPPORTED,
  ScsiRequestBlock,
  SRB_STATUS_SUCCESS,
} from '@dumpstack/nt'
import { describe, expect, it } from 'vitest'
import type { GuestBlock, MiniportImage } from '../miniport.ts'
import { storahci } from '../miniports/storahci/index.ts'
import {
  answering,
  bad,
  type Change,
  changingConfig,
  dumpWith,
  EXECUTE_SCSI,
  INQUIRY,
  inFindAdapter,
  inInitialize,
  PLAN,
  type RegisterWrite,
  SERVICE_ACTION_IN16,
  SYNCHRONIZE_CACHE,
  UNASSIGNED,
  withRegisters,
} from './bad-miniports.test-support.ts'
import { bytesOfPlan, bytesOnDisk } from './crash.test-support.ts'

const UNCACHED = 'StorPortGetUncachedExtension'

it.each<[string, string, string, Change]>([
  [
    'DM-11',
    UNCACHED,
    'asks for more noncached memory than 32 KiB, as much as while the system ran',
    inFindAdapter(({ port }, extension, config) => {
      expect(port.getUncachedExtension(extension, config, 0x9000)).not.toBeNull()
    }),
  ],
  [
    'DM-12',
    UNCACHED,
    'asks for a second uncached extension that the first has no room for',
    inFindAdapter(({ port }, extension, config) => {
      const first = port.getUncachedExtension(extension, config, 0x1000)!
      expect(port.getUncachedExtension(extension, config, 0x1001)?.va).toBe(first.va)
    }),
  ],
  [
    'DM-12',
    UNCACHED,
    'asks for uncached memory in HwInitialize',
    inInitialize(({ port }, extension) => {
      expect(port.getUncachedExtension(extension, extension, 0x100)).toBeNull()
    }),
  ],
  [
    'DM-14',
    'StorPortAllocatePool',
    'allocates pool',
    inFindAdapter(({ port }, extension) => expect(port.allocatePool(extension, 0x100)).toBeNull()),
  ],
  [
    'DM-16',
    'StorPortFreePool',
    'frees pool',
    inInitialize(({ port }, extension) => expect(port.freePool(extension, extension)).not.toBe(0)),
  ],
  [
    'DM-17',
    'StorPortMarkDumpMemory',
    'marks memory too late',
    inInitialize(({ port }, extension) => {
      expect(port.markDumpMemory(extension, extension.va, 0)).not.toBe(0)
    }),
  ],
  [
    'DM-21',
    'StorPortInitializeDpc',
    'initialises a DPC',
    inInitialize(({ port }, extension) => void port.initializeDpc(extension, () => {})),
  ],
  [
    'DM-21',
    'StorPortIssueDpc',
    'queues a DPC',
    inInitialize(({ port }, extension) => {
      expect(port.issueDpc(extension, { routine: () => {} })).toBe(false)
    }),
  ],
  [
    'DM-25',
    'StorPortAcquireSpinLock',
    'takes a lock of DISPATCH_LEVEL',
    inInitialize(({ port }, extension) => {
      port.releaseSpinLock(extension, port.acquireSpinLock(extension, 'startIo'))
    }),
  ],
  [
    'DM-08',
    'ZwOpenKey',
    'calls what needs a lower level',
    inInitialize(({ port }) => port.calledTooHigh('ZwOpenKey', 0)),
  ],
  [
    'DM-22',
    'StorPortRequestTimer',
    'sets a timer',
    inInitialize(({ port }, extension) => {
      expect(port.requestTimer(extension, () => {}, 1000)).not.toBe(0)
    }),
  ],
  ['DM-38', 'RequestComplete', 'completes an SRB twice', answering(UNASSIGNED, 0, 6, 2)],
  [
    'completed-srb',
    'HwInterrupt',
    'writes to a request that it has completed',
    (data) => {
      let sent: ScsiRequestBlock | null = null
      return {
        hwStartIo: (extension, block) => {
          sent = ScsiRequestBlock.at(block.view)
          return data.hwStartIo(extension, block)
        },
        hwInterrupt: (extension) => {
          const isOurs = data.hwInterrupt(extension)
          if (sent?.srbStatus === SRB_STATUS_SUCCESS) sent.timeOutValue = 1
          return isOurs
        },
      }
    },
  ],
  [
    'stray-memory',
    'INQUIRY',
    'answers with more than the buffer has',
    (data, { port }) => ({
      hwBuildIo: (extension, block) => {
        const srb = ScsiRequestBlock.at(block.view)
        if (srb.cdb[0] === INQUIRY) port.dereference(gva(srb.dataBuffer), 0x60).view.setUint8(0x5f, 0)
        return data.hwBuildIo!(extension, block)
      },
    }),
  ],
  [
    'stray-memory',
    'WRITE',
    'uses memory of the dump port that it has not asked for',
    (data, { port }) => ({
      hwStartIo: (extension, block) => {
        const { va, view } = port.getSrbExtension(block)
        port.dereference(gva(va + BigInt(view.byteLength + 0x200)), 1).view.setUint8(0, 0)
        return data.hwStartIo(extension, block)
      },
    }),
  ],
  ['DM-39', 'SRB function 0x7f', 'accepts a function that no header knows', answering(UNASSIGNED, 0, 1)],
  [
    'DM-43',
    'HwFindAdapter',
    'leaves its physical breaks unset',
    changingConfig((config) => {
      config.numberOfPhysicalBreaks = 0xffffffff
    }),
  ],
  [
    'DM-43',
    'HwFindAdapter',
    'has fewer breaks than its transfers need',
    changingConfig((config) => {
      config.maximumTransferLength = 0x10000
      config.numberOfPhysicalBreaks = 16
    }),
  ],
  ['DM-47', 'SYNCHRONIZE CACHE', 'refuses to flush the disk', answering(EXECUTE_SCSI, SYNCHRONIZE_CACHE, 6)],
  [
    'DM-47',
    'SYNCHRONIZE CACHE',
    'only says that it flushed the disk',
    answering(EXECUTE_SCSI, SYNCHRONIZE_CACHE, 1),
  ],
])('%s: names %s when the miniport %s, and the dump is written all the same', (rule, call, _what, change) => {
  const { crashed, report } = dumpWith(bad(change))
  // the real HwFindAdapter asks for its extension too
  const found = report.violations.filter((one) => one.severity === 'fail')
  expect(found).toMatchObject([{ rule, call, driver: 'dump_storahci.sys', irql: 'HIGH_LEVEL' }])
  expect(report.violations[0]!.address).toMatch(/^0xffff8000/)
  expect(report.finalStatus).toBe(0)
  expect(Buffer.compare(bytesOnDisk(crashed, PLAN.byteLength), bytesOfPlan(crashed, PLAN))).toBe(0)
})

it('transfer-length: warns of a write that succeeds and says that nothing was moved', () => {
  const { report } = dumpWith(
    bad((data) => ({
      hwStartIo: (extension, block) => {
        const isTaken = data.hwStartIo(extension, block)
        ScsiRequestBlock.at(block.view).dataTransferLength = 0
        return isTaken
      },
    })),
  )
  expect(report).toMatchObject({
    finalStatus: 0,
    violations: [{ rule: 'transfer-length', call: 'RequestComplete', severity: 'warning' }],
  })
})

it('answers what is harmless in dump mode without a violation', () => {
  const { report } = dumpWith(
    bad((data, { port }) => ({
      hwInitialize: (extension) => {
        port.releaseSpinLock(extension, port.acquireSpinLock(extension, 'interrupt'))
        expect(port.querySystemTime()).toBe(port.querySystemTime())
        port.logError(extension, 1, 2)
        expect(port.registryRead(extension, 'IoTimeout')).toBeNull()
        expect(port.initializePerfOpts(extension, true)).not.toBe(0)
        expect(port.enablePassiveInitialization(extension, () => true)).toBe(false)
        expect(port.setDeviceQueueDepth(extension, 0, 0, 0, 32)).toBe(true)
        expect([...port.getBusData(extension, 0, 1, 9, 3)]).toEqual([0x01, 0x06, 0x01])
        expect(port.getPhysicalAddress(extension, null, extension.va)?.gpa).toBe(extension.gpa)
        expect(port.getPhysicalAddress(extension, null, gva(0n))).toBeNull()
        return data.hwInitialize(extension)
      },
      hwFindAdapter: (extension, context, bus, argument, config) => {
        expect(port.markDumpMemory(extension, extension.va, 0)).toBe(0)
        return data.hwFindAdapter(extension, context, bus, argument, config)
      },
      // DM-20: what HwInterrupt returns is no sign of anything
      hwInterrupt: (extension) => !data.hwInterrupt(extension),
    })),
  )
  expect(report).toMatchObject({ finalStatus: 0, violations: [] })
})

it('hands out a zeroed device extension and memory that is neither zero nor aligned (DM-05, DM-13)', () => {
  const seen: { zeroed: boolean; first: number; alignment: number; region: number[]; unset: number[] }[] = []
  const asksForRegion = bad(
    changingConfig((config) => {
      config.requestedDumpBufferSize = 0x3000
    }),
  )
  const { report } = dumpWith(
    bad((data, { port }) => ({
      hwFindAdapter: (extension, context, bus, argument, config) => {
        const block = port.getUncachedExtension(extension, config, 0x1000)!
        const view = PortConfigurationInformation.at(config.view)
        const { dumpRegion } = view
        const region = port.dereference(gva(dumpRegion.virtualBase), 8)
        const bytes = new Uint8Array(
          extension.view.buffer,
          extension.view.byteOffset,
          extension.view.byteLength,
        )
        seen.push({
          zeroed: bytes.every((byte) => byte === 0),
          first: block.view.getUint8(0),
          alignment: block.gpa % 0x1000,
          region: [dumpRegion.length, region.view.getUint8(0)],
          unset: [view.requestedDumpBufferSize, view.virtualDevice, view.interruptMode],
        })
        return data.hwFindAdapter(extension, context, bus, argument, config)
      },
    })),
    { runtimeMiniport: asksForRegion },
  )
  expect(report.finalStatus).toBe(0)
  expect(seen).toEqual([
    { zeroed: true, first: 0xa5, alignment: 0x40, region: [0x3000, 0xa5], unset: [0, 0, 0] },
  ])
})

it('DM-30: names an SRB that the dump port did not send, and ignores it', () => {
  const foreign: GuestBlock = {
    va: gva(0xffff_8000_0012_3000n),
    gpa: gpa(0x123000),
    view: new DataView(new ArrayBuffer(0x58)),
  }
  const { report } = dumpWith(
    bad((data, { port }) => ({
      hwInterrupt: (extension) => {
        port.notificationRequestComplete(extension, foreign)
        return data.hwInterrupt(extension)
      },
    })),
  )
  expect(report).toMatchObject({
    finalStatus: 0,
    violations: [
      {
        rule: 'DM-30',
        message: 'an SRB at 0xffff800000123000 was completed that the dump port did not send',
      },
    ],
  })
})

/** storahci with another way to write the registers of its HBA. */
const writingRegisters = (write32: RegisterWrite): MiniportImage => withRegisters(storahci, { write32 })

it('takes a miniport that resets nothing, and brings the port of the dead instance to idle (AHCI 1.3.1 section 10.1.2)', () => {
  const stopsOnly = writingRegisters((registers, offset, value) => {
    if (offset !== 0x04 || (value & 1) === 0) registers.write32(offset, value) // all but GHC.HR
  })
  // GHC.IE is set while PxIE is what the instance that died had
  const violations = [{ rule: 'DM-18', severity: 'warning' }]
  expect(dumpWith(stopsOnly, { writesInFlight: 4 }).report).toMatchObject({ finalStatus: 0, violations })
})

it('writes no dump with a miniport that never says that its commands write (AHCI 1.3.1 section 4.2.2)', () => {
  const neverWrites = writingRegisters((registers, offset, value, uncached) => {
    if (offset === 0x138) {
      const header = registers.read32(0x100) + registers.read32(0x104) * 2 ** 32 - uncached.gpa // one slot in dump mode
      uncached.view.setUint8(header, uncached.view.getUint8(header) & ~0x40)
    }
    registers.write32(offset, value)
  })
  const { report, crashed } = dumpWith(neverWrites)
  expect(report.finalStatus).toBe(0xc0000185)
  expect(report.failure).toMatch(/^WRITE ended with SRB_STATUS_ERROR/)
  // the HBA stops while the port polls: HwInterrupt writes PxIS only to acknowledge it
  expect(report.violations).toMatchObject([{ rule: 'device-stopped', call: 'HwBuildIo' }])
  expect(crashed.machine.evidence.notModelled).toContainEqual({
    device: 'ahci0',
    register: 'command header W against the command',
    access: 'read',
    count: expect.any(Number),
  })
})

it('DM-37: names a bus reset that is refused, and one that touches the controller', () => {
  const hang = { kind: 'hang', controller: 'ahci0', afterWrites: 3 } as const
  for (const [change, message] of [
    [() => ({ hwResetBus: () => false }), 'HwResetBus returned FALSE, expected TRUE'],
    [
      (_data, { port }) => ({
        hwResetBus: (extension) => {
          port.getDeviceBase(extension, 5)!.write32(0x04, 1)
          return true
        },
      }),
      'HwResetBus wrote 1 registers, expected none',
    ],
  ] as [Change, string][]) {
    const { report } = dumpWith(bad(change), { before: ({ machine }) => machine.faults.add(hang) })
    expect(report.finalStatus).toBe(0xc00000b5)
    expect(report.violations).toMatchObject([{ rule: 'DM-37', call: 'HwResetBus', message }])
  }
})

it('sends nothing more to a miniport that still has an SRB', () => {
  const sent: number[] = []
  const { report } = dumpWith(
    bad((data) => ({
      hwBuildIo: (extension, block) => {
        const operationCode = block.view.getUint8(0x48)
        sent.push(operationCode)
        return operationCode === SERVICE_ACTION_IN16 || data.hwBuildIo!(extension, block)
      },
      hwStartIo: (extension, block) =>
        block.view.getUint8(0x48) === SERVICE_ACTION_IN16 || data.hwStartIo(extension, block),
    })),
  )
  expect(report).toMatchObject({
    finalStatus: 0xc00000a3,
    failure: 'OpenRoutine returned FALSE: READ CAPACITY (16) did not complete within 10 s',
  })
  expect(sent).toEqual([INQUIRY, SERVICE_ACTION_IN16])
})

it.each<[string, Change]>([
  [
    'an SRB extension of 16.5 KiB and a device extension of 16 KiB',
    () => ({ srbExtensionSize: 0x4200, deviceExtensionSize: 0x4000 }),
  ],
  ['a refusal of the unassigned function by name', answering(UNASSIGNED, 0, 0x22)],
  ['a capacity for small disks only', answering(EXECUTE_SCSI, SERVICE_ACTION_IN16, 6)],
  [
    'full 64-bit addressing said in the newer way',
    changingConfig((config) => {
      config.dma64BitAddresses = SCSI_DMA64_MINIPORT_FULL64BIT_SUPPORTED
    }),
  ],
])('lets %s pass', (_what, change) => {
  const { crashed, report } = dumpWith(bad(change))
  expect(report).toMatchObject({ finalStatus: 0, violations: [] })
  expect(Buffer.compare(bytesOnDisk(crashed, PLAN.byteLength), bytesOfPlan(crashed, PLAN))).toBe(0)
})

describe('a miniport that cannot go on', () => {
  it.each<[string, string, Change, object]>([
    ...[2, 5, 0x3ff].map((mask): [string, string, Change, object] => [
      'DM-46',
      `wants an AlignmentMask of ${mask}`,
      changingConfig((config) => {
        config.alignmentMask = mask
      }),
      { finalStatus: 0xc000000d, bytesWritten: 0, violations: [{ rule: 'DM-46', call: 'HwFindAdapter' }] },
    ]),
    [
      'DM-09, DM-10',
      'waits for a passive initialisation that never comes',
      () => ({ hwInitialize: () => true }),
      {
        finalStatus: 0xc00000a3,
        failure: 'OpenRoutine returned FALSE: the disk has sectors of 0 bytes, which do not fill a page',
      },
    ],
    [
      'DM-06',
      'does not find its adapter',
      () => ({ hwFindAdapter: () => 2 }),
      { finalStatus: 0xc000009d, failure: 'HwFindAdapter returned 2, expected 1' },
    ],
    [
      'DM-09',
      'fails HwInitialize',
      () => ({ hwInitialize: () => false }),
      { finalStatus: 0xc0000001, failure: 'HwInitialize of storahci.sys returned FALSE' },
    ],
    [
      'DM-19',
      'trusts an interrupt status that stays clear',
      () => ({ hwInterrupt: () => false }),
      {
        finalStatus: 0xc00000b5,
        failure: expect.stringMatching(/^WRITE did not complete within 10 s at sector 0x/),
      },
    ],
    [
      'DM-26',
      'waits without end',
      inInitialize(({ port }) => {
        for (;;) port.stallExecution(1000)
      }),
      { finalStatus: 0xc00000b5, violations: [{ rule: 'DM-26', call: 'HwInitialize' }] },
    ],
    [
      'DM-26',
      'polls a register without end',
      inInitialize(({ port }, extension) => {
        const registers = port.getDeviceBase(extension, 5)!
        while (registers.read32(0x10) !== 0) port.stallExecution(100_000)
      }),
      { finalStatus: 0xc00000b5, violations: [{ rule: 'DM-26', call: 'HwInitialize' }] },
    ],
    [
      'DM-38',
      'completes with SRB_STATUS_PENDING',
      answering(EXECUTE_SCSI, INQUIRY, 0),
      {
        finalStatus: 0xc00000a3,
        violations: [{ rule: 'DM-38', message: 'an SRB was completed with SRB_STATUS_PENDING' }],
      },
    ],
    [
      'its memory',
      'wants a device extension of 1 MiB',
      () => ({ deviceExtensionSize: 0x100000 }),
      { finalStatus: 0xc000009a },
    ],
    [
      'its memory',
      'wants an SRB extension of 128 KiB',
      () => ({ srbExtensionSize: 0x20000 }),
      { finalStatus: 0xc000009a },
    ],
    [
      'its limits',
      'allows less than a page',
      changingConfig((config) => {
        config.maximumTransferLength = 0x800
      }),
      { finalStatus: 0xc000000d },
    ],
    [
      'its memory',
      'takes 32-bit addresses only, and all of a common buffer',
      changingConfig((config) => {
        config.dma64BitAddresses = 0x80
        config.srbExtensionSize = 0xf000
      }),
      { finalStatus: 0xc000009a, failure: expect.stringContaining('no page left to bounce data through') },
    ],
  ])('%s: it %s, and the dump ends with its status', (_rule, _what, change, expected) => {
    const { report } = dumpWith(bad(change))
    expect(report).toMatchObject(expected)
    expect(report.failure).toBeTruthy()
    expect(report.secondBugcheck).toBeUndefined()
  })
})

describe('a miniport that touches what is not mapped', () => {
  it.each<[string, string, bigint, MiniportImage]>([
    [
      'DM-01',
      'DriverEntry',
      0n,
      { ...storahci, load: () => (port) => port.dereference(gva(0n), 8).view.getUint32(0) },
    ],
    [
      'DM-20',
      'HwInterrupt',
      0x18n,
      bad((data, { port }) => ({
        hwInterrupt: (extension) => {
          port.dereference(gva(0x18n), 8)
          return data.hwInterrupt(extension)
        },
      })),
    ],
    [
      'a register past the window',
      'HwInitialize',
      0xfffff780e0002000n,
      bad(inInitialize(({ port }, extension) => void port.getDeviceBase(extension, 5)!.read32(0x2000))),
    ],
  ])('%s: a fault in %s is a second bugcheck', (_rule, entryPoint, address, miniport) => {
    const { report } = dumpWith(miniport)
    expect(report.secondBugcheck?.code).toBe(0xd1)
    expect(report.secondBugcheck?.parameters.slice(0, 2)).toEqual([address, 15n])
    expect(report.violations).toMatchObject([{ rule: 'bugcheck-0xd1', call: entryPoint }])
    expect(report.finalStatus).toBe(0xc0000001)
  })
})
