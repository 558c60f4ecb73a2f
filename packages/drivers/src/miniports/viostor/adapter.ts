// The virtio block device and its one queue: HwFindAdapter, HwInitialize, HwInterrupt, resets. The same code runs the boot disk and
// writes the dump; in dump mode it resets the live device (DM-29), is ready when HwInitialize returns (DM-09, DM-10), has one
// request in flight (DM-24), and looks at the used ring alone when it is polled (DM-19).
import { gpa, gva } from '@dumpstack/bytes'
import {
  DUMP_MODE_NORMAL,
  PortConfigurationInformation,
  SCSI_DMA64_MINIPORT_SUPPORTED,
  SP_RETURN_ERROR,
  SP_RETURN_FOUND,
  SP_RETURN_NOT_FOUND,
  STOR_MAP_NON_READ_WRITE_BUFFERS,
  STOR_SYNCHRONIZE_FULL_DUPLEX,
} from '@dumpstack/nt'
import {
  VIRTIO_BLK_F_BLK_SIZE,
  VIRTIO_BLK_F_FLUSH,
  VIRTIO_BLK_F_SEG_MAX,
  VIRTIO_BLK_F_TOPOLOGY,
  VIRTIO_BLK_ID_BYTES,
  VIRTIO_BLK_SECTOR_BYTES,
  VIRTIO_F_INDIRECT_DESC,
  VIRTIO_PCI_ISR_CONFIG,
  VirtioBlkConfig,
} from '@dumpstack/spec'
import type { GuestBlock, PortExports, StorDpc } from '../../miniport.ts'
import type { RequestTable } from '../disk/request-table.ts'
import { BlkCommand, type BlkRequest } from './blk-command.ts'
import {
  ADAPTER_EXTENSION_SLOT_SRB,
  AdapterExtension,
  MAXIMUM_QUEUE_SIZE,
  MAXIMUM_SEGMENTS,
  MAXIMUM_SLOTS,
  MAXIMUM_TRANSFER_LENGTH,
  UNCACHED_ALIGNMENT,
  UNCACHED_AVAIL,
  UNCACHED_BYTES,
  UNCACHED_DESCRIPTORS,
  UNCACHED_REQUEST,
  UNCACHED_SERIAL_NUMBER,
  UNCACHED_USED,
} from './layouts.ts'
import { VirtioPci } from './virtio-pci.ts'
import { Virtqueue } from './virtqueue.ts'

const WANTED =
  VIRTIO_BLK_F_SEG_MAX |
  VIRTIO_BLK_F_BLK_SIZE |
  VIRTIO_BLK_F_FLUSH |
  VIRTIO_BLK_F_TOPOLOGY |
  VIRTIO_F_INDIRECT_DESC
const PAGE_BYTES = 0x1000
const ALIGNMENT_MASK = 0
const OWN_REQUEST_STEP_US = 100
const OWN_REQUEST_STEPS = 50_000

/** Called for each request that ended, its slot free again. */
export type Completion = (request: BlkRequest, isGood: boolean) => void

export class VirtioBlkAdapter {
  readonly #port: PortExports
  readonly #complete: Completion
  readonly #requests: RequestTable<BlkRequest>
  #isDump: boolean
  #block!: GuestBlock
  #extension!: AdapterExtension
  #device!: VirtioPci
  #uncached!: GuestBlock
  #queue!: Virtqueue
  #dpc: StorDpc | null = null

  constructor(port: PortExports, isDump: boolean, requests: RequestTable<BlkRequest>, complete: Completion) {
    this.#port = port
    this.#requests = requests
    this.#isDump = isDump
    this.#complete = complete
  }

  get extension(): AdapterExtension {
    return this.#extension
  }

  get isDump(): boolean {
    return this.#isDump
  }

