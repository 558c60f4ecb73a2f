// The requests of one disk: as many at a time as the miniport takes, each sent again as Windows does when it fails, finds the device
// busy or does not end in time.
import { type Gva, hex } from '@dumpstack/bytes'
import type { Machine } from '@dumpstack/machine'
import {
  SCSISTAT_BUSY,
  SCSISTAT_QUEUE_FULL,
  SRB_FLAGS_DATA_IN,
  SRB_FLAGS_DATA_OUT,
  SRB_FLAGS_QUEUE_ACTION_ENABLE,
  SRB_FUNCTION_EXECUTE_SCSI,
  SRB_SIMPLE_TAG_REQUEST,
  SRB_STATUS_BUSY,
  SRB_STATUS_SUCCESS,
} from '@dumpstack/nt'
import { DriversError } from '../errors.ts'
import { fillBlock } from '../guest-block.ts'
import { GuestFault } from '../guest-fault.ts'
import type { GuestBlock } from '../miniport.ts'
import type { SrbBuilder } from '../srb-builder.ts'
import { DiskRequest } from './disk-request.ts'
import type { Storport } from './storport.ts'
import { type Transfer, transferText } from './transfer.ts'

const REQUESTS = 32
/** Time-out of the disk class driver (Services\Disk\TimeoutValue). */
const SRB_TIMEOUT_SECONDS = 10
const ATTEMPTS = 4
/** Of a request that ends with a unit attention: while others end well between its attempts, each of these may be the one that is told. */
const ATTENTION_ATTEMPTS = 100
// Of storport: BusyPauseTime, BusyRetryCount and QueueFullWaitIoPercentage of the registry, where they are not set.
const BUSY_PAUSE_NS = 250e6
const BUSY_ATTEMPTS = 20
const QUEUE_FULL_WAIT_SHARE = 0.25

const STEP_NS = 100_000
/** Once nothing has moved for a second, as while a device hangs. */
const LONG_STEP_NS = 1_000_000
const LONG_WAIT_NS = 1e9
const TICK_NS = 1e9
export const PATIENCE_NS = (SRB_TIMEOUT_SECONDS + 20) * 1e9
const SMALL_BUFFER_BYTES = 0x100

export class RequestQueue {
  /** Data of the command that is awaited. */
  readonly buffer: GuestBlock
  /** Where requests wait; `pump` sends them. */
  readonly waiting: Transfer[] = []
  /** Of a block, in transfers; known once the disk is. */
  sectorBytes = 0
  /** The first request, in words, that did not end in time while the device had no fault. */
  timedOut: string | null = null
  readonly #machine: Machine
  readonly #port: Storport
  readonly #bySrb = new Map<Gva, DiskRequest>()
  readonly #idle: DiskRequest[] = []
  #active = 0
  /** More requests than this are too many for now: the device's queue was full. */
  #maxActive = Number.POSITIVE_INFINITY
  #pausedUntilNs = 0
  #movedNs = 0
  #nextTickNs = 0
  #failure: DriversError | null = null

  constructor(machine: Machine, port: Storport) {
    this.#machine = machine
    this.#port = port
    this.buffer = port.allocate(SMALL_BUFFER_BYTES)
    port.resourcesOf = (srb) => this.#requestOf(srb)
    port.onComplete = (srb) => this.#completed(this.#requestOf(srb))
    for (let tag = 0; tag < REQUESTS; tag++) {
      const request = new DiskRequest(machine, port, tag)
      this.#bySrb.set(request.builder.block.va, request)
      this.#idle.push(request)
    }
  }

  get inFlight(): number {
    return this.#active + this.waiting.length
  }

