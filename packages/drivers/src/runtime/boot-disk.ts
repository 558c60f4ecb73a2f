// The class driver's part: a queue of reads and writes on the disk, with retries, and single commands with a small buffer.
import { type Gpa, type Gva, gva, hex, PAGE_SIZE, TWO_TO_32 } from '@dumpstack/bytes'
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
} from '@dumpstack/nt'
import { SenseData } from '@dumpstack/registers'
import type { DataWindow } from '../data-window.ts'
import { DriversError } from '../errors.ts'
import { fillBlock } from '../guest-block.ts'
import { GuestFault } from '../guest-fault.ts'
import type { GuestBlock } from '../miniport.ts'
import type { BootDevice } from '../runtime-stack.ts'
import { GuestScatterGatherList, scatterGatherBytes } from '../scatter-gather.ts'
import { SrbBuilder } from '../srb-builder.ts'
import { SRB_BYTES } from '../srb-layout.ts'
import { identifyDisk } from './identify-disk.ts'
import type { Storport } from './storport.ts'

const REQUESTS = 32
const SRB_TIMEOUT_SECONDS = 10
const ATTEMPTS = 4
const STEP_NS = 100_000
const PATIENCE_NS = (SRB_TIMEOUT_SECONDS + 20) * 1e9
const MAX_REQUEST_BYTES = 0x20000
const SMALL_BUFFER_BYTES = 0x100
/** SRB_STATUS_AUTOSENSE_VALID and SRB_STATUS_QUEUE_FROZEN. */
const SRB_STATUS_FLAGS = 0xc0

/** One SRB with all that belongs to it. */
interface Request {
  readonly builder: SrbBuilder
  readonly extension: GuestBlock
  readonly list: GuestScatterGatherList
  readonly sense: GuestBlock
  readonly window: DataWindow
  readonly tag: number
  /** Below 4 GiB, for data that the controller does not reach; made when it is needed. */
  bounce: GuestBlock | null
  /** The miniport has it. */
  isActive: boolean
  transfer: Transfer | null
}
interface Transfer {
  readonly isWrite: boolean
  readonly diskOffset: number
  readonly gpa: Gpa
  readonly byteLength: number
  attempts: number
}

export class BootDisk {
  readonly device: BootDevice
  readonly #machine: Machine
  readonly #port: Storport
  readonly #bySrb = new Map<Gva, Request>()
  readonly #idle: Request[] = []
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
  }

  get inFlight(): number {
    return this.#active + this.#waiting.length
  }

  queue(isWrite: boolean, diskOffset: number, address: Gpa, byteLength: number): void {
    if (this.#port.isFrozen)
      throw new DriversError('STACK_FROZEN', 'the storage stack stopped with the system')
    const { sectorBytes, sectorCount } = this.device
    const isWhole = byteLength % sectorBytes === 0 && diskOffset % sectorBytes === 0
    if (
      !isWhole ||
      byteLength <= 0 ||
      byteLength > MAX_REQUEST_BYTES ||
      diskOffset + byteLength > sectorBytes * sectorCount
    ) {
      throw new DriversError(
        'OUT_OF_RANGE',
        `${isWrite ? 'write' : 'read'} of ${hex(byteLength)} bytes at disk offset ${hex(diskOffset)}: expected whole sectors of ${sectorBytes} bytes, at most ${hex(MAX_REQUEST_BYTES)}, inside ${sectorCount} sectors`,
        { diskOffset, byteLength },
      )
    }
    this.#waiting.push({ isWrite, diskOffset, gpa: address, byteLength, attempts: 0 })
    this.#pump()
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
    const request: Request = {
      builder: new SrbBuilder(this.#port.allocate(SRB_BYTES), this.#port.srbLayout),
      extension: this.#port.allocate(this.#port.config.srbExtensionSize),
      list: new GuestScatterGatherList(this.#port.allocate(scatterGatherBytes(1))),
      sense: this.#port.allocate(SenseData.size),
      window: this.#port.reserveWindow(MAX_REQUEST_BYTES / PAGE_SIZE + 1),
      tag: this.#bySrb.size,
      bounce: null,
      isActive: false,
      transfer: null,
    }
    this.#bySrb.set(request.builder.block.va, request)
    this.#idle.push(request)
  }

  #requestOf(srb: GuestBlock): Request {
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
      request.transfer = transfer
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

  #send(request: Request, transfer: Transfer): boolean {
    const { builder, list, window } = request
    const address = this.#reachableAddress(request, transfer)
    const flags = (transfer.isWrite ? SRB_FLAGS_DATA_OUT : SRB_FLAGS_DATA_IN) | SRB_FLAGS_QUEUE_ACTION_ENABLE
    builder.begin(
      SRB_FUNCTION_EXECUTE_SCSI,
      flags,
      transfer.byteLength,
      SRB_TIMEOUT_SECONDS,
      request.extension.va,
    )
    builder.queue(SRB_SIMPLE_TAG_REQUEST, request.tag)
    builder.sense(request.sense.va, SenseData.size)
    const { sectorBytes } = this.device
    builder.transfer(transfer.isWrite, transfer.diskOffset / sectorBytes, transfer.byteLength / sectorBytes)
    list.clear()
    list.append(address, transfer.byteLength)
    const within = address % PAGE_SIZE
    window.unmap()
    for (let at = 0; at < within + transfer.byteLength; at += PAGE_SIZE) {
      window.add(address - within + at)
    }
    if (this.#port.mapsBuffers) window.map()
    builder.data(gva(window.addressOf(0) + BigInt(within)))
    transfer.attempts++
    return this.#port.start(builder.block)
  }

  /** Where the controller finds or leaves the data: a buffer of the port where it does not reach the real place. */
  #reachableAddress(request: Request, { isWrite, gpa: address, byteLength }: Transfer): Gpa {
    if (this.#port.is64Bit || address + byteLength <= TWO_TO_32) return address
    request.bounce ??= this.#port.allocate(MAX_REQUEST_BYTES)
    if (isWrite) this.#copy(address, request.bounce.gpa, byteLength)
    return request.bounce.gpa
  }

  #copy(from: Gpa, to: Gpa, byteLength: number): void {
    const bytes = new Uint8Array(byteLength)
    this.#machine.ram.read(from, bytes)
    this.#machine.ram.write(to, bytes)
  }

  #completed(request: Request): void {
    if (!request.isActive) {
      const what = `${this.#port.image.baseName} completed the SRB at ${hex(request.builder.block.va)} twice`
      throw new DriversError('IO_FAILED', what)
    }
    request.isActive = false
    this.#active--
    this.#idle.push(request)
    const { transfer } = request
    request.transfer = null
    if (transfer === null) return
    const status = request.builder.srbStatus
    if (status !== SRB_STATUS_SUCCESS) this.#retry(transfer, status)
    else if (!transfer.isWrite && this.#reachableAddress(request, transfer) !== transfer.gpa) {
      this.#copy(request.bounce!.gpa, transfer.gpa, transfer.byteLength)
    }
    this.#pump()
  }

  #retry(transfer: Transfer, status: number): void {
    if (transfer.attempts < ATTEMPTS) {
      this.#waiting.unshift(transfer)
      return
    }
    this.#failure ??= new DriversError(
      'IO_FAILED',
      `${transfer.isWrite ? 'write' : 'read'} of ${hex(transfer.byteLength)} bytes at disk offset ${hex(transfer.diskOffset)} ended with SRB status ${hex(status)} ${ATTEMPTS} times`,
      { diskOffset: transfer.diskOffset, status },
    )
  }
}
