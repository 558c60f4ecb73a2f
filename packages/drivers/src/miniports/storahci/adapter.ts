// The HBA and its one disk: HwFindAdapter, HwInitialize, HwInterrupt, resets. The same code runs the boot disk and writes the
// dump; in dump mode it takes the bus's facts from the context that the running instance left (DM-35), resets the live
// HBA (DM-29), finishes everything in HwInitialize (DM-09), uses one slot (DM-24) and completes inside the poll (DM-21).
import { gpa, gva, PAGE_SIZE } from '@dumpstack/bytes'
import {
  AccessRange,
  DUMP_MINIPORT_VERSION_1,
  DUMP_MODE_NORMAL,
  MiniportDumpPointers,
  PortConfigurationInformation,
  SCSI_DMA64_MINIPORT_SUPPORTED,
  SP_RETURN_ERROR,
  SP_RETURN_FOUND,
  SP_RETURN_NOT_FOUND,
  STOR_MAP_NON_READ_WRITE_BUFFERS,
  STOR_SYNCHRONIZE_FULL_DUPLEX,
} from '@dumpstack/nt'
import {
  AHCI_CAP,
  AHCI_IS,
  AHCI_MAX_SLOTS,
  ATA_IDENTIFY_DEVICE,
  ATA_LOG_PAGE_BYTES,
  CAP_NCS_MASK,
  CAP_NCS_SHIFT,
  CAP_S64A,
  CAP_SNCQ,
  PxCI,
  PxIE,
  PxIS,
  PxIS_DHRS,
  PxIS_HBDS,
  PxIS_HBFS,
  PxIS_IFS,
  PxIS_OFS,
  PxIS_PSS,
  PxIS_SDBS,
  PxIS_TFES,
  PxSACT,
} from '@dumpstack/spec'
import type { DeviceRegisters, GuestBlock, PortExports, StorDpc } from '../../miniport.ts'
import type { RequestTable } from '../disk/request-table.ts'
import { CommandTable } from './ata-command.ts'
import { leaveDumpContext, takeDumpContext } from './dump-context.ts'
import { firstPortWithDevice, takeHba } from './hba.ts'
import { HbaPort } from './hba-port.ts'
import { readIdentify } from './identify.ts'
import {
  ADAPTER_EXTENSION_SLOT_SRB,
  AdapterExtension,
  DumpContext,
  MAXIMUM_TRANSFER_LENGTH,
  NUMBER_OF_PHYSICAL_BREAKS,
  UNCACHED_ALIGNMENT,
  UNCACHED_BYTES,
  UNCACHED_COMMAND_LIST,
  UNCACHED_COMMAND_TABLE,
  UNCACHED_DUMP_CONTEXT,
  UNCACHED_IDENTIFY,
  UNCACHED_RECEIVED_FIS,
} from './layouts.ts'
import type { AhciRequest } from './request.ts'

const PORT_ERRORS = PxIS_TFES | PxIS_HBFS | PxIS_HBDS | PxIS_IFS | PxIS_OFS
const PORT_INTERRUPTS = PxIS_DHRS | PxIS_PSS | PxIS_SDBS | PORT_ERRORS
const ABAR_RANGE = 5
const ALIGNMENT_MASK = 1
const DUMP_LINK_EXTRA_MS = 300
const INTERNAL_COMMAND_STEP_US = 100
const INTERNAL_COMMAND_STEPS = 50_000
const BREAK_DESCRIPTOR_BYTES = 4

/** Called for each command that ended, the slot free again. */
export type Completion = (request: AhciRequest, isGood: boolean) => void

export class AhciAdapter {
  readonly #port: PortExports
  readonly #complete: Completion
  readonly #requests: RequestTable<AhciRequest>
  #isDump: boolean
  #block!: GuestBlock
  #extension!: AdapterExtension
  #registers!: DeviceRegisters
  #uncached!: GuestBlock
  #commandList!: DataView
  #identify!: DataView
  #hbaPort!: HbaPort
  #dpc: StorDpc | null = null

  constructor(port: PortExports, isDump: boolean, requests: RequestTable<AhciRequest>, complete: Completion) {
    this.#port = port
    this.#requests = requests
    this.#isDump = isDump
    this.#complete = complete
  }

  get extension(): AdapterExtension {
    return this.#extension
  }