  findAdapter(deviceExtension: GuestBlock, argumentString: string, configInfo: GuestBlock): number {
    const config = PortConfigurationInformation.at(configInfo.view)
    if (argumentString.toLowerCase().includes('dump=1') || config.dumpMode !== DUMP_MODE_NORMAL) {
      this.#isDump = true
    }
    this.#block = deviceExtension
    this.#extension = AdapterExtension.at(deviceExtension.view)
    this.#extension.dumpMode = this.#isDump ? 1 : 0
    const device = VirtioPci.find(this.#port, deviceExtension)
    if (device === null) return SP_RETURN_NOT_FOUND
    this.#device = device
    const features = device.negotiate(WANTED)
    if (features === null || (features & VIRTIO_F_INDIRECT_DESC) === 0) return SP_RETURN_ERROR
    if (!this.#readFacts(features) || !this.#allocate(configInfo)) return SP_RETURN_ERROR
    this.#configure(config)
    return SP_RETURN_FOUND
  }

  /** HwInitialize: in dump mode the disk is ready afterwards (DM-10), else passive initialisation makes it so. */
  initialize(): boolean {
    if (this.#isDump) return this.#bringUp()
    this.#dpc = this.#port.initializeDpc(this.#block, () => this.#completeUsed())
    return this.#port.enablePassiveInitialization(this.#block, () => this.#bringUp())
  }

  /** Sends a composed request; false when no slot is free. */
  issue(request: BlkRequest): boolean {
    const extension = this.#extension
    const { outstanding } = extension
    const free = ~outstanding
    const slot = 31 - Math.clz32(free & -free)
    if (slot < 0 || slot >= extension.slots) return false
    this.#block.view.setBigUint64(ADAPTER_EXTENSION_SLOT_SRB + slot * 8, request.block.va, true)
    extension.outstanding = outstanding | (1 << slot)
    this.#queue.add(slot, request.command.table, request.command.tableBytes)
    this.#device.notify()
    return true
  }

  interrupt(): boolean {
    if (this.#isDump) {
      if (this.#extension.outstanding === 0) return false
      if (!this.#completeUsed() && this.#device.needsReset) this.reset()
      return true
    }
    const isr = this.#device.takeIsr()
    if (isr === 0) return false
    if ((isr & VIRTIO_PCI_ISR_CONFIG) !== 0 && this.#device.needsReset) this.reset()
    else if (this.#dpc !== null) this.#port.issueDpc(this.#block, this.#dpc)
    return true
  }

  /** The device starts again; what it had not ended fails. */
  reset(): void {
    this.#completeUsed()
    this.#extension.isReady = this.#start() ? 1 : 0
    const outstanding = this.#extension.outstanding
    for (let slot = 0; slot < MAXIMUM_SLOTS; slot++) {
      if ((outstanding & (1 << slot)) !== 0) this.#release(slot, false)
    }
  }

  #bringUp(): boolean {
    if (!this.#start() || !this.#readSerialNumber()) return false
    this.#extension.isReady = 1
    this.#queue.askForInterrupts(!this.#isDump)
    this.#port.setDeviceQueueDepth(this.#block, 0, 0, 0, this.#extension.slots)
    return true
  }

  /** Reset, features, queue, DRIVER_OK. */
  #start(): boolean {
    if (this.#device.negotiate(WANTED) === null) return false
    this.#queue.clear()
    this.#queue.askForInterrupts(!this.#isDump)
    this.#device.start(
      this.#extension.queueSize,
      this.#uncachedGpa(UNCACHED_DESCRIPTORS),
      this.#uncachedGpa(UNCACHED_AVAIL),
      this.#uncachedGpa(UNCACHED_USED),
    )
    return true
  }

  /** Sections 5.2.4 and 5.2.5; without a feature its field has no meaning. */
  #readFacts(features: number): boolean {
    const device = this.#device
    const extension = this.#extension
    const { capacity, segMax, blkSize, physicalBlockExp } = VirtioBlkConfig.fields
    const has = (feature: number): boolean => (features & feature) !== 0
    const sectorBytes = has(VIRTIO_BLK_F_BLK_SIZE)
      ? device.deviceConfig32(blkSize.offset)
      : VIRTIO_BLK_SECTOR_BYTES
    const segments = has(VIRTIO_BLK_F_SEG_MAX) ? device.deviceConfig32(segMax.offset) : MAXIMUM_SEGMENTS
    if (sectorBytes < VIRTIO_BLK_SECTOR_BYTES || PAGE_BYTES % sectorBytes !== 0 || segments < 2) return false
    extension.sectorBytes = sectorBytes
    extension.sectorCount = Math.floor(
      device.deviceConfig64(capacity.offset) / (sectorBytes / VIRTIO_BLK_SECTOR_BYTES),
    )
    extension.logicalPerPhysicalExponent = has(VIRTIO_BLK_F_TOPOLOGY)
      ? device.deviceConfig8(physicalBlockExp.offset) & 0xf
      : 0
    extension.hasFlush = has(VIRTIO_BLK_F_FLUSH) ? 1 : 0
    extension.segments = Math.min(segments, MAXIMUM_SEGMENTS)
    extension.queueSize = Math.min(device.queueSize, MAXIMUM_QUEUE_SIZE)
    extension.slots = this.#isDump ? 1 : Math.min(extension.queueSize, MAXIMUM_SLOTS)
    return extension.queueSize > 0
  }

  #allocate(configInfo: GuestBlock): boolean {
    // DM-13: the block may be less aligned than at runtime.
    const block = this.#port.getUncachedExtension(
      this.#block,
      configInfo,
      UNCACHED_BYTES + UNCACHED_ALIGNMENT,
    )
    if (block === null) return false
    const slack = block.gpa % UNCACHED_ALIGNMENT
    const offset = slack === 0 ? 0 : UNCACHED_ALIGNMENT - slack
    this.#uncached = block
    this.#extension.uncachedOffset = offset
    const { buffer, byteOffset } = block.view
    this.#queue = new Virtqueue(new DataView(buffer, byteOffset + offset, UNCACHED_BYTES), this.#extension)
    return true
  }

  #configure(config: PortConfigurationInformation): void {
    const { segments } = this.#extension
    config.maximumTransferLength = Math.min(MAXIMUM_TRANSFER_LENGTH, (segments - 1) * PAGE_BYTES)
    config.numberOfPhysicalBreaks = segments
    config.alignmentMask = ALIGNMENT_MASK
    config.numberOfBuses = 1
    config.maximumNumberOfTargets = 1
    config.maximumNumberOfLogicalUnits = 1
    config.scatterGather = 1
    config.master = 1
    config.cachesData = this.#extension.hasFlush
    config.mapBuffers = STOR_MAP_NON_READ_WRITE_BUFFERS
    config.synchronizationModel = STOR_SYNCHRONIZE_FULL_DUPLEX
    config.resetTargetSupported = 1
    config.dma64BitAddresses |= SCSI_DMA64_MINIPORT_SUPPORTED
  }

  #uncachedGpa(offset: number): number {
    return this.#uncached.gpa + this.#extension.uncachedOffset + offset
  }

  /** GET_ID in slot 0, polled by the miniport itself with a bounded count (DM-26). A device that has none answers so. */
  #readSerialNumber(): boolean {
    const at = this.#extension.uncachedOffset
    const { buffer, byteOffset } = this.#uncached.view
    const command = new BlkCommand({
      va: gva(this.#uncached.va + BigInt(at + UNCACHED_REQUEST)),
      gpa: gpa(this.#uncachedGpa(UNCACHED_REQUEST)),
      view: new DataView(buffer, byteOffset + at + UNCACHED_REQUEST),
    })
    const serialNumber = new Uint8Array(buffer, byteOffset + at + UNCACHED_SERIAL_NUMBER, VIRTIO_BLK_ID_BYTES)
    serialNumber.fill(0)
    command.composeGetId(this.#uncachedGpa(UNCACHED_SERIAL_NUMBER), VIRTIO_BLK_ID_BYTES)
    this.#queue.askForInterrupts(false)
    this.#queue.add(0, command.table, command.tableBytes)
    this.#device.notify()
    for (let steps = 0; command.isPending && steps < OWN_REQUEST_STEPS; steps++) {
      this.#port.stallExecution(OWN_REQUEST_STEP_US)
    }
    if (command.isPending) return false
    this.#queue.takeUsed()
    if (command.isGood) this.#extension.serialNumber = serialNumber
    return true
  }

  /** Requests on the used ring end; whether there was one. */
  #completeUsed(): boolean {
    const extension = this.#extension
    let any = false
    for (;;) {
      const slot = this.#queue.takeUsed()
      if (slot < 0) return any
      // DM-30: only what this instance sent
      if (slot >= MAXIMUM_SLOTS || (extension.outstanding & (1 << slot)) === 0) continue
      any = true
      this.#release(slot, true)
    }
  }

  /** `isReported`: the device ended it, well or not. */
  #release(slot: number, isReported: boolean): void {
    this.#extension.outstanding &= ~(1 << slot)
    const request = this.#requests.pointedTo(this.#block.view, ADAPTER_EXTENSION_SLOT_SRB + slot * 8)
    this.#complete(request, isReported && request.command.isGood)
  }
}
