// The HBA and its one disk. In dump mode it takes the bus's facts from the context that the running instance left (DM-35), resets the
// live HBA (DM-29) and uses one slot (DM-24).
import { gva, PAGE_SIZE } from '@dumpstack/bytes'
import {
  AccessRange,
  DUMP_MINIPORT_VERSION_1,
  MiniportDumpPointers,
  type PortConfigurationInformation,
  SCSI_DMA64_MINIPORT_SUPPORTED,
  SP_RETURN_ERROR,
  SP_RETURN_FOUND,
  SP_RETURN_NOT_FOUND,
} from '@dumpstack/nt'
import {
  AHCI_CAP,
  AHCI_IS,
  ATA_FLUSH_CACHE_EXT,
  ATA_IDENTIFY_DEVICE,
  ATA_LOG_PAGE_BYTES,
  ATA_READ_DMA_EXT,
  ATA_READ_FPDMA_QUEUED,
  ATA_STANDBY_IMMEDIATE,
  ATA_WRITE_DMA_EXT,
  ATA_WRITE_FPDMA_QUEUED,
  CAP_NCS_MASK,
  CAP_NCS_SHIFT,
  CAP_S64A,
  CAP_SNCQ,
  IdentifyDevice,
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
} from '@dumpstack/registers'
import { partOf } from '../../guest-block.ts'
import type { DeviceRegisters, GuestBlock, ScatterGatherList } from '../../miniport.ts'
import { DiskAdapter } from '../disk/disk-adapter.ts'
import type { DiskIdentity } from '../disk/emulated-commands.ts'
import { MAX_PHYSICAL_BREAKS, MAX_TRANSFER_LENGTH, OWN_FACTS } from '../disk/layouts.ts'
import { CommandTable } from './ata-command.ts'
import { leaveDumpContext, takeDumpContext } from './dump-context.ts'
import { firstPortWithDevice, takeHba } from './hba.ts'
import { HbaPort } from './hba-port.ts'
import { ataString, readIdentify } from './identify.ts'
import {
  AhciFacts,
  DumpContext,
  UNCACHED_ALIGNMENT,
  UNCACHED_BYTES,
  UNCACHED_COMMAND_LIST,
  UNCACHED_COMMAND_TABLE,
  UNCACHED_COMMAND_TABLE_BYTES,
  UNCACHED_DUMP_CONTEXT,
  UNCACHED_IDENTIFY,
  UNCACHED_RECEIVED_FIS,
} from './layouts.ts'
import type { AhciRequest } from './request.ts'

const PORT_ERRORS = PxIS_TFES | PxIS_HBFS | PxIS_HBDS | PxIS_IFS | PxIS_OFS
const PORT_INTERRUPTS = PxIS_DHRS | PxIS_PSS | PxIS_SDBS | PORT_ERRORS
const ABAR_RANGE = 5
const DUMP_LINK_EXTRA_MS = 300
const BREAK_DESCRIPTOR_BYTES = 4
const DRIVER_NAME = 'storahci'
const VENDOR_ID = 'ATA' // SAT-3 8.1.1
const SERIAL_NUMBER_LENGTH = 20
const LIMITS = {
  maximumTransferLength: MAX_TRANSFER_LENGTH,
  numberOfPhysicalBreaks: MAX_PHYSICAL_BREAKS,
  alignmentMask: 1,
}

export class AhciAdapter extends DiskAdapter<AhciRequest> {
  readonly maximumSectors = 0x10000
  #facts!: AhciFacts
  #registers!: DeviceRegisters
  #hbaPort!: HbaPort
  #commandList!: GuestBlock
  #identify!: GuestBlock

