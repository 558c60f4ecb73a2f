import { gpa, gva } from '@dumpstack/bytes'
import { ScsiRequestBlock } from '@dumpstack/nt'
import { describe, expect, it } from 'vitest'
import {
  answering,
  bad,
  EXECUTE_SCSI,
  INQUIRY,
  SERVICE_ACTION_IN16,
} from '../crash/bad-miniports.test-support.ts'
import { DriversError } from '../errors.ts'
import { testMachine } from '../fake-kernel.test-support.ts'
import type { MiniportImage } from '../miniport.ts'
import { storahci } from '../miniports/storahci/index.ts'
import { startRuntimeStack } from './start-runtime-stack.ts'

const REPORT_LUNS = 0xa0

const start = (options?: Parameters<typeof testMachine>[0]) => {
  const test = testMachine(options)
  const { machine, kernel, controller } = test
  return { ...test, stack: startRuntimeStack({ machine, kernel, controller, miniport: storahci }) }
}
const random = (length: number, seed: number) =>
  Uint8Array.from({ length }, (_, i) => Math.imul(i + seed, 0x9e3779b1) >>> 24)

describe.each([512, 4096] as const)('on a disk with sectors of %i bytes', (logicalSectorBytes) => {
  it('finds the disk, writes with several commands in flight and reads the same bytes back', () => {
    const { machine, stack, image } = start({ logicalSectorBytes })
    expect(stack.bootDevice).toEqual({
      model: 'Dumpstack Disk',
      sectorBytes: logicalSectorBytes,
      sectorCount: (64 * 1024 * 1024) / logicalSectorBytes,
    })
    const blocks = Array.from({ length: 12 }, (_, i) => random(0x8000, i))
    blocks.forEach((bytes, i) => {
      machine.ram.write(gpa(0x100000000 + i * 0x8000), bytes)
      stack.write(i * 0x10000, gpa(0x100000000 + i * 0x8000), bytes.byteLength)
    })
    expect(stack.inFlight).toBe(12)
    stack.drain()
    expect(stack.inFlight).toBe(0)
    blocks.forEach((bytes, i) => {
      const found = new Uint8Array(bytes.byteLength)
      image.read(i * 0x10000, found)
      expect(Buffer.compare(found, bytes)).toBe(0)
      stack.read(i * 0x10000, gpa(0x700000 + i * 0x8000), bytes.byteLength)
    })
    stack.drain()
    blocks.forEach((bytes, i) => {
      const found = new Uint8Array(bytes.byteLength)
      machine.ram.read(gpa(0x700000 + i * 0x8000), found)
      expect(Buffer.compare(found, bytes)).toBe(0)
    })
  })
})

it('takes the capacity of a large disk, and of a small one from a miniport that knows READ CAPACITY (10) only', () => {
  const diskBytes = 3 * 2 ** 40
  expect(start({ diskBytes }).stack.bootDevice.sectorCount).toBe(diskBytes / 512)
  const miniport = bad(answering(EXECUTE_SCSI, SERVICE_ACTION_IN16, 6))
  const small = testMachine()
  expect(startRuntimeStack({ ...small, miniport }).bootDevice.sectorCount).toBe((64 * 1024 * 1024) / 512)
  expect(() => startRuntimeStack({ ...testMachine({ diskBytes }), miniport })).toThrow(
    'READ CAPACITY (16) ended with SRB_STATUS_INVALID_REQUEST (0x6)',
  )
})

it('asks for the logical units first, and goes on with a miniport that does not know the command', () => {
  const asked: number[] = []
  const miniport = bad((data, alteration) => {
    const { hwBuildIo } = { ...data, ...answering(EXECUTE_SCSI, REPORT_LUNS, 6)(data, alteration) }
    return {
      hwBuildIo: (extension, block) => {
        asked.push(ScsiRequestBlock.at(block.view).cdb[0]!)
        return hwBuildIo!(extension, block)
      },
    }
  })
  const { machine, kernel, controller } = testMachine()
  startRuntimeStack({ machine, kernel, controller, miniport })
  expect(asked.slice(0, 2)).toEqual([REPORT_LUNS, INQUIRY])
})

