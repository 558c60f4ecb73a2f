// The class driver's part: a queue of reads and writes on the disk, with retries, and single commands with a small buffer.
import { type Gpa, type Gva, hex } from '@dumpstack/bytes'
import type { Machine } from '@dumpstack/machine'
import {
  MiniportDumpPointers,
  SRB_FLAGS_DATA_IN,
  SRB_FLAGS_DATA_OUT,
  SRB_FLAGS_QUEUE_ACTION_ENABLE,
  SRB_FUNCTION_DUMP_POINTERS,
  SRB_FUNCTION_EXECUTE_SCSI,
  SRB_SIMPLE_TAG_REQUEST,
  SRB_STATUS_SUCCESS,
  srbStatusText,
} from '@dumpstack/nt'
import { DriversError } from '../errors.ts'
import { fillBlock } from '../guest-block.ts'
import { GuestFault } from '../guest-fault.ts'
import type { GuestBlock } from '../miniport.ts'
import type { BootDevice, BufferPiece } from '../runtime-stack.ts'
import type { SrbBuilder } from '../srb-builder.ts'
import { DiskRequest } from './disk-request.ts'
import { identifyDisk } from './identify-disk.ts'
import type { Storport } from './storport.ts'
import { checkShape, splitPiece, splitPieces, type Transfer } from './transfer.ts'

const REQUESTS = 32
const SRB_TIMEOUT_SECONDS = 10
const ATTEMPTS = 4
const STEP_NS = 100_000
const PATIENCE_NS = (SRB_TIMEOUT_SECONDS + 20) * 1e9
const SMALL_BUFFER_BYTES = 0x100
/** SRB_STATUS_AUTOSENSE_VALID and SRB_STATUS_QUEUE_FROZEN. */
const SRB_STATUS_FLAGS = 0xc0

export class BootDisk {
  readonly device: BootDevice
  /** Bytes of one transfer: whole sectors. */
  readonly transferLimit: number
  readonly #machine: Machine
  readonly #port: Storport
  readonly #bySrb = new Map<Gva, DiskRequest>()
  readonly #idle: DiskRequest[] = []
  readonly #waiting: Transfer[] = []
  readonly #buffer: GuestBlock
  #active = 0
  #failure: DriversError | null = null

  constructor(machine: Machine, port: Storport) {
    this.#machine = machine
    this.#port = port
    this.#buffer = port.allocate(SMALL_BUFFER_BYTES)
    port.resourcesOf = (srb) => this.#requestOf(srb)
    port.onComplete = (srb) => this.#completed(this.#requestOf(srb))
    for (let i = 0; i < REQUESTS; i++) this.#makeRequest()
    this.device = identifyDisk({
      driverName: port.image.baseName,
      patienceSeconds: PATIENCE_NS / 1e9,
      answer: this.#buffer.view,
      send: (byteLength, compose) => this.#small(SRB_FUNCTION_EXECUTE_SCSI, byteLength, compose),
    })
    this.transferLimit = port.transferLimit - (port.transferLimit % this.device.sectorBytes)
  }

  get inFlight(): number {
    return this.#active + this.#waiting.length
  }

