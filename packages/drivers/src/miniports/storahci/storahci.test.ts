import { type Gva, gpa, gva } from '@dumpstack/bytes'
import { ScsiRequestBlock } from '@dumpstack/nt'
import { describe, expect, it } from 'vitest'
import { testMachine } from '../../fake-kernel.test-support.ts'
import type { GuestBlock } from '../../miniport.ts'
import { Storport } from '../../runtime/storport.ts'
import { GuestScatterGatherList, scatterGatherBytes } from '../../scatter-gather.ts'
import { storahci } from './index.ts'

const DISK_BYTES = 3 * 2 ** 40
const SENSE_BYTES = 18

/** storahci under its running port, one SRB at a time; CDBs are bytes as the standards print them. */
function started(diskBytes = DISK_BYTES) {
  const test = testMachine({ diskBytes })
  const { machine, kernel, controller } = test
  const port = new Storport(machine, kernel, controller, storahci)
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
    options: { length?: number; srbFunction?: number; lun?: number; target?: number; at?: GuestBlock } = {},
  ) => {
    const at = options.at ?? buffer
    const length = options.length ?? 0
    new Uint8Array(block.view.buffer, block.view.byteOffset, ScsiRequestBlock.size).fill(0)
    srb.function = options.srbFunction ?? 0
    srb.lun = options.lun ?? 0
    srb.targetId = options.target ?? 0
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
  it('INQUIRY', () => {
    const { status, data } = send([0x12, 0, 0, 0, 96, 0], { length: 96 })
    expect(status).toBe(1)
    expect(data.byteLength).toBe(36)
    expect([...data.subarray(0, 8)]).toEqual([0, 0, 5, 2, 31, 0, 0, 2])
    expect(text(data.subarray(8, 32))).toBe('ATA     Dumpstack Disk  ')
    expect(send([0x12, 0, 0, 0, 5, 0], { length: 5 }).length).toBe(5)
  })
  it('INQUIRY with vital product data', () => {
    expect([...send([0x12, 1, 0, 0, 64, 0], { length: 64 }).data]).toEqual([0, 0, 0, 2, 0, 0x80])
    const { data } = send([0x12, 1, 0x80, 0, 64, 0], { length: 64 })
    expect([...data.subarray(0, 4)]).toEqual([0, 0x80, 0, 20])
    expect(text(data.subarray(4))).toBe('DS0001'.padEnd(20))
    expect(send([0x12, 1, 0xb0, 0, 64, 0], { length: 64 })).toMatchObject({
      status: 0x84,
      sense: [0x70, 5, 0x24],
    })
  })
  it('READ CAPACITY: 10 saturates above 2 TiB, 16 does not', () => {
    expect([...send([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], { length: 8 }).data]).toEqual([
      255, 255, 255, 255, 0, 0, 2, 0,
    ])
    const { data } = send([0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0], { length: 32 })
    const view = new DataView(data.buffer)
    expect(view.getBigUint64(0)).toBe(BigInt(DISK_BYTES / 512 - 1))
    expect(view.getUint32(8)).toBe(512)
    expect(view.getUint8(13)).toBe(3)
  })
  it('TEST UNIT READY and REPORT LUNS', () => {
    expect(send([0, 0, 0, 0, 0, 0]).status).toBe(1)
    const { data } = send([0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0], { length: 16 })
    expect([...data]).toEqual([0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  })
})

it('writes and reads above sector 2^32 with 16-byte commands', () => {
  const { send, buffer, image, machine } = started()
  const bytes = Uint8Array.from({ length: 4096 }, (_, i) => (i * 7) & 0xff)
  machine.ram.write(buffer.gpa, bytes)
  const cdb = [0x8a, 0, 0, 0, 0, 1, 0, 0, 0, 0x10, 0, 0, 0, 8, 0, 0]
  expect(send(cdb, { length: 4096 })).toMatchObject({ status: 1, completions: 1 })
  const found = new Uint8Array(4096)
  image.read(0x1_0000_0010 * 512, found)
  expect(Buffer.compare(found, bytes)).toBe(0)
  const other: GuestBlock = {
    va: gva((buffer.va + 0x1000n) as Gva),
    gpa: gpa(buffer.gpa + 0x1000),
    view: buffer.view,
  }
  cdb[0] = 0x88
  expect(send(cdb, { length: 4096, at: other }).status).toBe(1)
  machine.ram.read(other.gpa, found)
  expect(Buffer.compare(found, bytes)).toBe(0)
})

it('flushes for SYNCHRONIZE CACHE and for SRB_FUNCTION_FLUSH, and lets the disk sleep at SHUTDOWN', () => {
  const { send, machine } = started()
  expect(send([0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0]).status).toBe(1)
  expect(send([], { srbFunction: 0x08 }).status).toBe(1)
  expect(machine.disks[0]!.flushCount).toBe(2)
  expect(send([], { srbFunction: 0x07 }).status).toBe(1)
})

it.each<[string, readonly number[], object, object]>([
  ['a command that no disk has', [0xff], {}, { status: 0x84, sense: [0x70, 5, 0x20] }],
  [
    'blocks past the end',
    [0x88, 0, 0, 0, 0, 1, 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0],
    { length: 512 },
    { status: 0x84, sense: [0x70, 5, 0x21] },
  ],
  [
    'a length that is not the count of blocks',
    [0x2a, 0, 0, 0, 0, 0, 0, 0, 2, 0],
    { length: 512 },
    { status: 0x84, sense: [0x70, 5, 0x24] },
  ],
  ['another target', [0, 0, 0, 0, 0, 0], { target: 1 }, { status: 0x08 }],
  ['another logical unit', [0, 0, 0, 0, 0, 0], { lun: 1 }, { status: 0x20 }],
  ['a function that it does not have (DM-39)', [], { srbFunction: 0x02 }, { status: 0x06 }],
  ['no blocks at all', [0x2a, 0, 0, 0, 0, 0, 0, 0, 0, 0], {}, { status: 0x01 }],
])('ends %s with one completion and its status', (_what, cdb, options, expected) => {
  const { send } = started()
  expect(send(cdb, options)).toMatchObject({ completions: 1, ...expected })
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
