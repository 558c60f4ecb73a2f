// The controller and its one namespace. The running system spreads its requests over several queue pairs; in dump mode the live
// controller is reset (DM-29), and one pair without interrupts takes one request at a time (DM-24), polled by the phase of its completions.
import { fromHalves, gva, highHalf, lowHalf, PAGE_SIZE } from '@dumpstack/bytes'
import {
  type PortConfigurationInformation,
  SCSI_DMA64_MINIPORT_SUPPORTED,
  SP_RETURN_ERROR,
  SP_RETURN_FOUND,
  SP_RETURN_NOT_FOUND,
} from '@dumpstack/nt'
import {
  CAP_HIGH_DSTRD_MASK,
  CAP_HIGH_MPS_MASK,
  CAP_HIGH_MPSMIN_SHIFT,
  CAP_MQES_MASK,
  CAP_TO_MS,
  CAP_TO_SHIFT,
  NVME_ADMIN_CREATE_CQ,
  NVME_ADMIN_CREATE_SQ,
  NVME_ADMIN_IDENTIFY,
  NVME_ADMIN_SET_FEATURES,
  NVME_CAP,
  NVME_CAP_HIGH,
  NVME_CNS_CONTROLLER,
  NVME_CNS_NAMESPACE,
  NVME_CQ_IEN,
  NVME_DOORBELL_BYTES,
  NVME_FEATURE_QUEUES,
  NVME_FLBAS_MASK,
  NVME_LBAF_LBADS_MASK,
  NVME_LBAF_LBADS_SHIFT,
  NVME_PAGE_SHIFT,
  NVME_QUEUE_PC,
  NVME_QUEUE_UPPER_SHIFT,
  NVME_VWC_PRESENT,
  NvmeCommand,
  NvmeIdentifyController,
  NvmeIdentifyNamespace,
  PCI_BASE_ADDRESS_0,
  PCI_CLASS_CODE,
  PCI_CLASS_NVME,
} from '@dumpstack/registers'
import { fillBlock, partOf } from '../../guest-block.ts'
import type { GuestBlock, ScatterGatherList } from '../../miniport.ts'
import { DiskAdapter } from '../disk/disk-adapter.ts'
import type { DiskIdentity } from '../disk/emulated-commands.ts'
import { MAX_PHYSICAL_BREAKS, MAX_SLOTS, MAX_TRANSFER_LENGTH, OWN_FACTS } from '../disk/layouts.ts'
import { NvmeController } from './controller.ts'
import {
  completionsAt,
  DUMP_PAIRS,
  MAX_ENTRIES,
  MAX_PAIRS,
  MEMORY_ALIGNMENT,
  MEMORY_IDENTIFY,
  memoryBytes,
  NvmeFacts,
  OWN_CID,
  submissionsAt,
} from './layouts.ts'
import { NSID, type NvmeRequest } from './nvme-command.ts'

const ADMIN_QUEUE = 0
const REGISTERS_RANGE = 0
const SHIFT_512 = 9
// SCSI translation of NVMe (NVM Express: SCSI Translation Reference 1.5, section 6.1.1)
const VENDOR_ID = 'NVMe'
/** PRP entries are dword aligned. */
const ALIGNMENT_MASK = 3

export class NvmeAdapter extends DiskAdapter<NvmeRequest> {
  #facts!: NvmeFacts
  #controller!: NvmeController
  readonly #own = new Uint8Array(NvmeCommand.size)
  /** Dword 0 of the completion of the miniport's own command. */
  #result = 0
  readonly #ownCommand = NvmeCommand.of(this.#own)

  get maximumSectors(): number {
    return this.#facts.maxTransferBytes / this.disk.sectorBytes
  }

  get identity(): DiskIdentity {
    const { productId, productRevision, serialNumber } = this.#facts
    return {
      isQueued: true,
      vendorId: VENDOR_ID,
      productId: String.fromCharCode(...productId),
      productRevision: String.fromCharCode(...productRevision),
      serialNumber: String.fromCharCode(...serialNumber),
    }
  }

