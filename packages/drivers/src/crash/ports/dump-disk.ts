// The disk that a dump goes to, by SRBs that are polled to their end: asked for its size, written one MDL at a time, flushed. Adds the
// partition offset and splits at the smallest of the port's limit, the miniport's and the physical breaks'.
import { fromHalves, type Gva, getHalves, gpa, hex, PAGE_SIZE, TWO_TO_32 } from '@dumpstack/bytes'
import {
  MDL_PFN_ARRAY,
  Mdl,
  ntSuccess,
  type Severity,
  SRB_FLAGS_DATA_IN,
  SRB_FLAGS_DATA_OUT,
  SRB_FLAGS_DISABLE_AUTOSENSE,
  SRB_FLAGS_DISABLE_DISCONNECT,
  SRB_FLAGS_DISABLE_SYNCH_TRANSFER,
  SRB_FUNCTION_EXECUTE_SCSI,
  SRB_FUNCTION_RESET_BUS,
  SRB_FUNCTION_RESET_LOGICAL_UNIT,
  SRB_FUNCTION_SHUTDOWN,
  SRB_STATUS_BAD_FUNCTION,
  SRB_STATUS_INVALID_REQUEST,
  STATUS_IO_TIMEOUT,
  STATUS_SUCCESS,
  STATUS_UNSUCCESSFUL,
  srbStatusText,
} from '@dumpstack/nt'
import { InquiryData, ReadCapacity16Data, ReadCapacityData } from '@dumpstack/registers'
import type { DataWindow } from '../../data-window.ts'
import type { DumpPortImports } from '../../dump-port.ts'
import { fillBlock } from '../../guest-block.ts'
import type { GuestBlock } from '../../miniport.ts'
import { GuestScatterGatherList, scatterGatherBytes } from '../../scatter-gather.ts'
import type { SrbBuilder } from '../../srb-builder.ts'
import { DUMP_MEMORY_PATTERN } from '../dump-memory-pattern.ts'
import type { CrashEnvironment } from '../environment.ts'
import type { DumpAdapter } from './dump-adapter.ts'
import type { PolledSrb } from './polled-srb.ts'
import type { PortMemory } from './port-memory.ts'

const BASE_FLAGS =
  SRB_FLAGS_DISABLE_AUTOSENSE | SRB_FLAGS_DISABLE_DISCONNECT | SRB_FLAGS_DISABLE_SYNCH_TRANSFER
const SMALL_BUFFER_BYTES = 0x40
/** Watched, with what of the buffer was not asked for: an answer that is longer is found there. */
const BEHIND_BYTES = 0x100
const LIST_ELEMENTS = 0x21
const RESETS = [
  [SRB_FUNCTION_RESET_BUS, 'SRB_FUNCTION_RESET_BUS'],
  [SRB_FUNCTION_RESET_LOGICAL_UNIT, 'SRB_FUNCTION_RESET_LOGICAL_UNIT'],
] as const
/** No public header gives it a meaning: a probe of ours, not part of a real dump. */
const UNASSIGNED_FUNCTION = 0x7f
const BYTE_COUNT = Mdl.fields.byteCount.offset
const BYTE_OFFSET = Mdl.fields.byteOffset.offset

export class DumpDisk {
  /** Of the SRB that runs. */
  readonly list: GuestScatterGatherList
  /** One line: why the last routine failed. */
  failure = ''
  readonly #environment: CrashEnvironment
  readonly #dataWindow: DataWindow
  readonly #adapter: DumpAdapter
  readonly #srb: PolledSrb
  readonly #sendsPerSrb: number
  readonly #memory: PortMemory
  readonly #smallBuffer: GuestBlock
  /** Of a probe: its write, once more; false where the miniport kept it. */
  #writeAgain: (() => boolean) | null = null
  #partitionOffset = 0
  #sectorBytes = PAGE_SIZE
  #blockCount = 0

