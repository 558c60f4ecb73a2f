// What each disk miniport owes its port, whatever its controller.
import { ahci, nvme, virtioBlk } from '@dumpstack/machine'
import { describe, expect, it } from 'vitest'
import { partOf } from '../../guest-block.ts'
import { storahci } from '../storahci/index.ts'
import { stornvme } from '../stornvme/index.ts'
import { viostor } from '../viostor/index.ts'
import { DISK_BYTES, startedMiniport, text, WRITE_ONE_BLOCK } from './disk-miniport.test-support.ts'

const ABOVE_32_BITS = 0x1_0000_0010

describe.each([
  ['storahci', storahci, ahci],
  ['stornvme', stornvme, nvme],
  ['viostor', viostor, virtioBlk],
] as const)('%s', (_name, miniport, model) => {
  const started = (logicalSectorBytes: 512 | 4096 = 512) =>
    startedMiniport(miniport, { model, logicalSectorBytes })

  describe('answers itself', () => {
    const { send } = started()
    it('INQUIRY, as much of it as there is room for', () => {
      const { status, data } = send([0x12, 0, 0, 0, 96, 0], { length: 96 })
      expect(status).toBe(1)
      expect(data.byteLength).toBe(36)
      expect([...data.subarray(0, 8)]).toEqual([0, 0, 5, 2, 31, 0, 0, 2])
      expect(send([0x12, 0, 0, 0, 5, 0], { length: 5 }).length).toBe(5)
    })
    it('INQUIRY with vital product data', () => {
      expect([...send([0x12, 1, 0, 0, 64, 0], { length: 64 }).data]).toEqual([0, 0, 0, 2, 0, 0x80])
      const { data } = send([0x12, 1, 0x80, 0, 64, 0], { length: 64 })
      expect([...data.subarray(0, 4)]).toEqual([0, 0x80, 0, data.byteLength - 4])
      expect(text(data.subarray(4)).trimEnd()).toBe('DS0001')
      const unknownPage = send([0x12, 1, 0xb0, 0, 64, 0], { length: 64 })
      expect(unknownPage).toMatchObject({ status: 0x84, sense: [0x70, 5, 0x24] })
    })
    it('READ CAPACITY: 10 saturates above 2 TiB, 16 does not', () => {
      const { data } = send([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], { length: 8 })
      expect([...data]).toEqual([255, 255, 255, 255, 0, 0, 2, 0])
      const cdb = [0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0]
      const view = new DataView(send(cdb, { length: 32 }).data.buffer)
      expect(view.getBigUint64(0)).toBe(BigInt(DISK_BYTES / 512 - 1))
      expect([view.getUint32(8), view.getUint8(13)]).toEqual([512, 3])
      const large = new DataView(started(4096).send(cdb, { length: 32 }).data.buffer)
      expect(large.getBigUint64(0)).toBe(BigInt(DISK_BYTES / 4096 - 1))
      expect([large.getUint32(8), large.getUint8(13)]).toEqual([4096, 0])
    })
    it('TEST UNIT READY and REPORT LUNS', () => {
      expect(send([0, 0, 0, 0, 0, 0]).status).toBe(1)
      const { data } = send([0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0], { length: 16 })
      expect([...data]).toEqual([0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    })
  })

  it.each([512, 4096] as const)(
    'writes and reads above sector 2^32 with blocks of %i bytes',
    (blockBytes) => {
      const { send, buffer, image, machine } = started(blockBytes)
      const bytes = Uint8Array.from({ length: 4096 }, (_, i) => (i * 7) & 0xff)
      machine.ram.write(buffer.gpa, bytes)
      const cdb = new DataView(new ArrayBuffer(16))
      cdb.setBigUint64(2, BigInt(ABOVE_32_BITS / (blockBytes / 512)))
      cdb.setUint32(10, 4096 / blockBytes)
      const transfer = (operationCode: number, at = buffer) => {
        cdb.setUint8(0, operationCode)
        return send([...new Uint8Array(cdb.buffer)], { length: 4096, at })
      }
      expect(transfer(0x8a)).toMatchObject({ status: 1, completions: 1 })
      const found = new Uint8Array(4096)
      image.read(ABOVE_32_BITS * 512, found)
      expect(Buffer.compare(found, bytes)).toBe(0)
      const other = partOf(buffer, 0x1000, 0x1000)
      expect(transfer(0x88, other).status).toBe(1)
      machine.ram.read(other.gpa, found)
      expect(Buffer.compare(found, bytes)).toBe(0)
    },
  )

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
    expect(started().send(cdb, options)).toMatchObject({ completions: 1, ...expected })
  })

  it('ends a write that the device fails with sense data, and the next one works', () => {
    const { send, machine, controller } = started()
    machine.faults.add({ kind: 'transientError', controller: controller.name, afterWrites: 0 })
    expect(send(WRITE_ONE_BLOCK, { length: 512 })).toMatchObject({ status: 0x84, sense: [0x70, 3, 0x0c] })
    expect(send(WRITE_ONE_BLOCK, { length: 512 }).status).toBe(1)
  })

  it('fails what is pending at a bus reset and works on', () => {
    const { send, sendIntoHang, port } = started()
    const pending = sendIntoHang()
    expect(pending.status).toBeNull()
    port.resetBus(0)
    expect(pending.status).toBe(0x04)
    expect(send(WRITE_ONE_BLOCK, { length: 512 }).status).toBe(1)
  })
})
