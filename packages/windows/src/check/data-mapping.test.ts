import { gpa, gva } from '@dumpstack/bytes'
import type { Cpu } from '@dumpstack/cpu'
import {
  type GuestBlock,
  type HwInitializationData,
  loadCrashDumpStack,
  type MiniportImage,
  type PortExports,
  startRuntimeStack,
} from '@dumpstack/drivers'
import { type Machine, Owner } from '@dumpstack/machine'
import { win10_19041 } from '@dumpstack/nt'
import { expect, it } from 'vitest'
import { ownMiniport, PLAIN_LAYOUT, systemDrivenBy } from '../node/driven-system.test-support.ts'
import { CrashedSystem } from '../system/crashed-system.ts'
import { checkDump, firstDifference, PARTITION_OFFSET } from './check-dump.ts'
import { systemSettings } from './settings.ts'

const BYTES = 0x10000
const DISK_AT = 0x3200000
// PORT_CONFIGURATION_INFORMATION
const MAP_BUFFERS = 0x59
const DMA_64_BIT_ADDRESSES = 0x90

interface Change {
  /** Of the configuration, when HwFindAdapter has filled it. */
  readonly config: readonly (readonly [offset: number, value: number])[]
  /** Whenever the driver asks for the list of a request that moves whole pages. */
  onList(cpu: Cpu, machine: Machine, dataBuffer: bigint, address: number, byteLength: number): void
}

/** A run of both lives: what was read back, whether the dump is on the disk as it is in RAM, findings. */
function bothLives(fileName: string, kind: string, change: Change) {
  const { machine, image, kernel, cpu, host } = systemDrivenBy(ownMiniport(fileName), kind)
  const miniport: MiniportImage = {
    ...host.miniport,
    load: (loaded) => (port, driverObject, registryPath) =>
      host.miniport.load(loaded)(changed(port, cpu, machine, change), driverObject, registryPath),
  }
  const runtime = startRuntimeStack({
    machine,
    kernel: host.kernel,
    controller: machine.controllers[0]!,
    miniport,
  })
  const dumpStack = loadCrashDumpStack({
    machine,
    kernel: host.kernel,
    profile: win10_19041,
    runtime,
    miniport,
  })
  dumpStack.setPageFile(PLAIN_LAYOUT.pageFile, PARTITION_OFFSET)
  const from = kernel.allocate(BYTES, { owner: Owner.kernel })
  const into = kernel.allocate(BYTES, { owner: Owner.kernel })
  const pattern = Uint8Array.from({ length: BYTES }, (_, i) => (i >>> 8) ^ i)
  machine.ram.write(from.gpa, pattern)
  runtime.write(DISK_AT, from.gpa, BYTES)
  runtime.drain()
  runtime.read(DISK_AT, into.gpa, BYTES)
  runtime.drain()
  const readBack = new Uint8Array(BYTES)
  machine.ram.read(into.gpa, readBack)

  kernel.loadCrashDriver()
  const crashed = new CrashedSystem({ machine, kernel, runtime, dumpStack })
  const plan = checkDump(machine.ram, systemSettings({}))
  const report = crashed.writeAll(plan)
  const dma = Array.from(
    { length: machine.evidence.dmaLog.length },
    (_, i) => machine.evidence.dmaLog.at(i).gpa,
  )
  return {
    isReadBack: Buffer.compare(readBack, pattern) === 0,
    report,
    difference: firstDifference(plan, PLAIN_LAYOUT.pageFile, machine.ram, image),
    strayPages: crashed.pagesAfterCrash().strayWrites.size,
    highestDma: Math.max(...dma),
    dataAt: from.gpa,
  }
}

/** The port as the driver meets it, with a configuration that says something else. */
function changed(port: PortExports, cpu: Cpu, machine: Machine, change: Change): PortExports {
  return new Proxy(port, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      if (name === 'initialize') {
        const initialize: PortExports['initialize'] = (object, path, data) =>
          target.initialize(object, path, withConfig(data, change))
        return initialize
      }
      if (name === 'getScatterGatherList') {
        const list: PortExports['getScatterGatherList'] = (extension, srb) => {
          const found = target.getScatterGatherList(extension, srb)
          const dataBuffer = dataBufferOf(srb)
          if (found !== null && found.length(0) >= 0x1000) {
            change.onList(cpu, machine, dataBuffer, found.physicalAddress(0), found.length(0))
          }
          return found
        }
        return list
      }
      return value.bind(target)
    },
  })
}

function withConfig(data: HwInitializationData, change: Change): HwInitializationData {
  return {
    ...data,
    hwFindAdapter: (...args) => {
      const found = data.hwFindAdapter(...args)
      for (const [offset, value] of change.config) args[4].view.setUint8(offset, value)
      return found
    },
  }
}

/** Of both kinds of SRB. */
const dataBufferOf = ({ view }: GuestBlock): bigint =>
  view.getBigUint64(view.getUint8(2) === 0x28 ? 0x40 : 0x18, true)

const DRIVERS: readonly [string, string][] = [
  ['dsahci.sys', 'ahci'],
  ['dsvioblk.sys', 'virtio-blk'],
]

it.each(DRIVERS)(
  '%s finds its data mapped where it wants all buffers mapped, in both lives',
  (fileName, kind) => {
    let looks = 0
    const run = bothLives(fileName, kind, {
      config: [[MAP_BUFFERS, 1]],
      onList: (cpu, machine, dataBuffer, address, byteLength) => {
        const seen = new Uint8Array(byteLength)
        expect(cpu.read(gva(dataBuffer), seen)).toBe(byteLength)
        const there = new Uint8Array(byteLength)
        machine.ram.read(gpa(address), there)
        expect(Buffer.compare(seen, there)).toBe(0)
        looks++
      },
    })
    expect(looks).toBeGreaterThan(20)
    expect(run.report).toMatchObject({ finalStatus: 0, violations: [] })
    expect([run.isReadBack, run.difference, run.strayPages]).toEqual([true, null, 0])
  },
)

it('finds nothing there where it wants none mapped', () => {
  const seen = new Set<number>()
  bothLives('dsahci.sys', 'ahci', {
    config: [],
    onList: (cpu, _machine, dataBuffer) => void seen.add(cpu.read(gva(dataBuffer), new Uint8Array(16))),
  })
  expect([...seen]).toEqual([0])
})

it.each(DRIVERS)('%s moves data above 4 GiB below, on a controller of 32-bit addresses', (fileName, kind) => {
  const run = bothLives(fileName, kind, { config: [[DMA_64_BIT_ADDRESSES, 0x80]], onList: () => {} })
  expect(run.dataAt).toBeGreaterThan(2 ** 32)
  expect(run.highestDma).toBeLessThan(2 ** 32)
  expect(run.report).toMatchObject({ finalStatus: 0, violations: [] })
  expect([run.isReadBack, run.difference, run.strayPages]).toEqual([true, null, 0])
})
