// The admin commands (NVM Express 1.4 section 5), as SeaBIOS, OVMF, Linux and Windows' miniports send them.
import { fromHalves, PAGE_SIZE } from '@dumpstack/bytes'
import {
  NVME_ADMIN_ABORT,
  NVME_ADMIN_ASYNC_EVENT,
  NVME_ADMIN_CREATE_CQ,
  NVME_ADMIN_CREATE_SQ,
  NVME_ADMIN_DELETE_CQ,
  NVME_ADMIN_DELETE_SQ,
  NVME_ADMIN_GET_FEATURES,
  NVME_ADMIN_GET_LOG_PAGE,
  NVME_ADMIN_IDENTIFY,
  NVME_ADMIN_SET_FEATURES,
  NVME_CNS_ACTIVE_NAMESPACES,
  NVME_CNS_CONTROLLER,
  NVME_CNS_DESCRIPTORS,
  NVME_CNS_NAMESPACE,
  NVME_CQ_IEN,
  NVME_EVENT_ERROR,
  NVME_FEATURE_ARBITRATION,
  NVME_FEATURE_ASYNC_EVENT,
  NVME_FEATURE_ID_MASK,
  NVME_FEATURE_INTERRUPT_VECTOR,
  NVME_FEATURE_LBA_RANGE,
  NVME_FEATURE_QUEUES,
  NVME_FEATURE_SAVE,
  NVME_FEATURE_TEMPERATURE_THRESHOLD,
  NVME_FEATURE_WRITE_CACHE,
  NVME_IDENTIFY_BYTES,
  NVME_LOG_ERROR,
  NVME_LOG_ERROR_BYTES,
  NVME_LOG_FIRMWARE,
  NVME_LOG_FIRMWARE_SLOT_1,
  NVME_LOG_PAGE_BYTES,
  NVME_LOG_RAE,
  NVME_LOG_SMART,
  NVME_NSID_LIST_LIMIT,
  NVME_QUEUE_PC,
  NVME_QUEUE_UPPER_SHIFT,
  NVME_SC_AER_LIMIT_EXCEEDED,
  NVME_SC_COMMAND_SEQUENCE_ERROR,
  NVME_SC_COMPLETION_QUEUE_INVALID,
  NVME_SC_DNR,
  NVME_SC_FEATURE_NOT_SAVEABLE,
  NVME_SC_INVALID_FIELD,
  NVME_SC_INVALID_INTERRUPT_VECTOR,
  NVME_SC_INVALID_LOG_PAGE,
  NVME_SC_INVALID_NAMESPACE,
  NVME_SC_INVALID_OPCODE,
  NVME_SC_INVALID_QUEUE_DELETION,
  NVME_SC_INVALID_QUEUE_IDENTIFIER,
  NVME_SC_INVALID_QUEUE_SIZE,
  NVME_SC_PRP_OFFSET_INVALID,
  NVME_SC_SUCCESS,
} from '@dumpstack/registers'
import type { DiskMedium } from '../../disk/disk.ts'
import type { AsyncEvents } from './async-events.ts'
import {
  AERL,
  FIRMWARE_REVISION,
  identificationDescriptors,
  identifyController,
  identifyNamespace,
  NSID,
} from './identity.ts'
import type { NvmeInterrupts } from './interrupts.ts'
import type { PrpList } from './prp-list.ts'
import type { CompletionQueue, SubmissionQueue } from './queues.ts'
import type { NvmeRequest } from './request.ts'
import type { NvmeSettings } from './settings.ts'

const LAST_FEATURE = NVME_FEATURE_ASYNC_EVENT
const ARBITRATION_BURST = 7
const TEMPERATURE_KELVIN = 323
const OVER_TEMPERATURE_KELVIN = 343
const SMART_TEMPERATURE = 1
const SMART_SPARE = 3
const SPARE_PERCENT = 100
/** Abort, dword 0: the command was not aborted. */
const NOT_ABORTED = 1
const NO_COALESCING = 1 << 16