it.each<[what: string, miniport: MiniportImage, message: RegExp]>([
  [
    'never completes',
    bad(() => ({ hwBuildIo: () => false })),
    /^storahci\.sys did not complete REPORT LUNS in 30 s$/,
  ],
  [
    'is always busy',
    bad(answering(EXECUTE_SCSI, INQUIRY, 5)),
    /^INQUIRY ended with SRB_STATUS_BUSY \(0x5\)$/,
  ],
  [
    'has no blocks',
    bad(answering(EXECUTE_SCSI, 0x25, 1)),
    /^storahci\.sys answered READ CAPACITY with 0x1 blocks of 0x0 bytes, expected blocks of 512/,
  ],
  [
    'has more bytes than can be counted',
    bad((data, { port }) => ({
      hwBuildIo: (extension, block) => {
        const srb = ScsiRequestBlock.at(block.view)
        if (srb.cdb[0] !== 0x25 && srb.cdb[0] !== SERVICE_ACTION_IN16)
          return data.hwBuildIo!(extension, block)
        const { view } = port.dereference(gva(srb.dataBuffer), 12)
        view.setBigUint64(0, 0xffff_ffff_ffff_ffffn)
        view.setUint32(8, 512)
        srb.srbStatus = 1
        port.notificationRequestComplete(extension, block)
        return false
      },
    })),
    /READ CAPACITY with 0x10000000000000000 blocks of 0x200 bytes, .* at most 2\^53 bytes$/,
  ],
])('names a miniport that %s', (_what, miniport, message) => {
  expect(() => startRuntimeStack({ ...testMachine(), miniport })).toThrow(message)
})

it('takes a short INQUIRY, and offers it again to a miniport that was busy', () => {
  const short = startRuntimeStack({
    ...testMachine(),
    miniport: bad(answering(EXECUTE_SCSI, INQUIRY, 0x12)),
  })
  expect(short.bootDevice.sectorBytes).toBe(512)
  let refusals = 3
  const busy = bad(({ hwBuildIo, hwStartIo }) => ({
    hwBuildIo: () => true,
    hwStartIo: (extension, srb) => {
      if (refusals-- > 0) return false
      return !hwBuildIo!(extension, srb) || hwStartIo(extension, srb)
    },
  }))
  expect(startRuntimeStack({ ...testMachine(), miniport: busy }).bootDevice.sectorBytes).toBe(512)
  expect(refusals).toBeLessThan(0)
})

it('queues more than the disk takes at a time', () => {
  const { stack } = start()
  for (let i = 0; i < 100; i++) stack.write(i * 4096, gpa(0x100000), 4096)
  expect(stack.inFlight).toBe(100)
  stack.drain()
  expect(stack.inFlight).toBe(0)
})

it('refuses what is not whole sectors inside the disk', () => {
  const { stack } = start()
  expect(() => stack.write(64 * 1024 * 1024, gpa(0x100000), 4096)).toThrow(/disk offset 0x4000000/)
  expect(() => stack.write(100, gpa(0x100000), 4096)).toThrow(DriversError)
  expect(() => stack.read(64 * 1024 * 1024 - 512, gpa(0x100000), 1024)).toThrow(/inside 131072 sectors/)
})

it('retries after a transient error and reports a bad sector', () => {
  const { machine, stack, image, controller } = start()
  const bytes = random(4096, 5)
  machine.ram.write(gpa(0x100000), bytes)
  machine.faults.add({ kind: 'transientError', controller: controller.name, afterWrites: 0 })
  for (let i = 0; i < 4; i++) stack.write(i * 4096, gpa(0x100000), 4096)
  stack.drain()
  const found = new Uint8Array(4096)
  for (let i = 0; i < 4; i++) {
    image.read(i * 4096, found)
    expect(Buffer.compare(found, bytes)).toBe(0)
  }
  machine.faults.add({ kind: 'badSector', controller: controller.name, lba: 80 as never, sectorCount: 1 })
  stack.write(80 * 512, gpa(0x100000), 4096)
  expect(() => stack.drain()).toThrow(
    /write of 0x1000 bytes at disk offset 0xa000 ended with SRB_STATUS_ERROR \(0x4\), SCSISTAT_CHECK_CONDITION \(0x2\), MEDIUM ERROR \(0x3\), WRITE ERROR \(0xc, 0x0\) 4 times/,
  )
})

it('stops with the system: nothing completes after the freeze', () => {
  const { machine, stack } = start()
  for (let i = 0; i < 8; i++) stack.write(i * 4096, gpa(0x100000), 4096)
  stack.freeze()
  machine.run(machine.nowNs + 1e9)
  expect(stack.inFlight).toBe(8)
  expect(() => stack.write(0, gpa(0x100000), 4096)).toThrow(/stopped with the system/)
})
