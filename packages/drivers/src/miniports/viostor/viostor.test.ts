import { gpa, gva } from '@dumpstack/bytes'
import { ScsiRequestBlock } from '@dumpstack/nt'
import { describe, expect, it } from 'vitest'
import { portWith } from '../../altered-miniport.ts'
import { testMachine } from '../../fake-kernel.test-support.ts'
import type { GuestBlock, MiniportImage } from '../../miniport.ts'
import { Storport } from '../../runtime/storport.ts'
import { GuestScatterGatherList, scatterGatherBytes } from '../../scatter-gather.ts'
import { viostor } from './index.ts'

const DISK_BYTES = 3 * 2 ** 40
const SENSE_BYTES = 18

interface StartOptions {
  readonly miniport?: MiniportImage
  readonly logicalSectorBytes?: 512 | 4096
  readonly virtio?: 'transitional' | 'modern'
}

/** viostor under its running port, one SRB at a time; CDBs are bytes as the standards print them. */
function started(options: StartOptions = {}) {
  const test = testMachine({
    kind: 'virtio-blk',
    ...(options.virtio && { virtio: options.virtio }),
    diskBytes: DISK_BYTES,
    logicalSectorBytes: options.logicalSectorBytes ?? 512,
  })
  const { machine, kernel, controller } = test
  const port = new Storport(machine, kernel, controller, options.miniport ?? viostor)
  const block = port.allocate(ScsiRequestBlock.size)
  const buffer = port.allocate(0x2000)
  const sense = port.allocate(SENSE_BYTES)
  const list = new GuestScatterGatherList(port.allocate(scatterGatherBytes(4)))
  const resources = {
    extension: port.allocate(port.config.srbExtensionSize),
    list,
    window: port.reserveWindow(1),
  }
  let completions = 0
  port.resourcesOf = () => resources
  port.onComplete = () => completions++
  const srb = ScsiRequestBlock.at(block.view)
  const send = (
    cdb: readonly number[],
    request: { length?: number; srbFunction?: number; lun?: number; target?: number; at?: GuestBlock } = {},
  ) => {
    const at = request.at ?? buffer
    const length = request.length ?? 0
    new Uint8Array(block.view.buffer, block.view.byteOffset, ScsiRequestBlock.size).fill(0)
    srb.function = request.srbFunction ?? 0
    srb.lun = request.lun ?? 0
    srb.targetId = request.target ?? 0
    srb.cdbLength = cdb.length
    srb.cdb = Uint8Array.from(cdb)
    srb.dataBuffer = at.va
    srb.dataTransferLength = length
    srb.senseInfoBuffer = sense.va
    srb.senseInfoBufferLength = SENSE_BYTES
    list.clear()
    list.append(at.gpa, Math.max(length, 2))
    completions = 0
    port.start(block)
    for (let ms = 0; ms < 20_000 && srb.srbStatus === 0; ms++) machine.run(machine.nowNs + 1e6)
    return {
      status: srb.srbStatus,
      completions,
      length: srb.dataTransferLength,
      data: new Uint8Array(at.view.buffer, at.view.byteOffset, srb.dataTransferLength).slice(),
      sense: [sense.view.getUint8(0), sense.view.getUint8(2), sense.view.getUint8(12)],
    }
  }
  return { ...test, port, send, buffer }
}
const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

describe('commands that the miniport answers itself', () => {
  const { send } = started()
  it('INQUIRY, with the serial number that GET_ID brought', () => {
    const { status, data } = send([0x12, 0, 0, 0, 96, 0], { length: 96 })
    expect(status).toBe(1)
    expect(text(data.subarray(8, 36))).toBe('Red Hat VirtIO          0001')
    expect(text(send([0x12, 1, 0x80, 0, 64, 0], { length: 64 }).data.subarray(4))).toBe('DS0001')
  })
  it('READ CAPACITY (16) from the device configuration', () => {
    const cdb = [0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0]
    const view = new DataView(send(cdb, { length: 32 }).data.buffer)
    expect(view.getBigUint64(0)).toBe(BigInt(DISK_BYTES / 512 - 1))
    expect([view.getUint32(8), view.getUint8(13)]).toEqual([512, 3])
    const large = new DataView(started({ logicalSectorBytes: 4096 }).send(cdb, { length: 32 }).data.buffer)
    expect(large.getBigUint64(0)).toBe(BigInt(DISK_BYTES / 4096 - 1))
    expect([large.getUint32(8), large.getUint8(13)]).toEqual([4096, 0])
  })
})

