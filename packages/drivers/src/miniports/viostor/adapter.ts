// The virtio block device and its one queue. In dump mode it resets the live device (DM-29), has one request in flight (DM-24), and
// looks at the used ring alone when it is polled (DM-19).
import { PAGE_SIZE } from '@dumpstack/bytes'
import {
  type PortConfigurationInformation,
  SCSI_DMA64_MINIPORT_SUPPORTED,
  SP_RETURN_ERROR,
  SP_RETURN_FOUND,
  SP_RETURN_NOT_FOUND,
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
} from '@dumpstack/registers'
import { partOf } from '../../guest-block.ts'
import type { GuestBlock, ScatterGatherList } from '../../miniport.ts'
import { DiskAdapter } from '../disk/disk-adapter.ts'
import type { DiskIdentity } from '../disk/emulated-commands.ts'
import { MAX_PHYSICAL_BREAKS, MAX_SLOTS, MAX_TRANSFER_LENGTH, OWN_FACTS } from '../disk/layouts.ts'
import { BlkCommand, type BlkRequest } from './blk-command.ts'
import {
  MAX_QUEUE_SIZE,
  UNCACHED_ALIGNMENT,
  UNCACHED_AVAIL,
  UNCACHED_BYTES,
  UNCACHED_DESCRIPTORS,
  UNCACHED_REQUEST,
  UNCACHED_REQUEST_BYTES,
  UNCACHED_SERIAL_NUMBER,
  UNCACHED_USED,
  VirtioBlkFacts,
} from './layouts.ts'
import { VirtioPci } from './virtio-pci.ts'
import { Virtqueue } from './virtqueue.ts'

const WANTED =
  VIRTIO_BLK_F_SEG_MAX |
  VIRTIO_BLK_F_BLK_SIZE |
  VIRTIO_BLK_F_FLUSH |
  VIRTIO_BLK_F_TOPOLOGY |
  VIRTIO_F_INDIRECT_DESC
const ALIGNMENT_MASK = 0
// As the field's driver answers INQUIRY
const VENDOR_ID = 'Red Hat'
const PRODUCT_ID = 'VirtIO'
const PRODUCT_REVISION = '0001'

export class VirtioBlkAdapter extends DiskAdapter<BlkRequest> {
  #facts!: VirtioBlkFacts
  #device!: VirtioPci
  #queue!: Virtqueue

  get maximumSectors(): number {
    return MAX_TRANSFER_LENGTH / this.disk.sectorBytes
  }