  pump(): void {
    while (this.waiting.length > 0 && this.#isOpen()) {
      const request = this.#idle.pop()
      if (request === undefined) return
      const transfer = this.waiting.shift()!
      if (this.#send(request, transfer, false)) continue
      if (!request.isActive) continue // completed, and busy all the same
      this.#take(request)
      this.waiting.unshift(transfer)
      return // busy: the next completion tries again
    }
  }

  /** Lets time pass until nothing is in flight; throws IO_FAILED when a request failed for good. */
  drain(): void {
    const giveUpAt = this.#machine.nowNs + PATIENCE_NS
    while (this.inFlight > 0 && this.#failure === null) {
      if (this.#machine.nowNs >= giveUpAt) {
        const seconds = PATIENCE_NS / 1e9
        throw new DriversError('IO_FAILED', `${this.inFlight} requests did not complete in ${seconds} s`)
      }
      this.#wait()
      this.pump()
    }
    const failure = this.#failure
    this.#failure = null
    if (failure !== null) throw failure
  }

  /** One SRB with the small buffer, awaited: its status without flags, null where it never completes. */
  small(srbFunction: number, byteLength: number, compose: (builder: SrbBuilder) => void): number | null {
    for (let attempt = 1; ; attempt++) {
      const request = this.#idle.pop()!
      const { builder } = request
      fillBlock(this.buffer, 0)
      const flags = byteLength > 0 ? SRB_FLAGS_DATA_IN : 0
      builder.begin(srbFunction, flags, byteLength, SRB_TIMEOUT_SECONDS, request.extension.va)
      builder.address(this.#port.place)
      if (byteLength > 0) builder.data(this.buffer.va)
      compose(builder)
      request.transfer = null
      request.window.unmap()
      const status = this.#await(request, this.#start(request, true))
      if (status !== SRB_STATUS_BUSY || attempt === BUSY_ATTEMPTS) return status
    }
  }

  /** One transfer, sent once and awaited: its status without flags, null where it never completes. */
  once(transfer: Transfer): { readonly srbStatus: number | null; readonly dataTransferLength: number } {
    const request = this.#idle.pop()!
    const srbStatus = this.#await(request, this.#send(request, transfer, true))
    return { srbStatus, dataTransferLength: request.builder.dataTransferLength }
  }

  /** As on the request of an application, or because a request did not end in time. */
  resetBus(): void {
    this.#port.resetBus(this.#port.place.pathId)
    for (const request of this.#bySrb.values()) request.sentNs = this.#machine.nowNs
    this.pump()
  }

  #isPaused(): boolean {
    return this.#port.isFrozen || this.#port.isHeld || this.#machine.nowNs < this.#pausedUntilNs
  }

  #isOpen(): boolean {
    if (this.#active >= this.#port.queueDepth || this.#active > this.#maxActive) return false
    this.#maxActive = Number.POSITIVE_INFINITY
    return !this.#isPaused()
  }

  #await(request: DiskRequest, isTaken: boolean): number | null {
    const { builder } = request
    const giveUpAt = this.#machine.nowNs + PATIENCE_NS
    while (request.isActive && this.#machine.nowNs < giveUpAt) {
      this.#wait()
      if (!isTaken && request.isActive && !this.#isPaused()) isTaken = this.#port.start(builder.block) // it was busy
    }
    while (this.#isPaused() && this.#machine.nowNs < giveUpAt) this.#wait()
    return request.isActive ? null : builder.srbStatus
  }

  #wait(): void {
    const { nowNs } = this.#machine
    this.#machine.run(nowNs + (nowNs - this.#movedNs < LONG_WAIT_NS ? STEP_NS : LONG_STEP_NS))
    this.#port.runDeferred()
    if (this.#machine.nowNs >= this.#nextTickNs) this.#tick()
  }

  /** A request that the miniport has had for its time-out makes the port reset the bus. */
  #tick(): void {
    const { nowNs } = this.#machine
    this.#nextTickNs = nowNs + TICK_NS
    for (const request of this.#bySrb.values()) {
      if (!request.isActive || nowNs - request.sentNs < SRB_TIMEOUT_SECONDS * 1e9) continue
      if (this.#machine.faults.isEmpty) this.timedOut ??= request.text
      this.resetBus()
      return
    }
  }

  #send(request: DiskRequest, transfer: Transfer, isAwaited: boolean): boolean {
    const { builder, sense } = request
    const { isWrite, diskOffset, byteLength } = transfer
    const flags = (isWrite ? SRB_FLAGS_DATA_OUT : SRB_FLAGS_DATA_IN) | SRB_FLAGS_QUEUE_ACTION_ENABLE
    builder.begin(SRB_FUNCTION_EXECUTE_SCSI, flags, byteLength, SRB_TIMEOUT_SECONDS, request.extension.va)
    builder.address(this.#port.place)
    builder.queue(SRB_SIMPLE_TAG_REQUEST, request.tag)
    builder.sense(sense.va, sense.view.byteLength)
    builder.transfer(isWrite, diskOffset / this.sectorBytes, byteLength / this.sectorBytes)
    request.show(transfer)
    return this.#start(request, isAwaited)
  }

  #start(request: DiskRequest, isAwaited: boolean): boolean {
    request.isAwaited = isAwaited
    request.isActive = true
    request.sentNs = this.#machine.nowNs
    this.#movedNs = this.#machine.nowNs
    this.#active++
    return this.#port.start(request.builder.block)
  }

  /** The miniport has it no more. */
  #take(request: DiskRequest): void {
    request.isActive = false
    this.#active--
    this.#idle.push(request)
  }

  #completed(request: DiskRequest): void {
    const { builder } = request
    if (!request.isActive) {
      const what = `${this.#port.image.baseName} completed the SRB at ${hex(builder.block.va)} twice`
      throw new DriversError('IO_FAILED', what)
    }
    this.#take(request)
    this.#movedNs = this.#machine.nowNs
    const { srbStatus, scsiStatus } = builder
    const isBusy =
      srbStatus === SRB_STATUS_BUSY ||
      (srbStatus !== SRB_STATUS_SUCCESS &&
        (scsiStatus === SCSISTAT_BUSY || scsiStatus === SCSISTAT_QUEUE_FULL))
    if (isBusy && scsiStatus === SCSISTAT_QUEUE_FULL && this.#active > 0) {
      this.#maxActive = Math.floor(this.#active * (1 - QUEUE_FULL_WAIT_SHARE))
    } else if (isBusy) this.#pausedUntilNs = this.#machine.nowNs + BUSY_PAUSE_NS
    if (request.isAwaited) return
    const transfer = request.transfer!
    if (srbStatus === SRB_STATUS_SUCCESS) request.takeData()
    else this.#retry(request, transfer, isBusy)
    this.pump()
  }

  #retry({ builder, isUnitAttention, sense }: DiskRequest, transfer: Transfer, isBusy: boolean): void {
    const attempts = isBusy ? ++transfer.busyAttempts : ++transfer.attempts
    if (attempts < (isBusy ? BUSY_ATTEMPTS : isUnitAttention ? ATTENTION_ATTEMPTS : ATTEMPTS)) {
      this.waiting.unshift(transfer)
      return
    }
    this.#failure ??= new DriversError(
      'IO_FAILED',
      `${transferText(transfer)} ended with ${builder.outcome(sense.view)} ${attempts} times`,
      { diskOffset: transfer.diskOffset, status: builder.srbStatus },
    )
  }

  #requestOf(srb: GuestBlock): DiskRequest {
    const request = this.#bySrb.get(srb.va)
    if (request !== undefined) return request
    throw new GuestFault(this.#port.image.baseName, 'read', srb.va, {
      what: `named an SRB at ${hex(srb.va)}, expected one that it was given`,
      bugcheck: null,
    })
  }
}