  protected find(config: PortConfigurationInformation, configInfo: GuestBlock): number {
    const { port, deviceExtension } = this
    const { systemIoBusNumber, slotNumber } = config
    const bus = port.getBusData(deviceExtension, systemIoBusNumber, slotNumber, 0, PCI_BASE_ADDRESS_0)
    const isNvme = bus.byteLength >= PCI_BASE_ADDRESS_0 && fromBytes(bus, PCI_CLASS_CODE) === PCI_CLASS_NVME
    const registers = isNvme ? port.getDeviceBase(deviceExtension, REGISTERS_RANGE) : null
    if (registers === null) return SP_RETURN_NOT_FOUND
    const facts = NvmeFacts.at(deviceExtension.view, OWN_FACTS)
    this.#facts = facts
    this.#controller = new NvmeController(registers, port, facts)
    const cap = registers.read32(NVME_CAP)
    const capHigh = registers.read32(NVME_CAP_HIGH)
    if (((capHigh >>> CAP_HIGH_MPSMIN_SHIFT) & CAP_HIGH_MPS_MASK) !== 0) return SP_RETURN_ERROR
    facts.doorbellStride = NVME_DOORBELL_BYTES << (capHigh & CAP_HIGH_DSTRD_MASK)
    facts.readyMs = (cap >>> CAP_TO_SHIFT) * CAP_TO_MS
    facts.entries = Math.min((cap & CAP_MQES_MASK) + 1, MAX_ENTRIES)
    if (!this.#takeMemory(config, configInfo) || !this.#controller.enable() || !this.#identify())
      return SP_RETURN_ERROR
    this.configure(config, {
      maximumTransferLength: facts.maxTransferBytes,
      numberOfPhysicalBreaks: facts.maxTransferBytes / PAGE_SIZE + 1,
      alignmentMask: ALIGNMENT_MASK,
    })
    config.cachesData = facts.hasWriteCache
    config.dma64BitAddresses |= SCSI_DMA64_MINIPORT_SUPPORTED
    return SP_RETURN_FOUND
  }

  protected bringUp(): boolean {
    if (!this.#createQueues()) return false
    this.disk.isReady = 1
    if (!this.isDump) this.#controller.unmaskLine()
    this.port.setDeviceQueueDepth(this.deviceExtension, 0, 0, 0, this.disk.slots)
    return true
  }

  composeTransfer(
    { command }: NvmeRequest,
    isWrite: boolean,
    sector: number,
    count: number,
    list: ScatterGatherList,
  ): void {
    command.composeTransfer(isWrite, sector, count, list)
  }

  composeFlush({ command }: NvmeRequest): boolean {
    if (this.#facts.hasWriteCache === 0) return false
    command.composeFlush()
    return true
  }

  /** Nothing is in flight any more: the port sends it last. */
  composeShutdown(): boolean {
    this.#controller.shutDown()
    return false
  }

  issue(request: NvmeRequest): boolean {
    const slot = this.freeSlot()
    if (slot < 0) return false
    this.occupy(slot, request)
    this.#controller.submit(this.#queueOf(slot), request.command.bytes, slot)
    return true
  }

  interrupt(): boolean {
    if (this.isDump) {
      if (this.disk.outstanding === 0) return false
      if (!this.completeFinished() && this.#controller.hasFailed) this.reset()
      return true
    }
    let isOwn = false
    for (let queue = 1; queue <= this.#facts.pairs; queue++) isOwn ||= this.#controller.hasCompletion(queue)
    if (!isOwn) return false
    this.#controller.maskLine() // the line stays up until the DPC has taken the completions
    this.completeSoon()
    return true
  }

  /** The controller starts again; what it had not ended fails. */
  reset(): void {
    this.completeFinished()
    this.disk.isReady = this.#controller.enable() && this.#createQueues() ? 1 : 0
    if (!this.isDump) this.#controller.unmaskLine()
    this.release(this.disk.outstanding, false)
  }

  protected completeFinished(): boolean {
    let any = false
    for (let queue = 1; queue <= this.#facts.pairs; queue++) {
      while (this.#controller.hasCompletion(queue)) {
        const isGood = this.#controller.nextStatus(queue) === 0
        const slot = this.#controller.takeCompletion(queue)
        // DM-30: only what this instance sent
        if (slot >= MAX_SLOTS || (this.disk.outstanding & (1 << slot)) === 0) continue
        any = true
        this.release(1 << slot, isGood)
      }
    }
    if (!this.isDump) this.#controller.unmaskLine()
    return any
  }

  #queueOf(slot: number): number {
    return 1 + (slot % this.#facts.pairs)
  }

  /** DM-15: what the running instance asked for; without it the uncached extension, for which a dump has little. */
  #takeMemory(config: PortConfigurationInformation, configInfo: GuestBlock): boolean {
    const byteLength = memoryBytes(this.isDump ? DUMP_PAIRS : MAX_PAIRS)
    const wanted = memoryBytes(DUMP_PAIRS) + MEMORY_ALIGNMENT
    if (!this.isDump) config.requestedDumpBufferSize = wanted
    const { virtualBase, length } = config.dumpRegion
    if (this.isDump && length >= wanted) {
      const region = this.port.dereference(gva(virtualBase), wanted)
      const aligned = Math.ceil(region.gpa / MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT
      this.uncached = partOf(region, aligned - region.gpa, byteLength)
      fillBlock(this.uncached, 0)
    } else if (!this.allocateUncached(configInfo, byteLength, MEMORY_ALIGNMENT)) return false
    this.#controller.memory = this.uncached
    return true
  }

  /** Of the namespace, then of the controller. */
  #identify(): boolean {
    const facts = this.#facts
    const { disk } = this
    const page = partOf(this.uncached, MEMORY_IDENTIFY, PAGE_SIZE)
    if (!this.#identifyInto(page, NVME_CNS_NAMESPACE, NSID)) return false
    const namespace = NvmeIdentifyNamespace.at(page.view)
    const format = namespace.lbaf.get(namespace.flbas & NVME_FLBAS_MASK)
    const shift = (format >>> NVME_LBAF_LBADS_SHIFT) & NVME_LBAF_LBADS_MASK
    if (shift < SHIFT_512 || shift > NVME_PAGE_SHIFT) return false
    disk.sectorBytes = 1 << shift
    disk.sectorCount = fromHalves(namespace.nszeHigh, namespace.nszeLow)
    // no field of 1.4 has the size of a physical block: one of flash is a page at least
    disk.logicalPerPhysicalExponent = NVME_PAGE_SHIFT - shift
    if (!this.#identifyInto(page, NVME_CNS_CONTROLLER, 0)) return false
    const controller = NvmeIdentifyController.at(page.view)
    facts.serialNumber = controller.sn
    facts.productId = controller.mn.subarray(0, 16)
    facts.productRevision = controller.fr.subarray(0, 4)
    facts.hasWriteCache = controller.vwc & NVME_VWC_PRESENT
    // MDTS is in pages of CAP.MPSMIN; 0 is no limit
    const { mdts } = controller
    const limit = mdts === 0 ? MAX_TRANSFER_LENGTH : 2 ** (NVME_PAGE_SHIFT + mdts)
    facts.maxTransferBytes = Math.min(limit, MAX_TRANSFER_LENGTH, (MAX_PHYSICAL_BREAKS - 1) * PAGE_SIZE)
    return true
  }

  /** One command of the admin queue, waited for. */
  #runAdmin(opcode: number, prp1: number, cdw10: number, cdw11: number, nsid = 0): boolean {
    const command = this.#ownCommand
    this.#own.fill(0)
    command.opcode = opcode
    command.nsid = nsid
    command.prp1Low = lowHalf(prp1)
    command.prp1High = highHalf(prp1)
    command.cdw10 = cdw10
    command.cdw11 = cdw11
    const controller = this.#controller
    controller.submit(ADMIN_QUEUE, this.#own, OWN_CID)
    this.waitWhile(() => !controller.hasCompletion(ADMIN_QUEUE))
    if (!controller.hasCompletion(ADMIN_QUEUE)) return false
    const isGood = controller.nextStatus(ADMIN_QUEUE) === 0
    this.#result = controller.nextResult(ADMIN_QUEUE)
    controller.takeCompletion(ADMIN_QUEUE)
    return isGood
  }

  #identifyInto(page: GuestBlock, cns: number, nsid: number): boolean {
    return this.#runAdmin(NVME_ADMIN_IDENTIFY, page.gpa, cns, 0, nsid)
  }

  /** As many pairs as both sides have, in dump mode one, without interrupts. */
  #createQueues(): boolean {
    const facts = this.#facts
    const { disk } = this
    const wanted = this.isDump ? DUMP_PAIRS : MAX_PAIRS
    const asked = (wanted - 1) | ((wanted - 1) << NVME_QUEUE_UPPER_SHIFT)
    if (!this.#runAdmin(NVME_ADMIN_SET_FEATURES, 0, NVME_FEATURE_QUEUES, asked)) return false
    const granted = this.#result
    const pairs = Math.min(wanted, (granted & 0xffff) + 1, (granted >>> NVME_QUEUE_UPPER_SHIFT) + 1)
    const last = (facts.entries - 1) << NVME_QUEUE_UPPER_SHIFT
    const interrupts = this.isDump ? 0 : NVME_CQ_IEN
    for (let queue = 1; queue <= pairs; queue++) {
      this.#controller.clear(queue)
      const completions = this.uncached.gpa + completionsAt(queue)
      const submissions = this.uncached.gpa + submissionsAt(queue)
      const places = queue << NVME_QUEUE_UPPER_SHIFT
      if (!this.#runAdmin(NVME_ADMIN_CREATE_CQ, completions, last | queue, NVME_QUEUE_PC | interrupts))
        return false
      if (!this.#runAdmin(NVME_ADMIN_CREATE_SQ, submissions, last | queue, NVME_QUEUE_PC | places))
        return false
    }
    facts.pairs = pairs
    disk.slots = this.isDump ? 1 : Math.min(MAX_SLOTS, (facts.entries - 1) * pairs)
    return true
  }
}

const fromBytes = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)
