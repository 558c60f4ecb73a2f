// What runs the commands of an NVMe controller: takes entries off submission queues, hands them to the block device or to the admin
// commands, and puts completion entries (NVM Express 1.4 sections 4, 6 and 7.2). Nothing is allocated for a command.
import { fromHalves, gpa } from '@dumpstack/bytes'
import {
  CQE_STATUS_SHIFT,
  NVME_ADMIN_DELETE_SQ,
  NVME_DSM_RANGES_MASK,
  NVME_EVENT_ERROR,
  NVME_EVENT_INVALID_DOORBELL_REGISTER,
  NVME_EVENT_INVALID_DOORBELL_VALUE,
  NVME_FLAGS_FUSE,
  NVME_FLAGS_PSDT,
  NVME_LOG_ERROR,
  NVME_NLB_MASK,
  NVME_NSID_ALL,
  NVME_NVM_DSM,
  NVME_NVM_FLUSH,
  NVME_NVM_READ,
  NVME_NVM_WRITE,
  NVME_NVM_WRITE_ZEROES,
  NVME_PAGE_SHIFT,
  NVME_RW_FUA,
  NVME_SC_CID_CONFLICT,
  NVME_SC_DATA_TRANSFER_ERROR,
  NVME_SC_DNR,
  NVME_SC_INTERNAL_ERROR,
  NVME_SC_INVALID_FIELD,
  NVME_SC_INVALID_NAMESPACE,
  NVME_SC_INVALID_OPCODE,
  NVME_SC_LBA_OUT_OF_RANGE,
  NVME_SC_SUCCESS,
  NVME_SC_UNRECOVERED_READ_ERROR,
  NVME_SC_WRITE_FAULT,
  NvmeCommand,
  NvmeCompletion,
  NvmeDsmRange,
} from '@dumpstack/registers'
import { type BlockDevice, BlockOp, BlockStatus } from '../../disk/block-device.ts'
import type { ControllerParts } from '../controller-parts.ts'
import { MemoryClaims } from '../memory-claims.ts'
import { AdminCommands, type AdminHost } from './admin-commands.ts'
import { AsyncEvents } from './async-events.ts'
import { NSID } from './identity.ts'
import type { NvmeInterrupts } from './interrupts.ts'
import { PrpList } from './prp-list.ts'
import { CompletionQueue, SubmissionQueue } from './queues.ts'
import { NvmeRequest } from './request.ts'
import type { NvmeSettings } from './settings.ts'

/** The rate of a fast disk's link: four lanes of PCI Express 3. */
const BYTES_PER_SECOND = 3.5e9
const ZEROES = new Uint8Array(0x10000)

/** What the engine asks of its controller. */
export interface EngineHost {
  /** Commands may be fetched and may end. */
  readonly isReady: boolean
  readonly hasEntrySizes: boolean
  /** CSTS.CFS; only a reset helps. */
  fail(reason: string): void
  /** A fault reset the device. */
  failByFault(): void
}

export class CommandEngine implements AdminHost {
  readonly submissions: (SubmissionQueue | null)[]
  readonly completions: (CompletionQueue | null)[]
  readonly #host: EngineHost
  readonly #block: BlockDevice
  readonly #parts: ControllerParts
  readonly #interrupts: NvmeInterrupts
  readonly #claims: MemoryClaims
  readonly #prp: PrpList
  readonly #events: AsyncEvents
  readonly #admin: AdminCommands
  /** 0: any. */
  readonly #maxTransferBytes: number
  /** By completion queue: commands that ended while it was full, in order. */
  readonly #waiting: readonly NvmeRequest[][]
  /** All that there are. */
  readonly #requests: NvmeRequest[] = []
  readonly #free: NvmeRequest[] = []
  readonly #entryBytes = new Uint8Array(NvmeCompletion.size)
  readonly #entry = NvmeCompletion.of(this.#entryBytes)

