// The disk below any controller: it accepts requests, completes them in the order in which they came once they are due,
// moves their data between guest RAM and the medium, shows planned faults, and logs the transfers. Nothing of a request happens before
// it is due, so what a reset drops has changed nothing.
import { ClockEvent, type VirtualClock } from '../clock.ts'
import type { SegmentList } from '../controllers/segment-list.ts'
import type { ColumnarDmaLog } from '../dma-log.ts'
import type { OnRefused, OutstandingRequest } from '../evidence.ts'
import type { PlannedFaults } from '../faults.ts'
import type { HostWork } from '../host-work.ts'
import type { DiskMedium } from './disk.ts'

/** Time before a request's data moves; of the order of a fast disk. */
const REQUEST_NS = 20_000
const FLUSH_NS = 50_000

/** `other` is a command that does not reach the medium: it takes its time in the queue, and its controller does the rest. */
export const BlockOp = { read: 0, write: 1, verify: 2, flush: 3, other: 4 } as const
export type BlockOp = (typeof BlockOp)[keyof typeof BlockOp]
const OP_NAMES = ['read', 'write', 'verify', 'flush', 'other'] as const

/**
 * `transferError`: the data did not arrive whole, and none of it was taken; the same request may succeed when it is sent again.
 * `deviceFault`: the device does not work any more.
 */
export const BlockStatus = {
  good: 0,
  outOfRange: 1,
  badSector: 2,
  transferError: 3,
  deviceFault: 4,
} as const
export type BlockStatus = (typeof BlockStatus)[keyof typeof BlockStatus]

/** One command of a controller; the controller reuses the object. */
export interface BlockRequest {
  readonly op: BlockOp
  readonly lba: number
  readonly sectorCount: number
  /** What the link carries for it. */
  readonly byteLength: number
  /** A write that has to reach the medium itself, not only the disk's cache. */
  readonly isDurable: boolean
  /** The device's: the request was submitted and has not ended. */
  isPending: boolean
  dueNs: number
  /**
   * Where the data of a read or write is, asked for when it is about to move. Null: the driver did not describe it, and the controller
   * has cancelled what it had submitted.
   */
  memory(): SegmentList | null
  /** The request has completed; `lba` is the first sector that failed. Never called for a cancelled request or a lost completion. */
  done(status: BlockStatus, lba: number): void
}

/** What a block device asks of its controller. */
export interface BlockHost {
  /** Rate of the link between disk and controller. */
  readonly bytesPerSecond: number
  /** Whether a request may end now: the controller runs, and the bus lets it reach RAM. */
  isReady(): boolean
  /** A fault makes the device busy for a time, or that time is over. */
  busyChanged(isBusy: boolean): void
  /** A fault reset the device: what was submitted is gone. */
  resetsItself(): void
}

/** The machine's side. */
export interface BlockDeviceParts {
  readonly clock: VirtualClock
  readonly faults: PlannedFaults
  readonly dmaLog: ColumnarDmaLog
  readonly work: HostWork
  /** As the fault plan names the controller. */
  readonly controller: string
  /** Of this disk behind this controller, in the DMA log. */
  readonly origin: number
  readonly onRefused: OnRefused
}

/** How an attempt to perform a request went. */
const Outcome = { ended: 0, lost: 1, hangs: 2, cancelled: 3, busy: 4 } as const
type Outcome = (typeof Outcome)[keyof typeof Outcome]