  constructor(imports: DumpPortImports, adapter: DumpAdapter, srb: PolledSrb, memory: PortMemory) {
    this.#environment = imports.environment
    this.#dataWindow = imports.dataWindow
    this.#adapter = adapter
    this.#srb = srb
    this.#sendsPerSrb = imports.profile.limits.sendsPerSrb
    this.#memory = memory
    this.#smallBuffer = memory.need(SMALL_BUFFER_BYTES + BEHIND_BYTES)
    this.list = new GuestScatterGatherList(memory.need(scatterGatherBytes(LIST_ELEMENTS)))
  }

  /** Enumerates the disk; false when it does not answer. */
  open(partitionOffset: number): boolean {
    this.#partitionOffset = partitionOffset
    if (!ntSuccess(this.#ask('INQUIRY', InquiryData.size, (srb) => srb.inquiry(InquiryData.size))))
      return false
    if (!this.#readSectorBytes()) return false
    if (this.#sectorBytes === 0 || PAGE_SIZE % this.#sectorBytes !== 0) {
      this.failure = `the disk has sectors of ${this.#sectorBytes} bytes, which do not fill a page`
      return false
    }
    this.#askUnsupported()
    return true
  }

  /** The MDL's pages go to the partition in order, from `offset` on: NTSTATUS. */
  write(offset: number, mdl: GuestBlock): number {
    const { view } = mdl
    const total = view.getUint32(BYTE_COUNT, true)
    const first = view.getUint32(BYTE_OFFSET, true)
    if (this.#adapter.mapsBuffers) this.#dataWindow.map()
    for (let done = 0; done < total; ) {
      const at = first + done
      const within = at % PAGE_SIZE
      const length = Math.min(total - done, this.#adapter.maximumTransfer - within)
      this.#listPages(view, at, length)
      const block = (this.#partitionOffset + offset + done) / this.#sectorBytes
      const firstPfn = pageOfMdl(view, (at - within) / PAGE_SIZE)
      const status = this.#transfer(block, length, this.#dataWindow.addressOf(at), firstPfn)
      if (status !== STATUS_SUCCESS) return status
      done += length
    }
    return STATUS_SUCCESS
  }

  /**
   * Resets while a request runs and while none does. At the end the cache is not empty for SHUTDOWN either. False: the miniport kept a
   * request.
   */
  probe(offset: number, mdl: GuestBlock): boolean {
    const { view } = mdl
    const first = view.getUint32(BYTE_OFFSET, true)
    const length = Math.min(view.getUint32(BYTE_COUNT, true), this.#adapter.maximumTransfer)
    const show = (): void => {
      this.#listPages(view, first, length)
      if (this.#adapter.mapsBuffers) this.#dataWindow.map()
    }
    show()
    const block = (this.#partitionOffset + offset) / this.#sectorBytes
    const write = (resetsBus: boolean): boolean =>
      this.#send(block, length, this.#dataWindow.addressOf(first), resetsBus) !== STATUS_IO_TIMEOUT
    if (!write(true)) return false
    for (const [srbFunction, name] of RESETS) {
      this.#srb.begin(srbFunction, BASE_FLAGS, 0)
      const status = this.#environment.inReset(() => this.#srb.send(name))
      const { startWrites } = this.#srb
      if (startWrites > 0) {
        const what = `${name} made the miniport write ${startWrites} registers, expected none in dump mode`
        this.#environment.violateInRequest('DM-37', name, what, 'warning')
      }
      if (status === STATUS_IO_TIMEOUT) return false
    }
    // whatever the resets did, the data is there again; SYNCHRONIZE CACHE finds it in the cache, and SHUTDOWN after it once more
    this.#writeAgain = () => {
      for (let at = 0; at < first + length; at += PAGE_SIZE)
        this.#dataWindow.add(pageOfMdl(view, at / PAGE_SIZE) * PAGE_SIZE)
      show()
      const hasEnded = write(false)
      this.#dataWindow.unmap()
      return hasEnded
    }
    return write(false)
  }

  /** SYNCHRONIZE CACHE, judged by the disk, then SHUTDOWN as the last SRB (DM-47). */
  finish(): void {
    this.#srb.begin(SRB_FUNCTION_EXECUTE_SCSI, BASE_FLAGS, 0)
    this.#srb.builder.synchronizeCache()
    const { disk } = this.#environment.controller.attachments[0]!
    if (this.#mustSucceed('SYNCHRONIZE CACHE') && disk.isCacheDirty) {
      const what = `ended with success, but no flush reached ${disk.name}: its cache may still hold the dump`
      this.#environment.violateInRequest('DM-47', 'SYNCHRONIZE CACHE', `SYNCHRONIZE CACHE ${what}`)
    }
    // nothing comes after SHUTDOWN: a controller may be off then
    const isProbed = this.#writeAgain !== null
    if (this.#writeAgain?.() !== false) this.#shutdown(isProbed ? 'warning' : 'fail')
    const unasked = this.#memory.unaskedChange()
    if (unasked === null) return
    const severity = unasked.isPromised ? 'warning' : 'fail'
    this.#environment.violateInRequest('stray-memory', 'WRITE', unasked.message, severity)
  }

  /** `severity`: of a cache that is left as it is. */
  #shutdown(severity: Severity): void {
    const { disk } = this.#environment.controller.attachments[0]!
    this.#srb.begin(SRB_FUNCTION_SHUTDOWN, BASE_FLAGS, 0)
    if (this.#mustSucceed('SHUTDOWN') && disk.isCacheDirty) {
      const what = `SHUTDOWN ended with success, but ${disk.name} still has writes in its cache`
      this.#environment.violateInRequest('DM-47', 'SHUTDOWN', what, severity)
    }
  }

  /** READ CAPACITY (16), or (10) where a miniport for small disks knows only that. */
  #readSectorBytes(): boolean {
    const { view } = this.#smallBuffer
    const length16 = ReadCapacity16Data.size
    const status = this.#ask('READ CAPACITY (16)', length16, (srb) => srb.readCapacity16(length16))
    if (ntSuccess(status)) {
      const capacity = ReadCapacity16Data.at(view)
      this.#sectorBytes = capacity.bytesPerBlock
      this.#blockCount = fromHalves(capacity.logicalBlockAddressHigh, capacity.logicalBlockAddressLow) + 1
      return true
    }
    if (status === STATUS_IO_TIMEOUT) return false
    const refusal = this.failure
    if (!ntSuccess(this.#ask('READ CAPACITY (10)', ReadCapacityData.size, (srb) => srb.readCapacity10()))) {
      this.failure = `${refusal}, ${this.failure}`
      return false
    }
    const capacity = ReadCapacityData.at(view)
    this.#sectorBytes = capacity.bytesPerBlock
    this.#blockCount = capacity.logicalBlockAddress + 1
    return true
  }

  #mustSucceed(name: string): boolean {
    if (ntSuccess(this.#srb.send(name))) return true
    this.#environment.violateInRequest('DM-47', name, `${this.#srb.failure}, expected success`)
    return false
  }

  /** STATUS_SUCCESS, or why the last send ended; after STATUS_IO_TIMEOUT the miniport still has the SRB. */
  #ask(name: string, byteLength: number, compose: (builder: SrbBuilder) => void): number {
    let status: number = STATUS_UNSUCCESSFUL
    for (let send = 0; send < this.#sendsPerSrb; send++) {
      this.#srb.begin(SRB_FUNCTION_EXECUTE_SCSI, BASE_FLAGS | SRB_FLAGS_DATA_IN, byteLength)
      this.#srb.builder.data(this.#smallBuffer.va)
      compose(this.#srb.builder)
      fillBlock(this.#smallBuffer, DUMP_MEMORY_PATTERN)
      status = this.#srb.send(name)
      this.#judgeBehind(name, byteLength)
      if (ntSuccess(status)) return status
      this.failure = this.#srb.failure
      if (status === STATUS_IO_TIMEOUT) return status
    }
    return status
  }

  #judgeBehind(name: string, byteLength: number): void {
    const { view } = this.#smallBuffer
    let end = view.byteLength
    while (end > byteLength && view.getUint8(end - 1) === DUMP_MEMORY_PATTERN) end--
    if (end === byteLength) return
    const what = `${name} was answered with ${hex(end)} bytes, its DataBuffer has ${hex(byteLength)}`
    this.#environment.violateInRequest('stray-memory', name, what)
  }

  /** DM-39, by a function that no miniport can have. */
  #askUnsupported(): void {
    const name = `SRB function ${hex(UNASSIGNED_FUNCTION)}`
    this.#srb.begin(UNASSIGNED_FUNCTION, BASE_FLAGS, 0)
    const isTimeout = this.#srb.send(name) === STATUS_IO_TIMEOUT
    const status = this.#srb.srbStatus
    if (!isTimeout && (status === SRB_STATUS_INVALID_REQUEST || status === SRB_STATUS_BAD_FUNCTION)) return
    this.#environment.violateInRequest(
      'DM-39',
      name,
      `an unsupported function ended with ${srbStatusText(status)}, expected ${srbStatusText(SRB_STATUS_INVALID_REQUEST)}`,
    )
  }

  #send(block: number, byteLength: number, va: Gva, resetsBus: boolean): number {
    this.#srb.begin(SRB_FUNCTION_EXECUTE_SCSI, BASE_FLAGS | SRB_FLAGS_DATA_OUT, byteLength)
    this.#srb.builder.data(va)
    this.#srb.builder.transfer(true, block, byteLength / this.#sectorBytes)
    this.#environment.dma.ask(block * this.#sectorBytes, byteLength, this.list)
    const status = this.#srb.send('WRITE', { isWrite: true, resetsBus })
    this.#environment.dma.settle()
    return status
  }

  #transfer(block: number, byteLength: number, va: Gva, firstPfn: number): number {
    let status: number = STATUS_UNSUCCESSFUL
    const blockCount = byteLength / this.#sectorBytes
    const { machine, onWrite } = this.#environment
    for (let send = 0; send < this.#sendsPerSrb; send++) {
      status = this.#send(block, byteLength, va, false)
      onWrite?.(machine.nowNs, block, blockCount, this.#sectorBytes, firstPfn, this.#srb.srbStatus)
      if (status === STATUS_SUCCESS) return status
      this.failure = `${this.#srb.failure} at sector ${hex(block)}`
      if (status === STATUS_IO_TIMEOUT) return status
    }
    if (this.#srb.srbStatus === SRB_STATUS_INVALID_REQUEST) this.#blameRefusal(block, byteLength)
    this.failure = `${this.failure}, ${this.#sendsPerSrb} times`
    return status
  }

  /** DM-42: what lies inside the disk and inside the limits that the miniport gave has to be taken. */
  #blameRefusal(block: number, byteLength: number): void {
    const blocks = this.#blockCount
    const end = block + byteLength / this.#sectorBytes
    if (end > blocks) return
    const what = `WRITE of blocks ${hex(block)} to ${hex(end - 1)} was refused as an invalid request, on a disk of ${hex(blocks)} blocks of ${this.#sectorBytes} bytes`
    this.#environment.violateInRequest('DM-42', 'WRITE', what)
  }

  /** Bytes `from` to `from + length` of the MDL's pages. */
  #listPages(mdl: DataView, from: number, length: number): void {
    const list = this.list
    const { bounceBuffer } = this.#adapter
    list.clear()
    let at = from
    let bounced = 0
    const end = from + length
    while (at < end) {
      const within = at % PAGE_SIZE
      const piece = Math.min(PAGE_SIZE - within, end - at)
      const page = pageOfMdl(mdl, (at - within) / PAGE_SIZE)
      let address = page * PAGE_SIZE
      if (bounceBuffer !== null && address >= TWO_TO_32) {
        address = this.#bounce(bounceBuffer, bounced++, address)
        this.#dataWindow.replace((at - within) / PAGE_SIZE, address)
      }
      list.append(address + within, piece)
      at += piece
    }
  }

  /** The copy of a page in page `index` of the buffer. */
  #bounce(buffer: GuestBlock, index: number, address: number): number {
    const { ram } = this.#environment.machine
    const to = buffer.gpa + index * PAGE_SIZE
    ram.write(gpa(to), ram.span(gpa(address), PAGE_SIZE))
    return to
  }
}

function pageOfMdl(mdl: DataView, index: number): number {
  return getHalves(mdl, MDL_PFN_ARRAY + index * 8)
}
