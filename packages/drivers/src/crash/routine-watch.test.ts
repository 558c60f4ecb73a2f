// No loop of a miniport over port calls or registers can hang the host: time passes, steps are counted, the dump ends by name.
import { gva } from '@dumpstack/bytes'
import { PortConfigurationInformation } from '@dumpstack/nt'
import { expect, it } from 'vitest'
import type { GuestBlock, HwInitializationData, PortExports } from '../miniport.ts'
import { bad, dumpWith, inFindAdapter, inInitialize } from './bad-miniports.test-support.ts'

type Step = (port: PortExports, extension: GuestBlock) => unknown

it.each<[string, string, string, Step]>([
  [
    'the system time',
    'DM-23',
    'HwInitialize did not return within 100000 queries of the time; it waits for the system time, which stands still in dump mode',
    (port) => port.querySystemTime(),
  ],
  [
    'the system time, with stalls',
    'DM-23',
    "HwInitialize did not return within 60 s of the machine's time; it waits for the system time, which stands still in dump mode",
    (port) => {
      port.stallExecution(1000)
      return port.querySystemTime()
    },
  ],
  [
    'a lock',
    'DM-26',
    'HwInitialize did not return within 4000000 port calls and register accesses',
    (port, extension) => port.releaseSpinLock(extension, port.acquireSpinLock(extension, 'interrupt')),
  ],
  [
    'a register, without a stall',
    'DM-26',
    'HwInitialize did not return within 4000000 port calls and register accesses; the last register that it read is CAP, which was 0xc1301f05',
    (port, extension) => {
      const registers = port.getDeviceBase(extension, 5)!
      for (;;) registers.read32(0)
    },
  ],
])('ends a wait for %s', (_what, rule, message, step) => {
  const { report } = dumpWith(
    bad(
      inInitialize(({ port }, extension) => {
        for (;;) step(port, extension)
      }),
    ),
  )
  expect(report).toMatchObject({
    finalStatus: 0xc00000b5,
    bytesWritten: 0,
    failure: `dump_storahci.sys ${message}`,
    violations: [{ rule, call: 'HwInitialize', message }],
  })
})

it('ends a loop in any entry point, HwInterrupt and HwResetBus too', () => {
  for (const entryPoint of ['hwBuildIo', 'hwStartIo', 'hwInterrupt'] as const) {
    const loops = bad((_data: HwInitializationData, { port }) => ({
      [entryPoint]: (extension: GuestBlock) => {
        for (;;) {
          port.stallExecution(10_000)
          port.logError(extension, 0, 0)
        }
      },
    }))
    const { report } = dumpWith(loops)
    expect(report).toMatchObject({ finalStatus: 0xc00000b5, violations: [{ rule: 'DM-26' }] })
  }
})

it('lets time pass at each call of the port', () => {
  const timeless: string[] = []
  const calls: Record<string, (port: PortExports, extension: GuestBlock, config: GuestBlock) => unknown> = {
    getBusData: (port, extension) => port.getBusData(extension, 0, 1, 0, 4),
    getDeviceBase: (port, extension) => port.getDeviceBase(extension, 5),
    getUncachedExtension: (port, extension, config) => port.getUncachedExtension(extension, config, 0x2000),
    getPhysicalAddress: (port, extension) => port.getPhysicalAddress(extension, null, extension.va),
    getScatterGatherList: (port, extension) => port.getScatterGatherList(extension, extension),
    setDeviceQueueDepth: (port, extension) => port.setDeviceQueueDepth(extension, 0, 0, 0, 1),
    stallExecution: (port) => port.stallExecution(1),
    enablePassiveInitialization: (port, extension) => port.enablePassiveInitialization(extension, () => true),
    initializePerfOpts: (port, extension) => port.initializePerfOpts(extension, true),
    acquireSpinLock: (port, extension) => port.acquireSpinLock(extension, 'startIo'),
    releaseSpinLock: (port, extension) => port.releaseSpinLock(extension, { kind: 'startIo' }),
    querySystemTime: (port) => port.querySystemTime(),
    logError: (port, extension) => port.logError(extension, 0, 0),
    markDumpMemory: (port, extension) => port.markDumpMemory(extension, extension.va, 8),
    dereference: (port, extension) => port.dereference(gva(extension.va), 8),
    registryRead: (port, extension) => port.registryRead(extension, 'x'),
    initializeDpc: (port, extension) => port.initializeDpc(extension, () => {}),
    issueDpc: (port, extension) => port.issueDpc(extension, { routine: () => {} }),
    allocatePool: (port, extension) => port.allocatePool(extension, 8),
    freePool: (port, extension) => port.freePool(extension, extension),
    requestTimer: (port, extension) => port.requestTimer(extension, () => {}, 1),
    notificationRequestComplete: (port, extension) => port.notificationRequestComplete(extension, extension),
  }
  let clock = () => 0
  const { report } = dumpWith(
    bad(
      inFindAdapter(({ port }, extension, config) => {
        expect(PortConfigurationInformation.at(config.view).dumpMode).toBe(1)
        for (const [name, call] of Object.entries(calls)) {
          const before = clock()
          call(port, extension, config)
          if (clock() <= before) timeless.push(name)
        }
      }),
    ),
    { before: ({ machine }) => (clock = () => machine.nowNs) },
  )
  expect(timeless).toEqual([])
  expect(report.finalStatus).toBe(0)
})