/** What admin commands change. */
export interface AdminHost {
  readonly submissions: readonly (SubmissionQueue | null)[]
  readonly completions: readonly (CompletionQueue | null)[]
  /** CC.IOSQES and CC.IOCQES are those of the queues' entries. */
  readonly hasEntrySizes: boolean
  createSubmissionQueue(id: number, base: number, size: number, completions: CompletionQueue): void
  createCompletionQueue(id: number, base: number, size: number, vector: number, interrupts: boolean): void
  deleteSubmissionQueue(queue: SubmissionQueue): void
  deleteCompletionQueue(queue: CompletionQueue): void
}

export class AdminCommands {
  readonly #host: AdminHost
  readonly #settings: NvmeSettings
  readonly #interrupts: NvmeInterrupts
  readonly #events: AsyncEvents
  readonly #prp: PrpList
  readonly #features = new Uint32Array(LAST_FEATURE + 1)
  readonly #controller: Uint8Array
  readonly #namespace: Uint8Array
  readonly #descriptors: Uint8Array

  constructor(
    host: AdminHost,
    settings: NvmeSettings,
    disk: DiskMedium,
    interrupts: NvmeInterrupts,
    events: AsyncEvents,
    prp: PrpList,
  ) {
    this.#host = host
    this.#settings = settings
    this.#interrupts = interrupts
    this.#events = events
    this.#prp = prp
    this.#controller = identifyController(disk, settings)
    this.#namespace = identifyNamespace(disk, settings)
    this.#descriptors = identificationDescriptors(disk)
  }

  reset(): void {
    const features = this.#features
    features.fill(0)
    features[NVME_FEATURE_ARBITRATION] = ARBITRATION_BURST
    features[NVME_FEATURE_TEMPERATURE_THRESHOLD] = OVER_TEMPERATURE_KELVIN
    features[NVME_FEATURE_WRITE_CACHE] = this.#settings.writeCache === 'on' ? 1 : 0
  }

  get isWriteCacheOn(): boolean {
    return (this.#features[NVME_FEATURE_WRITE_CACHE]! & 1) !== 0
  }

  /** Sets status and result; false: it ends later. */
  execute(request: NvmeRequest): boolean {
    if (request.command.opcode === NVME_ADMIN_ASYNC_EVENT) {
      if (this.#events.await(request)) return false
      request.status = NVME_SC_AER_LIMIT_EXCEEDED | NVME_SC_DNR
      return true
    }
    const status = this.#perform(request)
    request.status = status === NVME_SC_SUCCESS ? status : status | NVME_SC_DNR
    return true
  }

  #perform(request: NvmeRequest): number {
    switch (request.command.opcode) {
      case NVME_ADMIN_DELETE_SQ:
        return this.#deleteSubmissionQueue(request)
      case NVME_ADMIN_CREATE_SQ:
        return this.#createSubmissionQueue(request)
      case NVME_ADMIN_DELETE_CQ:
        return this.#deleteCompletionQueue(request)
      case NVME_ADMIN_CREATE_CQ:
        return this.#createCompletionQueue(request)
      case NVME_ADMIN_IDENTIFY:
        return this.#identify(request)
      case NVME_ADMIN_GET_LOG_PAGE:
        return this.#log(request)
      case NVME_ADMIN_SET_FEATURES:
        return this.#setFeature(request)
      case NVME_ADMIN_GET_FEATURES:
        return this.#getFeature(request)
      case NVME_ADMIN_ABORT:
        // 5.1: a controller aborts on best effort; nothing that the disk has is taken back
        request.result = NOT_ABORTED
        return NVME_SC_SUCCESS
      default:
        return NVME_SC_INVALID_OPCODE
    }
  }

  /** CDW10: identifier and size less one; 5.3, 5.4. */
  #checkNewQueue(request: NvmeRequest, queues: readonly unknown[]): number {
    const { cdw10, cdw11 } = request.command
    const id = cdw10 & 0xffff
    const last = cdw10 >>> NVME_QUEUE_UPPER_SHIFT
    if (id === 0 || id > this.#settings.queues || queues[id] !== null) return NVME_SC_INVALID_QUEUE_IDENTIFIER
    if (last === 0 || last >= this.#settings.queueEntries || !this.#host.hasEntrySizes)
      return NVME_SC_INVALID_QUEUE_SIZE
    if (request.prp1 % PAGE_SIZE !== 0) return NVME_SC_PRP_OFFSET_INVALID
    // CAP.CQR
    return (cdw11 & NVME_QUEUE_PC) === 0 ? NVME_SC_INVALID_FIELD : NVME_SC_SUCCESS
  }

  #createCompletionQueue(request: NvmeRequest): number {
    const { cdw10, cdw11 } = request.command
    const { msix } = this.#interrupts
    const vector = cdw11 >>> NVME_QUEUE_UPPER_SHIFT
    const status = this.#checkNewQueue(request, this.#host.completions)
    if (status !== NVME_SC_SUCCESS) return status
    // the line has vector 0 alone
    if (vector !== 0 && (!msix.isEnabled || vector >= msix.vectorCount))
      return NVME_SC_INVALID_INTERRUPT_VECTOR
    const size = (cdw10 >>> NVME_QUEUE_UPPER_SHIFT) + 1
    const interrupts = (cdw11 & NVME_CQ_IEN) !== 0
    this.#host.createCompletionQueue(cdw10 & 0xffff, request.prp1, size, vector, interrupts)
    return NVME_SC_SUCCESS
  }

  #createSubmissionQueue(request: NvmeRequest): number {
    const { cdw10, cdw11 } = request.command
    const completionId = cdw11 >>> NVME_QUEUE_UPPER_SHIFT
    const completions = completionId === 0 ? null : (this.#host.completions[completionId] ?? null)
    if (completions === null) return NVME_SC_COMPLETION_QUEUE_INVALID
    const status = this.#checkNewQueue(request, this.#host.submissions)
    if (status !== NVME_SC_SUCCESS) return status
    const size = (cdw10 >>> NVME_QUEUE_UPPER_SHIFT) + 1
    this.#host.createSubmissionQueue(cdw10 & 0xffff, request.prp1, size, completions)
    return NVME_SC_SUCCESS
  }

  #deleteSubmissionQueue({ command }: NvmeRequest): number {
    const id = command.cdw10 & 0xffff
    const queue = id === 0 ? null : this.#host.submissions[id]
    if (!queue) return NVME_SC_INVALID_QUEUE_IDENTIFIER
    this.#host.deleteSubmissionQueue(queue)
    return NVME_SC_SUCCESS
  }