  /** A buffer in one piece. */
  queue(isWrite: boolean, diskOffset: number, address: Gpa, byteLength: number): void {
    this.#admit(isWrite, diskOffset, byteLength)
    splitPiece(this.#waiting, isWrite, diskOffset, address, byteLength, this.transferLimit)
    this.#pump()
  }

  queueScattered(isWrite: boolean, diskOffset: number, buffer: readonly BufferPiece[]): void {
    checkShape(buffer)
    const byteLength = buffer.reduce((sum, piece) => sum + piece.byteLength, 0)
    this.#admit(isWrite, diskOffset, byteLength)
    splitPieces(this.#waiting, isWrite, diskOffset, buffer, this.transferLimit)
    this.#pump()
  }

  #admit(isWrite: boolean, diskOffset: number, byteLength: number): void {
    if (this.#port.isFrozen)
      throw new DriversError('STACK_FROZEN', 'the storage stack stopped with the system')
    const { sectorBytes, sectorCount } = this.device
    const isWhole = byteLength % sectorBytes === 0 && diskOffset % sectorBytes === 0
    if (isWhole && byteLength > 0 && diskOffset + byteLength <= sectorBytes * sectorCount) return
    throw new DriversError(
      'OUT_OF_RANGE',
      `${isWrite ? 'write' : 'read'} of ${hex(byteLength)} bytes at disk offset ${hex(diskOffset)}: expected whole sectors of ${sectorBytes} bytes inside ${sectorCount} sectors`,
      { diskOffset, byteLength },
    )
  }

  drain(): void {
    const giveUpAt = this.#machine.nowNs + PATIENCE_NS
    while (this.inFlight > 0 && this.#failure === null) {
      if (this.#machine.nowNs >= giveUpAt) {
        throw new DriversError(
          'IO_FAILED',
          `${this.inFlight} requests did not complete in ${PATIENCE_NS / 1e9} s`,
        )
      }
      this.#wait()
      this.#pump()
    }
    const failure = this.#failure
    this.#failure = null
    if (failure !== null) throw failure
  }

  /** SRB_FUNCTION_DUMP_POINTERS: null when the miniport refuses. */
  miniportDumpPointers(): MiniportDumpPointers | null {
    const status = this.#small(SRB_FUNCTION_DUMP_POINTERS, MiniportDumpPointers.size, () => {})
    return status === SRB_STATUS_SUCCESS ? MiniportDumpPointers.at(this.#buffer.view) : null
  }

  /** One SRB with the small buffer, awaited: its status without flags, null where it never completes. */
  #small(srbFunction: number, byteLength: number, compose: (builder: SrbBuilder) => void): number | null {
    const request = this.#idle.pop()!
    const { builder } = request
    fillBlock(this.#buffer, 0)
    builder.begin(srbFunction, SRB_FLAGS_DATA_IN, byteLength, SRB_TIMEOUT_SECONDS, request.extension.va)
    builder.data(this.#buffer.va)
    compose(builder)
    request.transfer = null
    request.window.unmap()
    this.#active++
    request.isActive = true
    let isTaken = this.#port.start(builder.block)
    const giveUpAt = this.#machine.nowNs + PATIENCE_NS
    while (request.isActive && this.#machine.nowNs < giveUpAt) {
      this.#wait()
      if (!isTaken && request.isActive) isTaken = this.#port.start(builder.block) // it was busy
    }
    return request.isActive ? null : builder.srbStatus & ~SRB_STATUS_FLAGS
  }

  #wait(): void {
    this.#machine.run(this.#machine.nowNs + STEP_NS)
    this.#port.runDeferred()
  }

  #makeRequest(): void {
    const request = new DiskRequest(this.#machine, this.#port, this.#bySrb.size)
    this.#bySrb.set(request.builder.block.va, request)
    this.#idle.push(request)
  }

  #requestOf(srb: GuestBlock): DiskRequest {
    const request = this.#bySrb.get(srb.va)
    if (request !== undefined) return request
    throw new GuestFault(this.#port.image.baseName, 'read', srb.va, {
      what: `named an SRB at ${hex(srb.va)}, expected one that it was given`,
      bugcheck: null,
    })
  }

  #pump(): void {
    while (
      this.#waiting.length > 0 &&
      this.#active < this.#port.queueDepth &&
      !this.#port.isFrozen &&
      !this.#port.isHeld
    ) {
      const request = this.#idle.pop()
      if (request === undefined) return
      const transfer = this.#waiting.shift()!
      request.isActive = true
      this.#active++
      if (this.#send(request, transfer)) continue
      if (!request.isActive) continue // completed, and busy all the same
      request.isActive = false
      this.#active--
      request.transfer = null
      this.#idle.push(request)
      this.#waiting.unshift(transfer)
      return // busy: the next completion tries again
    }
  }

  #send(request: DiskRequest, transfer: Transfer): boolean {
    const { builder, sense } = request
    const { isWrite, diskOffset, byteLength } = transfer
    const flags = (isWrite ? SRB_FLAGS_DATA_OUT : SRB_FLAGS_DATA_IN) | SRB_FLAGS_QUEUE_ACTION_ENABLE
    builder.begin(SRB_FUNCTION_EXECUTE_SCSI, flags, byteLength, SRB_TIMEOUT_SECONDS, request.extension.va)
    builder.queue(SRB_SIMPLE_TAG_REQUEST, request.tag)
    builder.sense(sense.va, sense.view.byteLength)
    const { sectorBytes } = this.device
    builder.transfer(isWrite, diskOffset / sectorBytes, byteLength / sectorBytes)
    request.show(transfer)
    transfer.attempts++
    return this.#port.start(builder.block)
  }

  #completed(request: DiskRequest): void {
    if (!request.isActive) {
      const what = `${this.#port.image.baseName} completed the SRB at ${hex(request.builder.block.va)} twice`
      throw new DriversError('IO_FAILED', what)
    }
    request.isActive = false
    this.#active--
    this.#idle.push(request)
    const { transfer } = request
    if (transfer === null) return
    const status = request.builder.srbStatus
    if (status === SRB_STATUS_SUCCESS) request.takeData()
    else this.#retry(transfer, status)
    request.transfer = null
    this.#pump()
  }

  #retry(transfer: Transfer, status: number): void {
    if (transfer.attempts < ATTEMPTS) {
      this.#waiting.unshift(transfer)
      return
    }
    this.#failure ??= new DriversError(
      'IO_FAILED',
      `${transfer.isWrite ? 'write' : 'read'} of ${hex(transfer.byteLength)} bytes at disk offset ${hex(transfer.diskOffset)} ended with ${srbStatusText(status)} ${ATTEMPTS} times`,
      { diskOffset: transfer.diskOffset, status },
    )
  }
}
