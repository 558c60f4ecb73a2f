import { gpa } from '@dumpstack/bytes'
import { startRuntimeStack } from '@dumpstack/drivers'
import { Owner } from '@dumpstack/machine'
import { expect, it } from 'vitest'
import { ownMiniport, systemDrivenBy } from '../node/driven-system.test-support.ts'

const BYTES = 0x10000

/** A running system on the driver. */
function started(fileName: string, kind: string) {
  const { machine, image, kernel, host } = systemDrivenBy(ownMiniport(fileName), kind)
  const controller = machine.controllers[0]!
  const runtime = startRuntimeStack({ machine, kernel: host.kernel, controller, miniport: host.miniport })
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
  return { machine, runtime, write, onDisk }
}

const DRIVERS: readonly [string, string][] = [
  ['dsahci.sys', 'ahci'],
  ['dsvioblk.sys', 'virtio-blk'],
  ['dsvioblk-legacy.sys', 'virtio-blk'],
]

it.each(DRIVERS)('%s fails what hangs at a bus reset, and its disk works on', (fileName, kind) => {
  const { machine, runtime, write, onDisk } = started(fileName, kind)
  machine.faults.add({ kind: 'hang', controller: `${kind}0`, afterWrites: 2, count: 1 })
  for (let i = 0; i < 6; i++) write(5)
  const begin = machine.nowNs
  runtime.drain()
  expect(machine.nowNs - begin).toBeGreaterThan(14e9)
  expect(runtime.inFlight).toBe(0)
  expect(onDisk(5)).toBe(6)
})

it.each(DRIVERS)('%s goes on after a bus reset with slow requests in flight', (fileName, kind) => {
  const { machine, runtime, write, onDisk } = started(fileName, kind)
  machine.faults.add({ kind: 'latency', controller: `${kind}0`, nanoseconds: 5_000_000, count: 6 })
  for (let i = 0; i < 6; i++) write(5)
  machine.run(machine.nowNs + 1e6)
  expect(runtime.inFlight).toBe(6)
  runtime.resetBus()
  runtime.drain()
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
  const { runtime, write, onDisk } = started(fileName, kind)
  write(0)
  runtime.restart()
  write(1)
  runtime.drain()
  runtime.restart()
  write(2)
  runtime.drain()
  expect([onDisk(0), onDisk(1), onDisk(2)]).toEqual([1, 2, 3])
})

it.each(DRIVERS)('%s refuses requests beyond the end of its disk', (fileName, kind) => {
  const { runtime, write, onDisk } = started(fileName, kind)
  for (const { srbStatus, reachedDevice } of runtime.probeBeyondEnd()) {
    expect(srbStatus).not.toBe(1)
    expect(reachedDevice).toBe(false)
  }
  write(0)
  runtime.drain()
  expect(onDisk(0)).toBe(1)
})
