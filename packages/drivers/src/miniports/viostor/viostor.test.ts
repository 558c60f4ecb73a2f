import { gpa } from '@dumpstack/bytes'
import { virtioBlk } from '@dumpstack/machine'
import { describe, expect, it } from 'vitest'
import { portWith } from '../../altered-miniport.ts'
import type { MiniportImage } from '../../miniport.ts'
import { startedMiniport, text, WRITE_ONE_BLOCK } from '../disk/disk-miniport.test-support.ts'
import { viostor } from './index.ts'

const VIRTIO_BLK = { model: virtioBlk }

it('answers INQUIRY as the field knows it, with the serial number that GET_ID brought', () => {
  const { send } = startedMiniport(viostor, VIRTIO_BLK)
  const { data } = send([0x12, 0, 0, 0, 96, 0], { length: 96 })
  expect(text(data.subarray(8, 36))).toBe('Red Hat VirtIO          0001')
  expect(text(send([0x12, 1, 0x80, 0, 64, 0], { length: 64 }).data.subarray(4))).toBe('DS0001')
})

it('finds a device that is not transitional too', () => {
  const { send } = startedMiniport(viostor, { ...VIRTIO_BLK, settings: { virtio: 'modern' } })
  expect(send(WRITE_ONE_BLOCK, { length: 512 }).status).toBe(1)
})

it('flushes for SYNCHRONIZE CACHE, for SRB_FUNCTION_FLUSH and at SHUTDOWN', () => {
  const { send, machine } = startedMiniport(viostor, VIRTIO_BLK)
  expect(send([0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0]).status).toBe(1)
  expect(send([], { srbFunction: 0x08 }).status).toBe(1)
  expect(send([], { srbFunction: 0x07 }).status).toBe(1)
  expect(machine.disks[0]!.flushCount).toBe(3)
})

it('has no SRB_FUNCTION_DUMP_POINTERS', () => {
  const { send } = startedMiniport(viostor, VIRTIO_BLK)
  expect(send([], { srbFunction: 0x26 })).toMatchObject({ completions: 1, status: 0x06 })
})

it('starts a device that stopped itself again, and fails what was in flight', () => {
  const { send, sendIntoHang, machine, controller } = startedMiniport(viostor, VIRTIO_BLK)
  const pending = sendIntoHang()
  // the test writes an index that no driver may write, and notifies: the device stops and sets DEVICE_NEEDS_RESET
  const bar = machine.bus.config32(controller.bdf, 0x20) & 0xfffffff0
  const avail = machine.bus.read32(gpa((bar >>> 0) + 0x28))
  machine.ram.write(gpa(avail + 2), Uint8Array.of(0xff, 0x7f))
  machine.bus.write16(gpa((bar >>> 0) + 0x3000), 0)
  expect(machine.bus.read8(gpa((bar >>> 0) + 0x14)) & 0x40).toBe(0x40)
  machine.run(machine.nowNs + 1e6)
  expect(pending.status).toBe(0x04)
  expect(machine.bus.read8(gpa((bar >>> 0) + 0x14))).toBe(0x0f)
  expect(send(WRITE_ONE_BLOCK, { length: 512 }).status).toBe(1)
})

describe('a controller that is not the one', () => {
  it.each<[string, (config: Uint8Array) => void]>([
    ['another vendor', (config) => config.set([0x86, 0x80])],
    ['another virtio device', (config) => config.set([0x00, 0x10], 2)],
    ['no capabilities', (config) => config.fill(0, 0x34, 0x35)],
    ['a list of capabilities that runs in a circle', (config) => config.set([0x84], 0x71)],
  ])('%s is not found', (_, alter) => {
    const other: MiniportImage = {
      ...viostor,
      load: (loaded) => (exports, driverObject, registryPath) => {
        const between = portWith(exports, {
          getBusData: (...place) => {
            const config = exports.getBusData(...place).slice()
            alter(config)
            return config
          },
        })
        return viostor.load(loaded)(between, driverObject, registryPath)
      },
    }
    expect(() => startedMiniport(other, VIRTIO_BLK)).toThrow(
      /^viostor.sys did not start on virtio-blk0: HwFindAdapter found no adapter that it drives \(SP_RETURN_NOT_FOUND\)$/,
    )
  })
})