  get identity(): DiskIdentity {
    const { modelNumber, firmwareRevision, serialNumber } = IdentifyDevice.at(this.#identify.view)
    return {
      isQueued: this.#facts.supportsNcq === 1,
      vendorId: VENDOR_ID,
      productId: ataString(modelNumber),
      productRevision: ataString(firmwareRevision),
      serialNumber: ataString(serialNumber).padEnd(SERIAL_NUMBER_LENGTH),
    }
  }

  protected find(config: PortConfigurationInformation, configInfo: GuestBlock): number {
    const { port, isDump, disk } = this
    const facts = AhciFacts.at(this.deviceExtension.view, OWN_FACTS)
    this.#facts = facts
    const hasPlace = isDump ? takeDumpContext(port, config, facts) : this.#placeFromBus(config)
    if (!hasPlace) return SP_RETURN_ERROR
    const registers = port.getDeviceBase(this.deviceExtension, ABAR_RANGE)
    if (registers === null || !takeHba(registers, port)) return SP_RETURN_ERROR
    this.#registers = registers
    facts.cap = registers.read32(AHCI_CAP)
    disk.slots = isDump ? 1 : ((facts.cap >>> CAP_NCS_SHIFT) & CAP_NCS_MASK) + 1
    if (!isDump) {
      const number = firstPortWithDevice(registers, port)
      if (number < 0) return SP_RETURN_NOT_FOUND
      facts.portNumber = number
    }
    this.#hbaPort = new HbaPort(registers, port, facts.portNumber)
    if (!this.allocateUncached(configInfo, UNCACHED_BYTES, UNCACHED_ALIGNMENT)) return SP_RETURN_ERROR
    this.#commandList = partOf(this.uncached, UNCACHED_COMMAND_LIST, UNCACHED_RECEIVED_FIS)
    this.#identify = partOf(this.uncached, UNCACHED_IDENTIFY, ATA_LOG_PAGE_BYTES)
    this.configure(config, LIMITS)
    config.cachesData = 1
    if ((facts.cap & CAP_S64A) !== 0) {
      config.dma64BitAddresses |= SCSI_DMA64_MINIPORT_SUPPORTED
      config.srbExtensionSize += (MAX_PHYSICAL_BREAKS + 2) * BREAK_DESCRIPTOR_BYTES
    }
    return SP_RETURN_FOUND
  }

  protected bringUp(): boolean {
    const hba = this.#hbaPort
    const extraMs = this.isDump ? DUMP_LINK_EXTRA_MS : 0
    hba.write(PxIE, 0)
    if (!hba.stop()) return false
    hba.place(this.#commandList.gpa, this.uncached.gpa + UNCACHED_RECEIVED_FIS)
    if (!hba.awaitLink(0)) hba.resetLink()
    if (!hba.awaitLink(extraMs) || !hba.start() || !this.#readIdentify()) return false
    this.disk.isReady = 1
    hba.write(PxIS, 0xffffffff)
    this.#registers.write32(AHCI_IS, 1 << this.#facts.portNumber)
    if (!this.isDump) hba.write(PxIE, PORT_INTERRUPTS) // polled: PxIS needs no PxIE
    return true
  }

  composeTransfer(
    { table }: AhciRequest,
    isWrite: boolean,
    sector: number,
    count: number,
    list: ScatterGatherList,
  ): void {
    if (this.#facts.supportsNcq === 1 && !this.isDump) {
      const command = isWrite ? ATA_WRITE_FPDMA_QUEUED : ATA_READ_FPDMA_QUEUED
      table.composeQueued(command, isWrite, sector, count)
    } else {
      table.composeDma(isWrite ? ATA_WRITE_DMA_EXT : ATA_READ_DMA_EXT, isWrite, sector, count)
    }
    table.describe(list)
  }

  composeFlush({ table }: AhciRequest): boolean {
    table.compose(ATA_FLUSH_CACHE_EXT)
    return true
  }

  composeShutdown({ table }: AhciRequest): boolean {
    table.compose(ATA_STANDBY_IMMEDIATE)
    return true
  }

  /** Puts a composed command into a slot; false when none is free or queued and unqueued commands would mix. */
  issue(request: AhciRequest): boolean {
    const { outstanding } = this.disk
    const { isQueued } = request.table
    if (outstanding !== 0 && (!isQueued || this.#facts.queued === 0)) return false
    const slot = this.freeSlot()
    if (slot < 0) return false
    const bit = 1 << slot
    request.table.place(this.#commandList.view, slot)
    this.occupy(slot, request)
    if (isQueued) {
      this.#facts.queued |= bit
      this.#hbaPort.write(PxSACT, bit)
    }
    this.#hbaPort.write(PxCI, bit)
    return true
  }

  interrupt(): boolean {
    const portBit = 1 << this.#facts.portNumber
    // DM-19, DM-20: polled, so the HBA's interrupt status decides nothing, only the port's; safe when nothing is pending.
    const isMeant = this.isDump
      ? this.disk.outstanding !== 0
      : (this.#registers.read32(AHCI_IS) & portBit) !== 0
    if (!isMeant) return false
    const status = this.#hbaPort.read(PxIS)
    if (status === 0 && this.isDump) return false
    if (status !== 0) {
      this.#hbaPort.write(PxIS, status)
      this.#registers.write32(AHCI_IS, portBit)
    }
    if ((status & PORT_ERRORS) !== 0) this.reset()
    else this.completeSoon()
    return true
  }

  /** The port stopped at an error, or is to: what ended before it is good, all else is gone with the reset. */
  reset(): void {
    this.completeFinished()
    this.disk.isReady = this.#hbaPort.recover(this.isDump ? DUMP_LINK_EXTRA_MS : 0) ? 1 : 0
    this.#end(this.disk.outstanding, false)
  }

  override describeDump(pointers: MiniportDumpPointers): void {
    const context = partOf(this.uncached, UNCACHED_DUMP_CONTEXT, DumpContext.size)
    leaveDumpContext(DumpContext.at(context.view), this.#facts)
    pointers.version = DUMP_MINIPORT_VERSION_1
    pointers.size = MiniportDumpPointers.size
    pointers.driverName = DRIVER_NAME
    pointers.miniportPrivateDumpData = context.va
    pointers.maximumTransferLength = LIMITS.maximumTransferLength
    pointers.numberOfPhysicalBreaks = LIMITS.numberOfPhysicalBreaks
    pointers.alignmentMask = LIMITS.alignmentMask
  }

  #placeFromBus(config: PortConfigurationInformation): boolean {
    const id = this.port.getBusData(this.deviceExtension, config.systemIoBusNumber, config.slotNumber, 0, 4)
    if (id.byteLength < 4 || config.numberOfAccessRanges <= ABAR_RANGE) return false
    const ranges = this.port.dereference(
      gva(config.accessRanges),
      config.numberOfAccessRanges * AccessRange.size,
    )
    const range = AccessRange.at(ranges.view, ABAR_RANGE * AccessRange.size)
    this.#facts.deviceAndVendor = new DataView(id.buffer, id.byteOffset, 4).getUint32(0, true)
    this.#facts.abar = Number(range.rangeStart)
    this.#facts.abarLength = range.rangeLength
    return range.rangeLength !== 0
  }

  /** IDENTIFY DEVICE, in slot 0. */
  #readIdentify(): boolean {
    const hba = this.#hbaPort
    const table = new CommandTable(
      partOf(this.uncached, UNCACHED_COMMAND_TABLE, UNCACHED_COMMAND_TABLE_BYTES),
    )
    table.compose(ATA_IDENTIFY_DEVICE)
    table.describeOne(this.#identify.gpa, ATA_LOG_PAGE_BYTES)
    table.place(this.#commandList.view, 0)
    hba.write(PxCI, 1)
    const isPending = (): boolean => (hba.read(PxCI) & 1) !== 0
    this.waitWhile(() => isPending() && (hba.read(PxIS) & PORT_ERRORS) === 0)
    if (isPending()) return false
    const identified = readIdentify(this.#identify.view)
    if (identified === null || identified.sectorBytes > PAGE_SIZE) return false
    const { disk } = this
    disk.sectorBytes = identified.sectorBytes
    disk.logicalPerPhysicalExponent = identified.logicalPerPhysicalExponent
    disk.sectorCount = identified.sectorCount
    const supportsNcq = identified.supportsNcq && (this.#facts.cap & CAP_SNCQ) !== 0
    this.#facts.supportsNcq = supportsNcq ? 1 : 0
    disk.slots = Math.min(disk.slots, supportsNcq ? identified.queueDepth : 1)
    this.port.setDeviceQueueDepth(this.deviceExtension, 0, 0, 0, disk.slots)
    return true
  }

  /** Commands whose bits are clear in PxCI and PxSACT have ended well. */
  protected completeFinished(): boolean {
    const { outstanding } = this.disk
    if (outstanding === 0) return false
    let busy = this.#hbaPort.read(PxCI)
    if (this.#facts.queued !== 0) busy |= this.#hbaPort.read(PxSACT)
    const finished = outstanding & ~busy
    this.#end(finished, true)
    return finished !== 0
  }

  #end(slots: number, isGood: boolean): void {
    this.#facts.queued &= ~slots
    this.release(slots, isGood)
  }
}