  get identify(): DataView {
    return this.#identify
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
    const extension = AdapterExtension.at(deviceExtension.view)
    this.#extension = extension
    extension.dumpMode = this.#isDump ? 1 : 0
    const hasPlace = this.#isDump
      ? takeDumpContext(this.#port, config, extension)
      : this.#placeFromBus(config)
    if (!hasPlace) return SP_RETURN_ERROR
    const registers = this.#port.getDeviceBase(deviceExtension, ABAR_RANGE)
    if (registers === null) return SP_RETURN_ERROR
    this.#registers = registers
    if (!takeHba(registers, this.#port)) return SP_RETURN_ERROR
    extension.cap = registers.read32(AHCI_CAP)
    extension.commandSlots = this.#isDump ? 1 : ((extension.cap >>> CAP_NCS_SHIFT) & CAP_NCS_MASK) + 1
    if (!this.#isDump) {
      const number = firstPortWithDevice(registers, this.#port)
      if (number < 0) return SP_RETURN_NOT_FOUND
      extension.portNumber = number
    }
    this.#hbaPort = new HbaPort(registers, this.#port, extension.portNumber)
    if (!this.#allocate(configInfo)) return SP_RETURN_ERROR
    this.#configure(config)
    return SP_RETURN_FOUND
  }

  /** HwInitialize: in dump mode the disk is ready afterwards (DM-10), else passive initialisation makes it so. */
  initialize(): boolean {
    if (this.#isDump) return this.startPort()
    this.#dpc = this.#port.initializeDpc(this.#block, () => this.#completeFinished())
    return this.#port.enablePassiveInitialization(this.#block, () => this.startPort())
  }

  startPort(): boolean {
    const hba = this.#hbaPort
    const extraMs = this.#isDump ? DUMP_LINK_EXTRA_MS : 0
    hba.write(PxIE, 0)
    if (!hba.stop()) return false
    hba.place(this.#uncachedGpa(UNCACHED_COMMAND_LIST), this.#uncachedGpa(UNCACHED_RECEIVED_FIS))
    if (!hba.awaitLink(0)) hba.resetLink()
    if (!hba.awaitLink(extraMs) || !hba.start() || !this.#readIdentify()) return false
    this.#extension.isReady = 1
    hba.write(PxIS, 0xffffffff)
    this.#registers.write32(AHCI_IS, 1 << this.#extension.portNumber)
    hba.write(PxIE, PORT_INTERRUPTS)
    return true
  }

  /** Puts a composed command into a slot; false when none is free or queued and unqueued commands would mix. */
  issue(request: AhciRequest): boolean {
    const extension = this.#extension
    const outstanding = extension.outstanding
    const isQueued = request.table.isQueued
    if (outstanding !== 0 && (extension.queued !== 0) !== isQueued) return false
    if (outstanding !== 0 && !isQueued) return false
    const free = ~outstanding
    const slot = 31 - Math.clz32(free & -free)
    if (slot < 0 || slot >= extension.commandSlots) return false
    const bit = 1 << slot
    request.table.place(this.#commandList, slot)
    this.#block.view.setBigUint64(ADAPTER_EXTENSION_SLOT_SRB + slot * 8, request.block.va, true)
    extension.outstanding = outstanding | bit
    if (isQueued) {
      extension.queued |= bit
      this.#hbaPort.write(PxSACT, bit)
    }
    this.#hbaPort.write(PxCI, bit)
    return true
  }

  interrupt(): boolean {
    const extension = this.#extension
    if (this.#isDump) {
      // DM-19, DM-20: polled, so the HBA's interrupt status decides nothing, only the port's; safe when nothing is pending.
      if (extension.outstanding === 0) return false
    } else if ((this.#registers.read32(AHCI_IS) & (1 << extension.portNumber)) === 0) {
      return false
    }
    const status = this.#hbaPort.read(PxIS)
    if (status === 0 && this.#isDump) return false
    if (status !== 0) {
      this.#hbaPort.write(PxIS, status)
      this.#registers.write32(AHCI_IS, 1 << extension.portNumber)
    }
    if ((status & PORT_ERRORS) !== 0) this.#failOutstanding()
    else if (this.#dpc !== null) this.#port.issueDpc(this.#block, this.#dpc)
    else this.#completeFinished()
    return true
  }

  /** HwResetBus of the running instance: every command ends, failed. */
  reset(): void {
    this.#failOutstanding()
  }

  /** MINIPORT_DUMP_POINTERS for the dump instance (SRB_FUNCTION_DUMP_POINTERS). */
  describeDump(pointers: MiniportDumpPointers, driverName: string): void {
    const at = this.#extension.uncachedOffset + UNCACHED_DUMP_CONTEXT
    leaveDumpContext(DumpContext.at(this.#uncached.view, at), this.#extension)
    pointers.version = DUMP_MINIPORT_VERSION_1
    pointers.size = MiniportDumpPointers.size
    pointers.driverName = driverName
    pointers.miniportPrivateDumpData = this.#uncached.va + BigInt(at)
    pointers.maximumTransferLength = MAXIMUM_TRANSFER_LENGTH
    pointers.numberOfPhysicalBreaks = NUMBER_OF_PHYSICAL_BREAKS
    pointers.alignmentMask = ALIGNMENT_MASK
  }

  #placeFromBus(config: PortConfigurationInformation): boolean {
    const id = this.#port.getBusData(this.#block, 0, 4)
    if (id.byteLength < 4 || config.numberOfAccessRanges <= ABAR_RANGE) return false
    const ranges = this.#port.dereference(
      gva(config.accessRanges),
      config.numberOfAccessRanges * AccessRange.size,
    )
    const range = AccessRange.at(ranges.view, ABAR_RANGE * AccessRange.size)
    this.#extension.deviceAndVendor = new DataView(id.buffer, id.byteOffset, 4).getUint32(0, true)
    this.#extension.abar = Number(range.rangeStart)
    this.#extension.abarLength = range.rangeLength
    return range.rangeLength !== 0
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
    new Uint8Array(block.view.buffer, block.view.byteOffset + offset, UNCACHED_BYTES).fill(0)
    this.#uncached = block
    this.#extension.uncachedOffset = offset
    const { buffer, byteOffset } = block.view
    this.#commandList = new DataView(buffer, byteOffset + offset + UNCACHED_COMMAND_LIST)
    this.#identify = new DataView(buffer, byteOffset + offset + UNCACHED_IDENTIFY, ATA_LOG_PAGE_BYTES)
    return true
  }

  #configure(config: PortConfigurationInformation): void {
    config.maximumTransferLength = MAXIMUM_TRANSFER_LENGTH
    config.numberOfPhysicalBreaks = NUMBER_OF_PHYSICAL_BREAKS
    config.alignmentMask = ALIGNMENT_MASK
    config.numberOfBuses = 1
    config.maximumNumberOfTargets = 1
    config.maximumNumberOfLogicalUnits = 1
    config.scatterGather = 1
    config.master = 1
    config.cachesData = 1
    config.mapBuffers = STOR_MAP_NON_READ_WRITE_BUFFERS
    config.synchronizationModel = STOR_SYNCHRONIZE_FULL_DUPLEX
    config.resetTargetSupported = 1
    if ((this.#extension.cap & CAP_S64A) !== 0) {
      config.dma64BitAddresses |= SCSI_DMA64_MINIPORT_SUPPORTED
      config.srbExtensionSize += (NUMBER_OF_PHYSICAL_BREAKS + 2) * BREAK_DESCRIPTOR_BYTES
    }
  }

  #uncachedGpa(offset: number): number {
    return this.#uncached.gpa + this.#extension.uncachedOffset + offset
  }

  /** IDENTIFY DEVICE, polled by the miniport itself with a bounded count (DM-26). */
  #readIdentify(): boolean {
    const at = this.#extension.uncachedOffset + UNCACHED_COMMAND_TABLE
    const { buffer, byteOffset } = this.#uncached.view
    const table = new CommandTable({
      va: gva(this.#uncached.va + BigInt(at)),
      gpa: gpa(this.#uncached.gpa + at),
      view: new DataView(buffer, byteOffset + at),
    })
    table.compose(ATA_IDENTIFY_DEVICE)
    table.describeOne(this.#uncachedGpa(UNCACHED_IDENTIFY), ATA_LOG_PAGE_BYTES)
    table.place(this.#commandList, 0)
    this.#hbaPort.write(PxCI, 1)
    let steps = 0
    while ((this.#hbaPort.read(PxCI) & 1) !== 0) {
      if ((this.#hbaPort.read(PxIS) & PORT_ERRORS) !== 0 || ++steps > INTERNAL_COMMAND_STEPS) return false
      this.#port.stallExecution(INTERNAL_COMMAND_STEP_US)
    }
    const facts = readIdentify(this.#identify)
    if (facts === null || facts.sectorBytes > PAGE_SIZE) return false
    const extension = this.#extension
    extension.sectorBytes = facts.sectorBytes
    extension.logicalPerPhysicalExponent = facts.logicalPerPhysicalExponent
    extension.sectorCount = facts.sectorCount
    extension.supportsNcq = facts.supportsNcq && (extension.cap & CAP_SNCQ) !== 0 ? 1 : 0
    const depth = extension.supportsNcq === 1 ? facts.queueDepth : 1
    extension.commandSlots = Math.min(extension.commandSlots, depth)
    this.#port.setDeviceQueueDepth(this.#block, 0, 0, 0, extension.commandSlots)
    return true
  }

  /** Commands whose bits are clear in PxCI and PxSACT have ended well. */
  #completeFinished(): void {
    const extension = this.#extension
    const outstanding = extension.outstanding
    if (outstanding === 0) return
    let busy = this.#hbaPort.read(PxCI)
    if (extension.queued !== 0) busy |= this.#hbaPort.read(PxSACT)
    const finished = outstanding & ~busy
    if (finished !== 0) this.#release(finished, true)
  }

  /** The port stopped at an error: what ended before it is good, all else is gone with the reset. */
  #failOutstanding(): void {
    this.#completeFinished()
    this.#extension.isReady = this.#hbaPort.recover(this.#isDump ? DUMP_LINK_EXTRA_MS : 0) ? 1 : 0
    const outstanding = this.#extension.outstanding
    if (outstanding !== 0) this.#release(outstanding, false)
  }

  #release(slots: number, isGood: boolean): void {
    const extension = this.#extension
    extension.outstanding &= ~slots
    extension.queued &= ~slots
    for (let slot = 0; slot < AHCI_MAX_SLOTS; slot++) {
      if ((slots & (1 << slot)) === 0) continue
      const pointer = ADAPTER_EXTENSION_SLOT_SRB + slot * 8
      this.#complete(this.#requests.pointedTo(this.#block.view, pointer), isGood)
    }
  }
}