it.each([512, 4096] as const)('writes and reads above sector 2^32 with blocks of %i bytes', (blockBytes) => {
  const { send, buffer, image, machine } = started({ logicalSectorBytes: blockBytes })
  const bytes = Uint8Array.from({ length: 4096 }, (_, i) => (i * 7) & 0xff)
  machine.ram.write(buffer.gpa, bytes)
  const block = 0x1_0000_0010 / (blockBytes / 512)
  const cdb = new DataView(new ArrayBuffer(16))
  cdb.setUint8(0, 0x8a)
  cdb.setBigUint64(2, BigInt(block))
  cdb.setUint32(10, 4096 / blockBytes)
  expect(send([...new Uint8Array(cdb.buffer)], { length: 4096 })).toMatchObject({ status: 1, completions: 1 })
  const found = new Uint8Array(4096)
  image.read(0x1_0000_0010 * 512, found)
  expect(Buffer.compare(found, bytes)).toBe(0)
  const other: GuestBlock = {
    va: gva(buffer.va + 0x1000n),
    gpa: gpa(buffer.gpa + 0x1000),
    view: buffer.view,
  }
  cdb.setUint8(0, 0x88)
  expect(send([...new Uint8Array(cdb.buffer)], { length: 4096, at: other }).status).toBe(1)
  machine.ram.read(other.gpa, found)
  expect(Buffer.compare(found, bytes)).toBe(0)
})

it('finds a device that is not transitional too', () => {
  const { send } = started({ virtio: 'modern' })
  expect(send([0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0], { length: 512 }).status).toBe(1)
})

it('flushes for SYNCHRONIZE CACHE, for SRB_FUNCTION_FLUSH and at SHUTDOWN', () => {
  const { send, machine } = started()
  expect(send([0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0]).status).toBe(1)
  expect(send([], { srbFunction: 0x08 }).status).toBe(1)
  expect(send([], { srbFunction: 0x07 }).status).toBe(1)
  expect(machine.disks[0]!.flushCount).toBe(3)
})

it.each<[string, readonly number[], object, object]>([
  ['a command that no disk has', [0xff], {}, { status: 0x84, sense: [0x70, 5, 0x20] }],
  ['another target', [0, 0, 0, 0, 0, 0], { target: 1 }, { status: 0x08 }],
  ['another logical unit', [0, 0, 0, 0, 0, 0], { lun: 1 }, { status: 0x20 }],
  ['SRB_FUNCTION_DUMP_POINTERS, which it does not have', [], { srbFunction: 0x26 }, { status: 0x06 }],
])('ends %s with one completion and its status', (_what, cdb, options, expected) => {
  const { send } = started()
  expect(send(cdb, options)).toMatchObject({ completions: 1, ...expected })
})

it('a write that the device fails ends with sense data, and the next one works', () => {
  const { send, machine, controller } = started()
  machine.faults.add({ kind: 'transientError', controller: controller.name, afterWrites: 0 })
  const cdb = [0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0]
  expect(send(cdb, { length: 512 })).toMatchObject({ status: 0x84, sense: [0x70, 3, 0x0c] })
  expect(send(cdb, { length: 512 }).status).toBe(1)
})

it('fails what is pending at a bus reset and works on', () => {
  const { send, port, machine, controller } = started()
  machine.faults.add({ kind: 'hang', controller: controller.name, afterWrites: 0, count: 1 })
  let status = -1
  port.onComplete = (srb) => {
    status = ScsiRequestBlock.at(srb.view).srbStatus
  }
  const block = port.allocate(ScsiRequestBlock.size)
  const srb = ScsiRequestBlock.at(block.view)
  srb.cdb = Uint8Array.from([0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0])
  srb.dataTransferLength = 512
  port.start(block)
  machine.run(machine.nowNs + 1e9)
  expect(status).toBe(-1)
  port.resetBus()
  expect(status).toBe(0x04)
  expect(send([0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0], { length: 512 }).status).toBe(1)
})

it('starts a device that stopped itself again, and fails what was in flight', () => {
  const { send, port, machine, controller } = started()
  machine.faults.add({ kind: 'hang', controller: controller.name, afterWrites: 0, count: 1 })
  let status = -1
  port.onComplete = (srb) => {
    status = ScsiRequestBlock.at(srb.view).srbStatus
  }
  const block = port.allocate(ScsiRequestBlock.size)
  const srb = ScsiRequestBlock.at(block.view)
  srb.cdb = Uint8Array.from([0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0])
  srb.dataTransferLength = 512
  port.start(block)
  machine.run(machine.nowNs + 1e9)
  // somebody else writes an index that no driver may write, and notifies: the device stops and says so
  const bar = machine.bus.config32(controller.bdf, 0x20) & 0xfffffff0
  const avail = machine.bus.read32(gpa((bar >>> 0) + 0x28))
  machine.ram.write(gpa(avail + 2), Uint8Array.of(0xff, 0x7f))
  machine.bus.write16(gpa((bar >>> 0) + 0x3000), 0)
  expect(machine.bus.read8(gpa((bar >>> 0) + 0x14)) & 0x40).toBe(0x40)
  machine.run(machine.nowNs + 1e6)
  expect(status).toBe(0x04)
  expect(machine.bus.read8(gpa((bar >>> 0) + 0x14))).toBe(0x0f)
  expect(send([0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0], { length: 512 }).status).toBe(1)
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
          getBusData: (extension, offset, length) => {
            const config = exports.getBusData(extension, offset, length).slice()
            alter(config)
            return config
          },
        })
        return viostor.load(loaded)(between, driverObject, registryPath)
      },
    }
    expect(() => started({ miniport: other })).toThrow(
      /^viostor.sys did not start on virtio-blk0: HwFindAdapter found no adapter that it drives \(SP_RETURN_NOT_FOUND\)$/,
    )
  })
})
