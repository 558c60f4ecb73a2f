// The block device under a controller of this test: order, time, memory that is asked for late, faults, cancelled requests.
import { gpa, lba, pfn } from '@dumpstack/bytes'
import { beforeEach, expect, it } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { SegmentList } from '../controllers/segment-list.ts'
import { ColumnarDmaLog } from '../dma-log.ts'
import type { BeyondLimit } from '../evidence.ts'
import type { Fault } from '../faults.ts'
import { PlannedFaults } from '../faults.ts'
import { HostWork } from '../host-work.ts'
import { GuestRam } from '../ram.ts'
import { testMachine } from '../test-machine.ts'
import { BlockDevice, BlockOp, type BlockRequest, BlockStatus } from './block-device.ts'
import { DiskMedium } from './disk.ts'
import { MemoryDiskImage } from './memory-image.ts'

const BUFFER = gpa(0x2000)
const RATE = 512e6 // a sector a microsecond

class Request implements BlockRequest {
  isDurable = false
  isPending = false
  dueNs = 0
  ended: [BlockStatus, number] | null = null
  readonly op: BlockOp
  readonly lba: number
  readonly sectorCount: number
  constructor(op: BlockOp, sector = 0, sectorCount = 1) {
    this.op = op
    this.lba = sector
    this.sectorCount = sectorCount
  }
  get byteLength(): number {
    return this.op === BlockOp.read || this.op === BlockOp.write ? this.sectorCount * 512 : 0
  }
  memory(): SegmentList | null {
    const list = new SegmentList(ram)
    list.append(BUFFER, this.byteLength)
    return list
  }
  done(status: BlockStatus, failed: number): void {
    this.ended = [status, failed]
  }
}

let clock: VirtualClock
let ram: GuestRam
let faults: PlannedFaults
let dmaLog: ColumnarDmaLog
let disk: DiskMedium
let device: BlockDevice
let isReady: boolean
let refused: BeyondLimit[]
let busy: (boolean | 'reset')[]

beforeEach(() => {
  clock = new VirtualClock()
  ram = new GuestRam(1, [{ basePage: pfn(1), pageCount: 64 }])
  faults = new PlannedFaults(testMachine().machine.controllers)
  dmaLog = new ColumnarDmaLog([{ device: 'ahci0', disk: 'd' }])
  const image = new MemoryDiskImage(2 ** 20)
  disk = new DiskMedium({ name: 'd', model: 'm', serialNumber: 's', logicalSectorBytes: 512, image })
  const work = new HostWork(undefined)
  device = new BlockDevice(disk, {
    clock,
    faults,
    dmaLog,
    work,
    controller: 'ahci0',
    origin: 0,
    onRefused: (one) => refused.push(one),
  })
  isReady = true
  refused = []
  busy = []
  device.connect({
    bytesPerSecond: RATE,
    isReady: () => isReady,
    busyChanged: (isBusy) => busy.push(isBusy),
    resetsItself: () => busy.push('reset'),
  })
})

function submitted(op: BlockOp, sector = 0, sectorCount = 1): Request {
  const request = new Request(op, sector, sectorCount)
  device.submit(request)
  return request
}

it('ends requests in their order: overheads overlap, data shares the link', () => {
  const [write, read, flush] = [
    submitted(BlockOp.write, 4),
    submitted(BlockOp.read, 4),
    submitted(BlockOp.flush),
  ]
  expect([write.dueNs, read.dueNs, flush.dueNs]).toEqual([21_000, 22_000, 50_000])
  clock.advanceTo(21_999)
  expect([write.ended, read.ended]).toEqual([[BlockStatus.good, 0], null])
  expect([write.isPending, read.isPending, device.pendingCount]).toEqual([false, true, 2])
  clock.advanceTo(50_000)
  expect(disk.flushCount).toBe(1)
  expect(dmaLog.at(0)).toMatchObject({ direction: 'toDisk', diskOffset: 2048, gpa: BUFFER, atNs: 21_000 })
  expect(dmaLog.at(1)).toMatchObject({ direction: 'fromDisk', diskOffset: 2048, byteLength: 512 })
})

