// diskdump, the SCSI/Storport dump port: services one MDL at a time by SRBs that it polls to their end. It adds the partition
// offset and splits at the smallest of its own limit, the miniport's and the physical breaks'.
import { fromHalves, type Gva, getHalves, gpa, hex, PAGE_SIZE, TWO_TO_32 } from '@dumpstack/bytes'
import {
  MDL_MAPPED_TO_SYSTEM_VA,
  MDL_PFN_ARRAY,
  Mdl,
  type Profile,
  SRB_FLAGS_DATA_IN,
  SRB_FLAGS_DATA_OUT,
  SRB_FLAGS_DISABLE_AUTOSENSE,
  SRB_FLAGS_DISABLE_DISCONNECT,
  SRB_FLAGS_DISABLE_SYNCH_TRANSFER,
  SRB_FUNCTION_EXECUTE_SCSI,
  SRB_FUNCTION_SHUTDOWN,
  SRB_STATUS_BAD_FUNCTION,
  SRB_STATUS_INVALID_REQUEST,
  STATUS_IO_TIMEOUT,
  STATUS_SUCCESS,
  STATUS_UNSUCCESSFUL,
} from '@dumpstack/nt'
import { InquiryData, ReadCapacity16Data, ReadCapacityData } from '@dumpstack/registers'
import type { DataWindow } from '../../data-window.ts'
import type { GuestBlock, HwInitializationData, MiniportImage } from '../../miniport.ts'
import { GuestScatterGatherList, scatterGatherBytes } from '../../scatter-gather.ts'
import type { SrbBuilder } from '../../srb-builder.ts'
import type { DmaAudit } from '../dma-audit.ts'
import { type CrashEnvironment, type DumpPortSide, isSuccess } from '../environment.ts'
import type { StackContext } from '../stack-context.ts'
import { DumpAdapter } from './dump-adapter.ts'
import { PolledSrb } from './polled-srb.ts'

const BASE_FLAGS =
  SRB_FLAGS_DISABLE_AUTOSENSE | SRB_FLAGS_DISABLE_DISCONNECT | SRB_FLAGS_DISABLE_SYNCH_TRANSFER
const SMALL_BUFFER_BYTES = 0x40
const LIST_ELEMENTS = 0x21
/** No public header gives it a meaning: a probe of ours, not part of a real dump. */
const UNASSIGNED_FUNCTION = 0x7f
const BYTE_COUNT = Mdl.fields.byteCount.offset
const BYTE_OFFSET = Mdl.fields.byteOffset.offset
const MDL_FLAGS = Mdl.fields.mdlFlags.offset
const MAPPED_SYSTEM_VA = Mdl.fields.mappedSystemVa.offset

export class DiskDump implements DumpPortSide {
  readonly scatterGatherList: GuestScatterGatherList
  readonly dataWindow: DataWindow
  readonly #environment: CrashEnvironment
  readonly #adapter: DumpAdapter
  readonly #srb: PolledSrb
  readonly #sendsPerSrb: number
  readonly #smallBuffer: GuestBlock
  readonly #audit: DmaAudit
  #partitionOffset = 0
  #sectorBytes = PAGE_SIZE
  #blockCount = 0
  #failure = ''

  constructor(
    environment: CrashEnvironment,
    profile: Profile,
    context: StackContext,
    dataWindow: DataWindow,
    audit: DmaAudit,
  ) {
    this.dataWindow = dataWindow
    this.#environment = environment
    this.#audit = audit
    this.#sendsPerSrb = profile.limits.sendsPerSrb
    this.#adapter = new DumpAdapter(environment, profile, context)
    this.#srb = new PolledSrb(environment, this.#adapter, context.place, profile)
    this.#smallBuffer = environment.need(SMALL_BUFFER_BYTES)
    this.scatterGatherList = new GuestScatterGatherList(environment.need(scatterGatherBytes(LIST_ELEMENTS)))
    environment.serve(this)
  }

  /** One line: why the last routine failed. */
  get failure(): string {
    return this.#failure
  }

  get configBlock(): GuestBlock {
    return this.#adapter.configBlock
  }

  get activeSrb(): GuestBlock | null {
    return this.#srb.activeBlock
  }

  get srbExtension(): GuestBlock {
    return this.#adapter.srbExtension
  }