export class BlockDevice {
  readonly disk: DiskMedium
  readonly #parts: BlockDeviceParts
  #host!: BlockHost
  /** In the order in which they end. */
  readonly #queue: BlockRequest[] = []
  readonly #dueEvent = new ClockEvent(() => this.#endNext())
  /** When the link is free for the next request's data. */
  #busyUntilNs = 0
  /** The head of the queue is due, but the controller is not ready. */
  #waits = false
  #isHung = false
  readonly #busyEnds = new ClockEvent(() => {
    this.resume()
    if (!this.isBusy) this.#host.busyChanged(false)
  })
  /** The head of the queue has been counted and shown as busy. */
  #hasBeenBusy = false
  #status: BlockStatus = BlockStatus.good
  #failedLba = 0

  constructor(disk: DiskMedium, parts: BlockDeviceParts) {
    this.disk = disk
    this.#parts = parts
  }

  /** Its controller calls this once, before the first request. */
  connect(host: BlockHost): void {
    this.#host = host
  }

  /** Requests that have not ended. */
  get pendingCount(): number {
    return this.#queue.length
  }

  /** What has been submitted and not ended; a list for this look. */
  get outstanding(): readonly OutstandingRequest[] {
    const { name, logicalSectorBytes } = this.disk
    return this.#queue.map(({ op, lba, byteLength }) => ({
      disk: name,
      kind: OP_NAMES[op],
      diskOffset: lba * logicalSectorBytes,
      byteLength,
    }))
  }

  /** A fault stopped the device; it completes nothing until it is reset. */
  get isHung(): boolean {
    return this.#isHung
  }

  /** A fault: nothing ends for a time. */
  get isBusy(): boolean {
    return this.#busyEnds.isArmed
  }

  /** Overheads overlap, data shares one link. */
  submit(request: BlockRequest): void {
    const { clock, faults, controller } = this.#parts
    const overheadNs = request.op === BlockOp.flush ? FLUSH_NS : REQUEST_NS
    const readyNs = clock.nowNs + overheadNs + faults.latencyNs(controller)
    const rate = Math.min(this.#host.bytesPerSecond, faults.bytesPerSecond(controller))
    request.dueNs = Math.ceil(Math.max(readyNs, this.#busyUntilNs) + request.byteLength * (1e9 / rate))
    this.#busyUntilNs = request.dueNs
    request.isPending = true
    if (reachesMedium(request.op)) this.#checkRange(request)
    this.#queue.push(request)
    if (this.#queue.length === 1) clock.arm(this.#dueEvent, request.dueNs)
  }

  /** The controller may have become ready. */
  resume(): void {
    if (!this.#waits || this.isBusy || !this.#host.isReady()) return
    this.#waits = false
    this.#endNext()
  }

  /** Drops the pending requests: their data does not move and `done` is not called. */
  cancel(): void {
    for (const request of this.#queue) request.isPending = false
    this.#queue.length = 0
    this.#parts.clock.disarm(this.#dueEvent)
    this.#busyUntilNs = 0
    this.#waits = this.#hasBeenBusy = false
  }

  /** The same, and a device that hung or was busy works again. */
  reset(): void {
    this.cancel()
    this.#parts.clock.disarm(this.#busyEnds)
    this.#isHung = false
  }

  #endNext(): void {
    if (this.#isHung) return
    if (this.isBusy || !this.#host.isReady()) {
      this.#waits = true
      return
    }
    const request = this.#queue[0]
    if (request === undefined) return
    const outcome = this.#perform(request)
    if (outcome === Outcome.cancelled) return
    if (outcome === Outcome.busy) {
      this.#waits = true
      this.#host.busyChanged(true)
      return
    }
    if (outcome === Outcome.hangs) {
      this.#isHung = true
      return
    }
    this.#queue.shift()
    request.isPending = false
    if (outcome === Outcome.ended) request.done(this.#status, this.#failedLba)
    const next = this.#queue[0]
    const { clock } = this.#parts
    if (next !== undefined) clock.arm(this.#dueEvent, Math.max(next.dueNs, clock.nowNs))
  }

  #perform(request: BlockRequest): Outcome {
    switch (request.op) {
      case BlockOp.read:
      case BlockOp.write:
        return this.#isReachable(request) ? this.#transfer(request) : Outcome.ended
      case BlockOp.verify:
        if (this.#isReachable(request)) this.#endUnlessFaulty(request)
        return Outcome.ended
      case BlockOp.flush:
        if (this.#endUnlessFaulty(request)) this.disk.flush()
        return Outcome.ended
      case BlockOp.other:
        return this.#end(BlockStatus.good, 0)
    }
  }

  /** Whether all sectors exist and are good; sets the status where they are not. */
  #isReachable({ lba, sectorCount }: BlockRequest): boolean {
    if (this.#isBeyondCapacity(lba, sectorCount)) {
      this.#end(BlockStatus.outOfRange, lba)
      return false
    }
    const { faults, controller } = this.#parts
    const bad = faults.badSector(controller, lba, sectorCount)
    if (bad >= 0) this.#end(BlockStatus.badSector, bad)
    return bad < 0
  }

  #isBeyondCapacity(lba: number, sectorCount: number): boolean {
    return lba + sectorCount > this.disk.sectorCount
  }

  /** Said when it is submitted, in the driver's call; it fails when it is due. */
  #checkRange({ lba, sectorCount }: BlockRequest): void {
    if (!this.#isBeyondCapacity(lba, sectorCount)) return
    const { sectorCount: allowed } = this.disk
    const what = `a request for ${sectorCount} sectors from ${lba} on`
    this.#parts.onRefused({ limit: 'capacity', allowed, found: lba + sectorCount, what })
  }

  #transfer(request: BlockRequest): Outcome {
    const { clock, faults, controller } = this.#parts
    const isWrite = request.op === BlockOp.write
    const fault = isWrite && !this.#hasBeenBusy ? faults.nextWrite(controller) : null
    this.#hasBeenBusy = false
    if (!this.#endUnlessFaulty(request)) return Outcome.ended
    switch (fault?.kind) {
      case 'hang':
        return Outcome.hangs
      case 'busy':
        this.#hasBeenBusy = true
        clock.arm(this.#busyEnds, clock.nowNs + fault.nanoseconds)
        return Outcome.busy
      case 'surpriseReset':
        this.reset()
        this.#host.resetsItself()
        return Outcome.cancelled
      case 'transientError':
        return this.#end(BlockStatus.transferError, request.lba)
    }
    const memory = request.memory()
    if (memory === null) return Outcome.cancelled
    if (fault?.kind === 'wrongPage') memory.misdirect()
    if (fault?.kind !== 'wrongStatus') this.#move(request, isWrite, memory)
    return fault?.kind === 'lostCompletion' ? Outcome.lost : Outcome.ended
  }

  /** Ends it well, or by the error that stays; whether well. */
  #endUnlessFaulty({ lba }: BlockRequest): boolean {
    const { faults, controller } = this.#parts
    const isGood = !faults.failsForGood(controller)
    this.#end(isGood ? BlockStatus.good : BlockStatus.deviceFault, isGood ? 0 : lba)
    return isGood
  }

  #move(request: BlockRequest, isWrite: boolean, memory: SegmentList): void {
    const { clock, dmaLog, work, origin } = this.#parts
    const { disk } = this
    const diskOffset = request.lba * disk.logicalSectorBytes
    if (isWrite) {
      disk.image.write(diskOffset, memory.parts(false))
      if (request.isDurable) disk.flush()
      else disk.isCacheDirty = true
    } else {
      let at = diskOffset
      for (const part of memory.parts(true)) {
        disk.image.read(at, part)
        at += part.byteLength
      }
    }
    work.move(request.byteLength)
    if (request.byteLength > 0)
      dmaLog.add(origin, isWrite, diskOffset, request.byteLength, memory.first, clock.nowNs)
  }

  #end(status: BlockStatus, lba: number): Outcome {
    this.#status = status
    this.#failedLba = lba
    return Outcome.ended
  }
}

const reachesMedium = (op: BlockOp): boolean =>
  op === BlockOp.read || op === BlockOp.write || op === BlockOp.verify
