import { gpa } from '@dumpstack/bytes'
import {
  type GuestBlock,
  type HwInitializationData,
  type MiniportImage,
  type PortExports,
  startRuntimeStack,
} from '@dumpstack/drivers'
import { Owner } from '@dumpstack/machine'
import { expect, it } from 'vitest'
import { ownMiniport, systemDrivenBy } from '../node/driven-system.test-support.ts'

const BYTES = 0x10000
const SCSI_STOP_ADAPTER = 1
const SCSI_RESTART_ADAPTER = 2

/** A running system on the driver, and the tables that it gave to its port. */
function started(fileName: string, kind: string) {
  const { machine, image, kernel, host } = systemDrivenBy(ownMiniport(fileName), kind)
  const tables: { data: HwInitializationData | null; extension: GuestBlock | null } = {
    data: null,
    extension: null,
  }
  const miniport: MiniportImage = {
    ...host.miniport,
    load: (loaded) => (port, driverObject, registryPath) =>
      host.miniport.load(loaded)(listening(port, tables), driverObject, registryPath),
  }
  const controller = machine.controllers[0]!
  const runtime = startRuntimeStack({ machine, kernel: host.kernel, controller, miniport })
  const memory = kernel.allocate(BYTES, { owner: Owner.kernel })
  const write = (index: number): void => {
    machine.ram.write(memory.gpa, new Uint8Array(BYTES).fill(index + 1))
    runtime.write(index * BYTES, gpa(memory.gpa), BYTES)
  }
  const onDisk = (index: number): number => {
    const byte = new Uint8Array(1)
    image.read(index * BYTES, byte)
    return byte[0]!
  }
  return { machine, runtime, write, onDisk, tables }
}

/** The same port, which keeps what it is given. */
function listening(
  port: PortExports,
  tables: { data: HwInitializationData | null; extension: GuestBlock | null },
) {
  return new Proxy(port, {
    get(target, name) {
      if (name === 'initialize') {
        const initialize: PortExports['initialize'] = (object, path, data) => {
          tables.data = data
          return target.initialize(object, path, {
            ...data,
            hwInitialize: (extension) => {
              tables.extension = extension
              return data.hwInitialize(extension)
            },
          })
        }
        return initialize
      }
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

const DRIVERS: readonly [string, string][] = [
  ['dsahci.sys', 'ahci'],
  ['dsvioblk.sys', 'virtio-blk'],
  ['dsvioblk-legacy.sys', 'virtio-blk'],
]

it.each(DRIVERS)('%s fails what hangs at a bus reset, and its disk works on', (fileName, kind) => {
  const { machine, runtime, write, onDisk, tables } = started(fileName, kind)
  machine.faults.add({ kind: 'hang', controller: `${kind}0`, afterWrites: 2, count: 1 })
  for (let i = 0; i < 6; i++) write(5)
  machine.run(machine.nowNs + 1e9)
  expect(runtime.inFlight).toBeGreaterThan(3)
  expect(tables.data!.hwResetBus(tables.extension!, 0)).toBe(true)
  runtime.drain()
  expect(runtime.inFlight).toBe(0)
  expect(onDisk(5)).toBe(6)
})

it.each(DRIVERS)('%s recovers from an error with requests in flight', (fileName, kind) => {
  const { machine, runtime, write, onDisk } = started(fileName, kind)
  machine.faults.add({ kind: 'transientError', controller: `${kind}0`, afterWrites: 2, count: 1 })
  for (let i = 0; i < 6; i++) write(i)
  runtime.drain()
  expect([0, 1, 2, 3, 4, 5].map(onDisk).every((byte) => byte > 0)).toBe(true)
})

it.each(DRIVERS)('%s stops and starts again', (fileName, kind) => {
  const { runtime, write, onDisk, tables } = started(fileName, kind)
  write(0)
  runtime.drain()
  const control = tables.data!.hwAdapterControl!
  expect(control(tables.extension!, SCSI_STOP_ADAPTER, null)).toBe(0)
  write(1)
  expect(() => runtime.drain()).toThrow('SRB_STATUS_NO_DEVICE (0x8)')
  expect(control(tables.extension!, SCSI_RESTART_ADAPTER, null)).toBe(0)
  write(2)
  runtime.drain()
  expect([onDisk(0), onDisk(1), onDisk(2)]).toEqual([1, 0, 3])
})