  #deleteCompletionQueue({ command }: NvmeRequest): number {
    const id = command.cdw10 & 0xffff
    const queue = id === 0 ? null : this.#host.completions[id]
    if (!queue) return NVME_SC_INVALID_QUEUE_IDENTIFIER
    if (queue.userCount > 0) return NVME_SC_INVALID_QUEUE_DELETION
    this.#host.deleteCompletionQueue(queue)
    return NVME_SC_SUCCESS
  }

  #identify(request: NvmeRequest): number {
    const { cdw10, nsid } = request.command
    switch (cdw10 & 0xff) {
      case NVME_CNS_NAMESPACE:
        return nsid === NSID ? this.#send(request, this.#namespace) : NVME_SC_INVALID_NAMESPACE
      case NVME_CNS_CONTROLLER:
        return this.#send(request, this.#controller)
      case NVME_CNS_ACTIVE_NAMESPACES: {
        if (nsid > NVME_NSID_LIST_LIMIT) return NVME_SC_INVALID_NAMESPACE
        const list = new Uint8Array(NVME_IDENTIFY_BYTES)
        if (nsid < NSID) list[0] = NSID
        return this.#send(request, list)
      }
      case NVME_CNS_DESCRIPTORS:
        return nsid === NSID ? this.#send(request, this.#descriptors) : NVME_SC_INVALID_NAMESPACE
      default:
        return NVME_SC_INVALID_FIELD
    }
  }

  #log(request: NvmeRequest): number {
    const { cdw10, cdw11, cdw12, cdw13 } = request.command
    const page = logPage(cdw10 & 0xff)
    if (page === null) return NVME_SC_INVALID_LOG_PAGE
    const dwords = ((((cdw11 & 0xffff) << 16) | (cdw10 >>> 16)) >>> 0) + 1
    const offset = fromHalves(cdw13, cdw12)
    if (offset > page.byteLength || offset % 4 !== 0) return NVME_SC_INVALID_FIELD
    const status = this.#send(request, page.subarray(offset, Math.min(offset + dwords * 4, page.byteLength)))
    const isErrorLog = (cdw10 & 0xff) === NVME_LOG_ERROR
    if (status === NVME_SC_SUCCESS && isErrorLog && (cdw10 & NVME_LOG_RAE) === 0)
      this.#events.unmask(NVME_EVENT_ERROR)
    return status
  }

  #setFeature(request: NvmeRequest): number {
    const { cdw10, cdw11 } = request.command
    const feature = cdw10 & NVME_FEATURE_ID_MASK
    if ((cdw10 & NVME_FEATURE_SAVE) !== 0) return NVME_SC_FEATURE_NOT_SAVEABLE
    if (!this.#hasFeature(feature)) return NVME_SC_INVALID_FIELD
    if (feature !== NVME_FEATURE_QUEUES) {
      this.#features[feature] = cdw11
      return NVME_SC_SUCCESS
    }
    // 5.21.1.7
    if ((cdw11 & 0xffff) === 0xffff || cdw11 >>> NVME_QUEUE_UPPER_SHIFT === 0xffff)
      return NVME_SC_INVALID_FIELD
    if (this.#host.completions.some((queue) => queue !== null && queue.id > 0))
      return NVME_SC_COMMAND_SEQUENCE_ERROR
    request.result = this.#grantedQueues
    return NVME_SC_SUCCESS
  }

  #getFeature(request: NvmeRequest): number {
    const { cdw10, cdw11 } = request.command
    const feature = cdw10 & NVME_FEATURE_ID_MASK
    if (!this.#hasFeature(feature)) return NVME_SC_INVALID_FIELD
    request.result = this.#features[feature]!
    if (feature === NVME_FEATURE_QUEUES) request.result = this.#grantedQueues
    if (feature === NVME_FEATURE_INTERRUPT_VECTOR) {
      // 5.21.1.9: each vector has a setting of its own, which nothing here reads
      const vector = cdw11 & 0xffff
      if (vector > this.#settings.queues) return NVME_SC_INVALID_FIELD
      request.result = vector === 0 ? NO_COALESCING : vector
    }
    return NVME_SC_SUCCESS
  }

  /** Queues of both kinds, less one. */
  get #grantedQueues(): number {
    const last = this.#settings.queues - 1
    return last | (last << NVME_QUEUE_UPPER_SHIFT)
  }

  #hasFeature(feature: number): boolean {
    const isKnown =
      feature >= NVME_FEATURE_ARBITRATION && feature <= LAST_FEATURE && feature !== NVME_FEATURE_LBA_RANGE
    return isKnown && (feature !== NVME_FEATURE_WRITE_CACHE || this.#settings.writeCache !== 'none')
  }

  /** Data to the driver. */
  #send(request: NvmeRequest, data: Uint8Array): number {
    if (data.byteLength === 0) return NVME_SC_SUCCESS
    const status = this.#prp.gather(request, data.byteLength, true)
    if (status !== NVME_SC_SUCCESS) return status
    let at = 0
    for (const part of request.segments.parts(true)) {
      part.set(data.subarray(at, at + part.byteLength))
      at += part.byteLength
    }
    return NVME_SC_SUCCESS
  }
}

/** Get Log Page: no errors, a healthy disk, firmware in slot 1; null for a page that is not there. */
function logPage(id: number): Uint8Array | null {
  switch (id) {
    case NVME_LOG_ERROR:
      return new Uint8Array(NVME_LOG_ERROR_BYTES * (AERL + 1))
    case NVME_LOG_SMART: {
      const page = new Uint8Array(NVME_LOG_PAGE_BYTES)
      new DataView(page.buffer).setUint16(SMART_TEMPERATURE, TEMPERATURE_KELVIN, true)
      page[SMART_SPARE] = SPARE_PERCENT
      return page
    }
    case NVME_LOG_FIRMWARE: {
      const page = new Uint8Array(NVME_LOG_PAGE_BYTES)
      page[0] = 1
      page.set(FIRMWARE_REVISION, NVME_LOG_FIRMWARE_SLOT_1)
      return page
    }
    default:
      return null
  }
}