  logicalUnit(path: number, target: number, lun: number): GuestBlock | null {
    const { place } = this.#srb
    const isOurs = path === place.pathId && target === place.targetId && lun === place.lun
    return isOurs ? this.#adapter.logicalUnit : null
  }

  onInitialize(data: HwInitializationData): number {
    return this.#adapter.onInitialize(data)
  }

  onRequestComplete(srb: GuestBlock): void {
    this.#srb.onRequestComplete(srb)
  }

  driverEntry(miniport: MiniportImage): number {
    const status = this.#adapter.start(miniport)
    this.#failure = this.#adapter.failure
    return status
  }

  /** OpenRoutine: enumerates the disk; false when it does not answer. */
  open(partitionOffset: number): boolean {
    this.#partitionOffset = partitionOffset
    if (!isSuccess(this.#ask('INQUIRY', InquiryData.size, (srb) => srb.inquiry(InquiryData.size))))
      return false
    if (!this.#readSectorBytes()) return false
    if (this.#sectorBytes === 0 || PAGE_SIZE % this.#sectorBytes !== 0) {
      this.#failure = `the disk has sectors of ${this.#sectorBytes} bytes, which do not fill a page`
      return false
    }
    this.#askUnsupported()
    return true
  }

  /** WriteRoutine: `offset` is partition relative; the MDL's pages go to the disk in order. NTSTATUS. */
  write(offset: number, mdl: GuestBlock): number {
    const { view } = mdl
    const total = view.getUint32(BYTE_COUNT, true)
    const first = view.getUint32(BYTE_OFFSET, true)
    this.#mapMdl(view, first, total)
    for (let done = 0; done < total; ) {
      const length = Math.min(total - done, this.#adapter.maximumTransfer)
      this.#listPages(view, first + done, length)
      const block = (this.#partitionOffset + offset + done) / this.#sectorBytes
      const status = this.#transfer(block, length, this.dataWindow.addressOf(done / PAGE_SIZE))
      if (status !== STATUS_SUCCESS) return status
      done += length
    }
    this.dataWindow.unmap()
    return STATUS_SUCCESS
  }

  /** MmMapMemoryDumpMdl: the MDL's pages appear in the data window. */
  #mapMdl(mdl: DataView, byteOffset: number, byteCount: number): void {
    this.dataWindow.unmap()
    for (let at = 0; at < byteOffset + byteCount; at += PAGE_SIZE) {
      this.dataWindow.add(pageOfMdl(mdl, at / PAGE_SIZE) * PAGE_SIZE)
    }
    if (this.#adapter.mapsBuffers) this.dataWindow.map()
    mdl.setUint16(MDL_FLAGS, mdl.getUint16(MDL_FLAGS, true) | MDL_MAPPED_TO_SYSTEM_VA, true)
    mdl.setBigUint64(MAPPED_SYSTEM_VA, this.dataWindow.addressOf(0), true)
  }

  /** FinishRoutine: SYNCHRONIZE CACHE, judged by the disk, then SHUTDOWN as the last SRB (DM-47). */
  finish(): void {
    this.#srb.begin(SRB_FUNCTION_EXECUTE_SCSI, BASE_FLAGS, 0)
    this.#srb.builder.synchronizeCache()
    const { disk } = this.#environment
    const { flushCount } = disk
    if (this.#mustSucceed('SYNCHRONIZE CACHE') && disk.flushCount === flushCount) {
      const what = `ended with success, but no flush reached ${disk.name}: its cache may still hold the dump`
      this.#environment.violate('DM-47', 'SYNCHRONIZE CACHE', `SYNCHRONIZE CACHE ${what}`)
    }
    this.#srb.begin(SRB_FUNCTION_SHUTDOWN, BASE_FLAGS, 0)
    this.#mustSucceed('SHUTDOWN')
  }

  /** READ CAPACITY (16), or (10) where a miniport for small disks knows only that. */
  #readSectorBytes(): boolean {
    const { view } = this.#smallBuffer
    const length16 = ReadCapacity16Data.size
    const status = this.#ask('READ CAPACITY (16)', length16, (srb) => srb.readCapacity16(length16))
    if (isSuccess(status)) {
      const capacity = ReadCapacity16Data.at(view)
      this.#sectorBytes = capacity.bytesPerBlock
      this.#blockCount = fromHalves(capacity.logicalBlockAddressHigh, capacity.logicalBlockAddressLow) + 1
      return true
    }
    if (status === STATUS_IO_TIMEOUT) return false
    const refusal = this.#failure
    if (!isSuccess(this.#ask('READ CAPACITY (10)', ReadCapacityData.size, (srb) => srb.readCapacity10()))) {
      this.#failure = `${refusal}, ${this.#failure}`
      return false
    }
    const capacity = ReadCapacityData.at(view)
    this.#sectorBytes = capacity.bytesPerBlock
    this.#blockCount = capacity.logicalBlockAddress + 1
    return true
  }

  #mustSucceed(name: string): boolean {
    if (isSuccess(this.#srb.send(name))) return true
    this.#environment.violate('DM-47', name, `${this.#srb.failure}, expected success`)
    return false
  }

  /** STATUS_SUCCESS, or why the last send ended; after STATUS_IO_TIMEOUT the miniport still has the SRB. */
  #ask(name: string, byteLength: number, compose: (builder: SrbBuilder) => void): number {
    let status: number = STATUS_UNSUCCESSFUL
    for (let send = 0; send < this.#sendsPerSrb; send++) {
      this.#srb.begin(SRB_FUNCTION_EXECUTE_SCSI, BASE_FLAGS | SRB_FLAGS_DATA_IN, byteLength)
      this.#srb.builder.data(this.#smallBuffer.va)
      compose(this.#srb.builder)
      status = this.#srb.send(name)
      if (isSuccess(status)) return status
      this.#failure = this.#srb.failure
      if (status === STATUS_IO_TIMEOUT) return status
    }
    return status
  }

  /** DM-39, by a function that no miniport can have. */
  #askUnsupported(): void {
    const name = `SRB function ${hex(UNASSIGNED_FUNCTION)}`
    this.#srb.begin(UNASSIGNED_FUNCTION, BASE_FLAGS, 0)
    const isTimeout = this.#srb.send(name) === STATUS_IO_TIMEOUT
    const status = this.#srb.srbStatus
    if (!isTimeout && (status === SRB_STATUS_INVALID_REQUEST || status === SRB_STATUS_BAD_FUNCTION)) return
    this.#environment.violate(
      'DM-39',
      name,
      `an unsupported function ended with SRB status ${hex(status)}, expected ${hex(SRB_STATUS_INVALID_REQUEST)}`,
    )
  }

  #transfer(block: number, byteLength: number, va: Gva): number {
    let status: number = STATUS_UNSUCCESSFUL
    for (let send = 0; send < this.#sendsPerSrb; send++) {
      this.#srb.begin(SRB_FUNCTION_EXECUTE_SCSI, BASE_FLAGS | SRB_FLAGS_DATA_OUT, byteLength)
      this.#srb.builder.data(va)
      this.#srb.builder.transfer(true, block, byteLength / this.#sectorBytes)
      this.#audit.ask(block * this.#sectorBytes, byteLength, this.scatterGatherList)
      status = this.#srb.send('WRITE')
      this.#audit.settle()
      if (status === STATUS_SUCCESS) return status
      this.#failure = `${this.#srb.failure} at sector ${hex(block)}`
      if (status === STATUS_IO_TIMEOUT) return status
    }
    if (this.#srb.srbStatus === SRB_STATUS_INVALID_REQUEST) this.#blameRefusal(block, byteLength)
    this.#failure = `${this.#failure}, ${this.#sendsPerSrb} times`
    return status
  }

  /** DM-42: what lies inside the disk and inside the limits that the miniport gave has to be taken. */
  #blameRefusal(block: number, byteLength: number): void {
    const blocks = this.#blockCount
    const end = block + byteLength / this.#sectorBytes
    if (end > blocks) return
    const what = `WRITE of blocks ${hex(block)} to ${hex(end - 1)} was refused as an invalid request, on a disk of ${hex(blocks)} blocks of ${this.#sectorBytes} bytes`
    this.#environment.violate('DM-42', 'WRITE', what)
  }

  /** Bytes `from` to `from + length` of the MDL's pages. */
  #listPages(mdl: DataView, from: number, length: number): void {
    const list = this.scatterGatherList
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
        this.dataWindow.replace((at - within) / PAGE_SIZE, address)
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