  get identity(): DiskIdentity {
    return {
      isQueued: true,
      vendorId: VENDOR_ID,
      productId: PRODUCT_ID,
      productRevision: PRODUCT_REVISION,
      serialNumber: String.fromCharCode(...this.#facts.serialNumber.filter((byte) => byte !== 0)),
    }
  }

  protected find(config: PortConfigurationInformation, configInfo: GuestBlock): number {
    this.#facts = VirtioBlkFacts.at(this.deviceExtension.view, OWN_FACTS)
    const device = VirtioPci.find(this.port, this.deviceExtension, config)
    if (device === null) return SP_RETURN_NOT_FOUND
    this.#device = device
    const features = device.negotiate(WANTED)
    if (features === null || (features & VIRTIO_F_INDIRECT_DESC) === 0) return SP_RETURN_ERROR
    if (!this.#readFacts(features)) return SP_RETURN_ERROR
    if (!this.allocateUncached(configInfo, UNCACHED_BYTES, UNCACHED_ALIGNMENT)) return SP_RETURN_ERROR
    this.#queue = new Virtqueue(this.uncached.view, this.#facts)
    const { segments, hasFlush } = this.#facts
    this.configure(config, {
      maximumTransferLength: Math.min(MAX_TRANSFER_LENGTH, (segments - 1) * PAGE_SIZE),
      numberOfPhysicalBreaks: segments,
      alignmentMask: ALIGNMENT_MASK,
    })
    config.cachesData = hasFlush
    config.dma64BitAddresses |= SCSI_DMA64_MINIPORT_SUPPORTED
    return SP_RETURN_FOUND
  }

  protected bringUp(): boolean {
    if (!this.#start() || !this.#readSerialNumber()) return false
    this.disk.isReady = 1
    this.#queue.askForInterrupts(!this.isDump)
    this.port.setDeviceQueueDepth(this.deviceExtension, 0, 0, 0, this.disk.slots)
    return true
  }

  composeTransfer(
    { command }: BlkRequest,
    isWrite: boolean,
    sector: number,
    _count: number,
    list: ScatterGatherList,
  ): void {
    command.composeTransfer(isWrite, sector * this.disk.sectorBytes, list)
  }

  composeFlush({ command }: BlkRequest): boolean {
    if (this.#facts.hasFlush === 0) return false
    command.composeFlush()
    return true
  }

  /** A virtio disk has no power of its own: what was written must not stay in its cache. */
  composeShutdown(request: BlkRequest): boolean {
    return this.composeFlush(request)
  }

  issue(request: BlkRequest): boolean {
    const slot = this.freeSlot()
    if (slot < 0) return false
    this.occupy(slot, request)
    this.#queue.add(slot, request.command.table, request.command.tableBytes)
    this.#device.notify()
    return true
  }

  interrupt(): boolean {
    if (this.isDump) {
      if (this.disk.outstanding === 0) return false
      if (!this.completeFinished() && this.#device.needsReset) this.reset()
      return true
    }
    const isr = this.#device.takeIsr()
    if (isr === 0) return false
    if ((isr & VIRTIO_PCI_ISR_CONFIG) !== 0 && this.#device.needsReset) this.reset()
    else this.completeSoon()
    return true
  }

  /** The device starts again; what it had not ended fails. */
  reset(): void {
    this.completeFinished()
    this.disk.isReady = this.#start() ? 1 : 0
    this.release(this.disk.outstanding, false)
  }

  /** Reset, features, queue, DRIVER_OK. */
  #start(): boolean {
    if (this.#device.negotiate(WANTED) === null) return false
    this.#queue.clear()
    this.#queue.askForInterrupts(!this.isDump)
    const { gpa } = this.uncached
    this.#device.start(
      this.#facts.queueSize,
      gpa + UNCACHED_DESCRIPTORS,
      gpa + UNCACHED_AVAIL,
      gpa + UNCACHED_USED,
    )
    return true
  }

  /** Sections 5.2.4 and 5.2.5; without a feature its field has no meaning. */
  #readFacts(features: number): boolean {
    const device = this.#device
    const { disk } = this
    const facts = this.#facts
    const { capacity, segMax, blkSize, physicalBlockExp } = VirtioBlkConfig.fields
    const has = (feature: number): boolean => (features & feature) !== 0
    const sectorBytes = has(VIRTIO_BLK_F_BLK_SIZE)
      ? device.deviceConfig32(blkSize.offset)
      : VIRTIO_BLK_SECTOR_BYTES
    const segments = has(VIRTIO_BLK_F_SEG_MAX) ? device.deviceConfig32(segMax.offset) : MAX_PHYSICAL_BREAKS
    if (sectorBytes < VIRTIO_BLK_SECTOR_BYTES || PAGE_SIZE % sectorBytes !== 0 || segments < 2) return false
    disk.sectorBytes = sectorBytes
    disk.sectorCount = Math.floor(
      device.deviceConfig64(capacity.offset) / (sectorBytes / VIRTIO_BLK_SECTOR_BYTES),
    )
    disk.logicalPerPhysicalExponent = has(VIRTIO_BLK_F_TOPOLOGY)
      ? device.deviceConfig8(physicalBlockExp.offset) & 0xf
      : 0
    facts.hasFlush = has(VIRTIO_BLK_F_FLUSH) ? 1 : 0
    facts.segments = Math.min(segments, MAX_PHYSICAL_BREAKS)
    facts.queueSize = Math.min(device.queueSize, MAX_QUEUE_SIZE)
    disk.slots = this.isDump ? 1 : Math.min(facts.queueSize, MAX_SLOTS)
    return facts.queueSize > 0
  }

  /** GET_ID, in slot 0. A device that has none answers so. */
  #readSerialNumber(): boolean {
    const command = new BlkCommand(partOf(this.uncached, UNCACHED_REQUEST, UNCACHED_REQUEST_BYTES))
    const serialNumber = partOf(this.uncached, UNCACHED_SERIAL_NUMBER, VIRTIO_BLK_ID_BYTES)
    command.composeGetId(serialNumber.gpa, VIRTIO_BLK_ID_BYTES)
    this.#queue.askForInterrupts(false)
    this.#queue.add(0, command.table, command.tableBytes)
    this.#device.notify()
    this.waitWhile(() => command.isPending)
    if (command.isPending) return false
    this.#queue.takeUsed()
    if (command.isGood) {
      const { buffer, byteOffset } = serialNumber.view
      this.#facts.serialNumber = new Uint8Array(buffer, byteOffset, VIRTIO_BLK_ID_BYTES)
    }
    return true
  }

  /** What is on the used ring. */
  protected completeFinished(): boolean {
    let any = false
    for (;;) {
      const slot = this.#queue.takeUsed()
      if (slot < 0) return any
      // DM-30: only what this instance sent
      if (slot >= MAX_SLOTS || (this.disk.outstanding & (1 << slot)) === 0) continue
      any = true
      this.release(1 << slot, this.requestIn(slot).command.isGood)
    }
  }
}