it('moves what the memory holds when the request is due, and nothing of one that was cancelled', () => {
  const write = submitted(BlockOp.write, 1)
  ram.write(BUFFER, new Uint8Array(512).fill(7))
  clock.advanceTo(1e6)
  const found = new Uint8Array(1)
  disk.image.read(512, found)
  expect([found[0], write.ended]).toEqual([7, [BlockStatus.good, 0]])
  const dropped = submitted(BlockOp.write, 2)
  device.cancel()
  clock.advanceTo(2e6)
  disk.image.read(1024, found)
  expect([found[0], dropped.ended, dropped.isPending]).toEqual([0, null, false])
})

it('waits for its controller', () => {
  const flush = submitted(BlockOp.flush)
  isReady = false
  clock.advanceTo(1e6)
  device.resume()
  expect(flush.ended).toBeNull()
  isReady = true
  device.resume()
  expect(flush.ended).toEqual([BlockStatus.good, 0])
})

it('a request past the end is known when it is submitted', () => {
  submitted(BlockOp.write, 2047, 2)
  submitted(BlockOp.read, 2047, 1)
  expect(refused).toEqual([
    { limit: 'capacity', allowed: 2048, found: 2049, what: 'a request for 2 sectors from 2047 on' },
  ])
})

it('a durable write reaches the medium before it ends', () => {
  const write = new Request(BlockOp.write)
  write.isDurable = true
  device.submit(write)
  clock.advanceTo(1e6)
  expect(disk.flushCount).toBe(1)
})

const controller = 'ahci0'
it.each<[string, Fault | null, BlockOp, number, [BlockStatus, number] | null]>([
  ['past the end', null, BlockOp.read, 2047, [BlockStatus.outOfRange, 2047]],
  [
    'a bad sector',
    { kind: 'badSector', controller, lba: lba(9), sectorCount: 1 },
    BlockOp.verify,
    8,
    [BlockStatus.badSector, 9],
  ],
  [
    'a transient error',
    { kind: 'transientError', controller, afterWrites: 0 },
    BlockOp.write,
    3,
    [BlockStatus.transferError, 3],
  ],
  ['a lost completion', { kind: 'lostCompletion', controller, afterWrites: 0 }, BlockOp.write, 3, null],
  ['a hang', { kind: 'hang', controller, afterWrites: 0 }, BlockOp.write, 3, null],
])('%s ends in its own way', (name, planned, op, sector, ended) => {
  if (planned !== null) faults.add(planned)
  const request = submitted(op, sector, 2)
  clock.advanceTo(1e6)
  expect(request.ended).toEqual(ended)
  expect(device.isHung).toBe(name === 'a hang')
  device.reset()
  const next = submitted(BlockOp.flush)
  clock.advanceTo(2e6)
  expect(next.ended).toEqual([BlockStatus.good, 0])
})

it('a busy device says when that begins and when it is over, and what it had ends then', () => {
  faults.add({ kind: 'busy', controller, afterWrites: 0, nanoseconds: 1e6 })
  const [first, second] = [submitted(BlockOp.write), submitted(BlockOp.flush)]
  clock.advanceTo(9e5)
  expect([busy, device.isBusy, first.ended]).toEqual([[true], true, null])
  clock.advanceTo(2e6)
  expect([busy, device.isBusy]).toEqual([[true, false], false])
  expect([first.ended, second.ended]).toEqual([
    [BlockStatus.good, 0],
    [BlockStatus.good, 0],
  ])
})

it('a device that resets itself forgets its requests', () => {
  faults.add({ kind: 'surpriseReset', controller, afterWrites: 0 })
  const lost = [submitted(BlockOp.write), submitted(BlockOp.flush)]
  clock.advanceTo(1e6)
  expect([busy, device.pendingCount]).toEqual([['reset'], 0])
  expect(lost.map(({ ended, isPending }) => [ended, isPending])).toEqual([
    [null, false],
    [null, false],
  ])
})

it('memory that its controller could not find cancels the request', () => {
  class Nowhere extends Request {
    override memory(): null {
      device.cancel()
      return null
    }
  }
  const request = new Nowhere(BlockOp.write, 1)
  device.submit(request)
  clock.advanceTo(1e6)
  expect([request.ended, device.pendingCount, dmaLog.length]).toEqual([null, 0, 0])
})