  constructor(
    host: EngineHost,
    block: BlockDevice,
    parts: ControllerParts,
    settings: NvmeSettings,
    interrupts: NvmeInterrupts,
  ) {
    this.#host = host
    this.#block = block
    this.#parts = parts
    this.#interrupts = interrupts
    this.#maxTransferBytes = settings.mdts === 0 ? 0 : 1 << (NVME_PAGE_SHIFT + settings.mdts)
    this.submissions = Array.from({ length: settings.queues + 1 }, () => null)
    this.completions = Array.from({ length: settings.queues + 1 }, () => null)
    this.#waiting = this.completions.map(() => [])
    this.#claims = new MemoryClaims(
      this.submissions.flatMap((_, id) => [submissionName(id), completionName(id)]),
      parts.onOverlap,
    )
    this.#prp = new PrpList(parts.ram, this.#claims)
    this.#events = new AsyncEvents((request) => this.#post(request))
    this.#admin = new AdminCommands(this, settings, block.disk, interrupts, this.#events, this.#prp)
    block.connect({
      bytesPerSecond: BYTES_PER_SECOND,
      isReady: () => host.isReady,
      busyChanged: (isBusy) => {
        if (!isBusy) this.resume()
      },
      resetsItself: () => host.failByFault(),
    })
    this.drop()
  }

  get hasEntrySizes(): boolean {
    return this.#host.hasEntrySizes
  }

  /** Reset: queues and features are forgotten, nothing that was fetched ends. */
  drop(): void {
    this.halt()
    this.submissions.fill(null)
    this.completions.fill(null)
    for (const waiting of this.#waiting) waiting.length = 0
    this.#claims.releaseAll()
    this.#interrupts.reset()
    this.#events.reset()
    this.#admin.reset()
    this.#free.length = 0
    for (const request of this.#requests) this.#free.push(request)
  }

  /** Nothing that was fetched ends. */
  halt(): void {
    this.#block.reset()
  }

  /** The controller, the bus or the disk lets commands run again. */
  resume(): void {
    if (!this.#host.isReady) return
    this.#block.resume()
    for (const queue of this.submissions) if (queue !== null) this.#fetch(queue)
  }

  // Doorbells

  submissionTail(id: number, tail: number): void {
    const queue = this.submissions[id] ?? null
    if (!this.#isDoorbellGood(queue, tail, submissionName(id))) return
    queue!.tail = tail
    this.#fetch(queue!)
  }

  completionHead(id: number, head: number): void {
    const queue = this.completions[id] ?? null
    if (!this.#isDoorbellGood(queue, head, completionName(id))) return
    const wasEmpty = queue!.isEmpty
    queue!.head = head
    if (!wasEmpty && queue!.isEmpty) this.#interrupts.emptied(queue!)
    const waiting = this.#waiting[id]!
    while (waiting.length > 0 && !queue!.isFull) this.#write(waiting.shift()!)
    for (const submissions of this.submissions)
      if (submissions?.completions === queue) this.#fetch(submissions!)
  }

  /** 7.2.1, and 5.2.1 for what is not. */
  #isDoorbellGood(queue: { readonly size: number } | null, value: number, what: string): boolean {
    if (queue !== null && value < queue.size) return true
    const allowed = queue === null ? 0 : queue.size - 1
    this.#parts.onRefused({
      limit: 'the doorbell',
      allowed,
      found: value,
      what:
        queue === null
          ? `a write to the doorbell of ${what}, which is not there`
          : `${value} in the doorbell of ${what}`,
    })
    this.#events.raise(
      NVME_EVENT_ERROR,
      queue === null ? NVME_EVENT_INVALID_DOORBELL_REGISTER : NVME_EVENT_INVALID_DOORBELL_VALUE,
      NVME_LOG_ERROR,
    )
    return false
  }

  // AdminHost

  createCompletionQueue(id: number, base: number, size: number, vector: number, interrupts: boolean): void {
    const byteLength = size * NvmeCompletion.size
    this.#claims.claim(id * 2 + 1, base, byteLength)
    this.completions[id] = new CompletionQueue(id, base, size, vector, interrupts)
    if (!this.#parts.ram.has(gpa(base), byteLength)) this.#host.fail(`${completionName(id)} lies outside RAM`)
  }

  createSubmissionQueue(id: number, base: number, size: number, completions: CompletionQueue): void {
    const byteLength = size * NvmeCommand.size
    this.#claims.claim(id * 2, base, byteLength)
    this.submissions[id] = new SubmissionQueue(id, base, size, completions)
    completions.userCount++
    if (!this.#parts.ram.has(gpa(base), byteLength)) this.#host.fail(`${submissionName(id)} lies outside RAM`)
  }

  /** What it had in flight has ended: its deletion is after it in the disk's queue. */
  deleteSubmissionQueue(queue: SubmissionQueue): void {
    const { id, completions } = queue
    const waiting = this.#waiting[completions.id]!
    for (let index = waiting.length - 1; index >= 0; index--)
      if (waiting[index]!.queue === queue) this.#free.push(...waiting.splice(index, 1))
    completions.userCount--
    this.#claims.release(id * 2)
    this.submissions[id] = null
  }

  deleteCompletionQueue(queue: CompletionQueue): void {
    if (!queue.isEmpty) this.#interrupts.emptied(queue)
    this.#claims.release(queue.id * 2 + 1)
    this.completions[queue.id] = null
  }

  // Commands

  #fetch(queue: SubmissionQueue): void {
    const { ram, work } = this.#parts
    while (queue.hasCommand && this.#host.isReady && !this.#block.isBusy) {
      const request = this.#free.pop() ?? this.#newRequest()
      ram.read(gpa(queue.base + queue.head * NvmeCommand.size), request.bytes)
      request.begin(queue)
      request.ownsCid = queue.begin(request.command.cid)
      request.status = this.#prepare(request)
      if (request.status !== NVME_SC_SUCCESS) {
        request.status |= NVME_SC_DNR
        request.op = BlockOp.other
        request.byteLength = 0
      }
      work.command(this.#prp.entryCount)
      this.#block.submit(request)
    }
  }

  #newRequest(): NvmeRequest {
    const request = new NvmeRequest(this.#parts.ram, (ended, status) => this.#ended(ended, status))
    this.#requests.push(request)
    return request
  }

  /** What the block device is to do; a status field where the command is refused. */
  #prepare(request: NvmeRequest): number {
    const { flags, opcode, nsid, cdw10 } = request.command
    this.#prp.entryCount = 0
    if (!request.ownsCid) return NVME_SC_CID_CONFLICT
    if ((flags & (NVME_FLAGS_PSDT | NVME_FLAGS_FUSE)) !== 0) return NVME_SC_INVALID_FIELD
    if (request.isAdmin) {
      const deleted = opcode === NVME_ADMIN_DELETE_SQ ? this.submissions[cdw10 & 0xffff] : null
      if (deleted && deleted.id > 0) deleted.isDeleting = true
      return NVME_SC_SUCCESS
    }
    const isFlush = opcode === NVME_NVM_FLUSH
    if (nsid !== NSID && !(isFlush && nsid === NVME_NSID_ALL)) return NVME_SC_INVALID_NAMESPACE
    switch (opcode) {
      case NVME_NVM_FLUSH:
        request.op = BlockOp.flush
        return NVME_SC_SUCCESS
      case NVME_NVM_WRITE:
        return this.#prepareTransfer(request, true)
      case NVME_NVM_READ:
        return this.#prepareTransfer(request, false)
      case NVME_NVM_WRITE_ZEROES:
        this.#placeOnDisk(request)
        return this.#isOnDisk(request.lba, request.sectorCount) ? NVME_SC_SUCCESS : NVME_SC_LBA_OUT_OF_RANGE
      case NVME_NVM_DSM:
        return this.#prp.gather(request, ((cdw10 & NVME_DSM_RANGES_MASK) + 1) * NvmeDsmRange.size, false)
      default:
        return NVME_SC_INVALID_OPCODE
    }
  }

  /** 6.9, 6.15 */
  #prepareTransfer(request: NvmeRequest, isWrite: boolean): number {
    this.#placeOnDisk(request)
    const byteLength = request.sectorCount * this.#block.disk.logicalSectorBytes
    const allowed = this.#maxTransferBytes
    if (allowed > 0 && byteLength > allowed) {
      const what = `a command of ${byteLength} bytes`
      this.#parts.onRefused({ limit: 'MDTS', allowed, found: byteLength, what })
      return NVME_SC_INVALID_FIELD
    }
    // past its end the disk refuses it, whatever its memory
    const isOnDisk = this.#isOnDisk(request.lba, request.sectorCount)
    const status = isOnDisk ? this.#prp.gather(request, byteLength, !isWrite) : NVME_SC_SUCCESS
    if (status !== NVME_SC_SUCCESS) return status
    request.op = isWrite ? BlockOp.write : BlockOp.read
    request.byteLength = byteLength
    request.isDurable = isWrite && this.#isDurable(request)
    return NVME_SC_SUCCESS
  }

  #placeOnDisk(request: NvmeRequest): void {
    const { cdw10, cdw11, cdw12 } = request.command
    request.lba = fromHalves(cdw11, cdw10)
    request.sectorCount = (cdw12 & NVME_NLB_MASK) + 1
  }

  #isOnDisk(lba: number, sectorCount: number): boolean {
    return lba + sectorCount <= this.#block.disk.sectorCount
  }

  #isDurable({ command }: NvmeRequest): boolean {
    return (command.cdw12 & NVME_RW_FUA) !== 0 || !this.#admin.isWriteCacheOn
  }

  #ended(request: NvmeRequest, status: BlockStatus): void {
    if (request.status === NVME_SC_SUCCESS) {
      if (status !== BlockStatus.good) request.status = failureOf(request, status)
      else if (request.isAdmin) {
        if (!this.#admin.execute(request)) return
      } else this.#finish(request)
    }
    const { queue } = request
    this.#post(request)
    this.#fetch(queue)
  }

  /** What the block device does not know. */
  #finish(request: NvmeRequest): void {
    switch (request.command.opcode) {
      case NVME_NVM_WRITE_ZEROES:
        this.#writeZeroes(request)
        break
      case NVME_NVM_DSM:
        if (!this.#areRangesGood(request)) request.status = NVME_SC_LBA_OUT_OF_RANGE | NVME_SC_DNR
    }
  }

  #writeZeroes(request: NvmeRequest): void {
    const { disk } = this.#block
    const unit = disk.logicalSectorBytes
    const end = (request.lba + request.sectorCount) * unit
    for (let at = request.lba * unit; at < end; at += ZEROES.byteLength)
      disk.image.write(at, [ZEROES.subarray(0, Math.min(ZEROES.byteLength, end - at))])
    this.#parts.work.move(request.sectorCount * unit)
    if (this.#isDurable(request)) disk.flush()
    else disk.isCacheDirty = true
  }

  /** 6.7: hints, which change nothing here, of ranges that have to exist. */
  #areRangesGood(request: NvmeRequest): boolean {
    const bytes = new Uint8Array(request.segments.byteLength)
    let done = 0
    for (const part of request.segments.parts(false)) {
      bytes.set(part, done)
      done += part.byteLength
    }
    for (let at = 0; at < bytes.byteLength; at += NvmeDsmRange.size) {
      const range = NvmeDsmRange.of(bytes, at)
      if (!this.#isOnDisk(fromHalves(range.startHigh, range.startLow), range.length)) return false
    }
    return true
  }

  // Completions

  /** Puts its completion entry, once there is room for it. */
  #post(request: NvmeRequest): void {
    const { completions } = request.queue
    const waiting = this.#waiting[completions.id]!
    if (completions.isFull || waiting.length > 0) waiting.push(request)
    else this.#write(request)
  }

  #write(request: NvmeRequest): void {
    const { queue, command } = request
    const { completions } = queue
    const entry = this.#entry
    entry.dw0 = request.result
    entry.sqhd = queue.head
    entry.sqid = queue.id
    entry.cid = command.cid
    entry.status = (request.status << CQE_STATUS_SHIFT) | completions.phase
    const wasEmpty = completions.isEmpty
    this.#parts.ram.write(gpa(completions.base + completions.tail * NvmeCompletion.size), this.#entryBytes)
    completions.advance()
    queue.end(command.cid, request.ownsCid)
    this.#free.push(request)
    this.#parts.onCompletion()
    this.#interrupts.added(completions, wasEmpty)
  }
}

function failureOf({ op }: NvmeRequest, status: BlockStatus): number {
  switch (status) {
    case BlockStatus.outOfRange:
      return NVME_SC_LBA_OUT_OF_RANGE | NVME_SC_DNR
    case BlockStatus.badSector:
      return op === BlockOp.write ? NVME_SC_WRITE_FAULT : NVME_SC_UNRECOVERED_READ_ERROR
    case BlockStatus.transferError:
      return NVME_SC_DATA_TRANSFER_ERROR
    default:
      return NVME_SC_INTERNAL_ERROR
  }
}

const submissionName = (id: number): string =>
  id === 0 ? 'the admin submission queue' : `I/O submission queue ${id}`
const completionName = (id: number): string =>
  id === 0 ? 'the admin completion queue' : `I/O completion queue ${id}`
