// storahci: the miniport of AHCI controllers, from SRB to ATA command and back. Our own code after AHCI 1.3.1, SAT-3 and the
// public rules for boot drive miniports; dump mode is recognised by NULL arguments, dump=1 or DumpMode (DM-01 to DM-04).
import { gva } from '@dumpstack/bytes'
import {
  ADDRESS_TYPE_FLAG_BTL8,
  HwInitializationDataLayout,
  INTERFACE_TYPE_PCI_BUS,
  MiniportDumpPointers,
  SRB_FUNCTION_DUMP_POINTERS,
  SRB_FUNCTION_EXECUTE_SCSI,
  SRB_FUNCTION_FLUSH,
  SRB_FUNCTION_FREE_DUMP_POINTERS,
  SRB_FUNCTION_RESET_BUS,
  SRB_FUNCTION_RESET_DEVICE,
  SRB_FUNCTION_RESET_LOGICAL_UNIT,
  SRB_FUNCTION_SHUTDOWN,
  SRB_STATUS_BUS_RESET,
  SRB_STATUS_DATA_OVERRUN,
  SRB_STATUS_INVALID_LUN,
  SRB_STATUS_INVALID_REQUEST,
  SRB_STATUS_NO_DEVICE,
  SRB_STATUS_SUCCESS,
  SRB_TYPE_FLAG_SCSI_REQUEST_BLOCK,
  STOR_FEATURE_DUMP_POINTERS,
  STOR_MAP_NON_READ_WRITE_BUFFERS,
} from '@dumpstack/nt'
import {
  ATA_FLUSH_CACHE_EXT,
  ATA_READ_DMA_EXT,
  ATA_READ_FPDMA_QUEUED,
  ATA_STANDBY_IMMEDIATE,
  ATA_WRITE_DMA_EXT,
  ATA_WRITE_FPDMA_QUEUED,
  SCSI_ADSENSE_ILLEGAL_BLOCK,
  SCSI_ADSENSE_ILLEGAL_COMMAND,
  SCSI_ADSENSE_INTERNAL_TARGET_FAILURE,
  SCSI_ADSENSE_INVALID_CDB,
  SCSI_ADSENSE_UNRECOVERED_ERROR,
  SCSI_ADSENSE_WRITE_ERROR,
  SCSI_SENSE_HARDWARE_ERROR,
  SCSI_SENSE_ILLEGAL_REQUEST,
  SCSI_SENSE_MEDIUM_ERROR,
  SCSIOP_INQUIRY,
  SCSIOP_READ,
  SCSIOP_READ_CAPACITY,
  SCSIOP_READ16,
  SCSIOP_REPORT_LUNS,
  SCSIOP_SERVICE_ACTION_IN16,
  SCSIOP_SYNCHRONIZE_CACHE,
  SCSIOP_SYNCHRONIZE_CACHE16,
  SCSIOP_TEST_UNIT_READY,
  SCSIOP_WRITE,
  SCSIOP_WRITE16,
} from '@dumpstack/spec'
import type { GuestBlock, MiniportImage, PortExports } from '../../miniport.ts'
import { AhciAdapter } from './adapter.ts'
import { emulatedData } from './emulated-commands.ts'
import { AdapterExtension, SRB_EXTENSION_BYTES } from './layouts.ts'
import type { AhciRequest } from './request.ts'
import { RequestTable } from './request-table.ts'

const ACCESS_RANGES = 6
const MAXIMUM_SECTORS = 0x10000

export const storahci: MiniportImage = {
  fileName: 'storahci.sys',
  symbolPrefix: 'Ahci',
  load: () => (port, driverObject, registryPath) => {
    // DM-05a: the port may call HwFindAdapter before initialize returns.
    const driver = new Storahci(port, driverObject === null && registryPath === null)
    return port.initialize(driverObject, registryPath, {
      hwInitializationDataSize: HwInitializationDataLayout.size,
      adapterInterfaceType: INTERFACE_TYPE_PCI_BUS,
      hwFindAdapter: (extension, _context, _bus, argumentString, config) =>
        driver.adapter.findAdapter(extension, argumentString, config),
      hwInitialize: () => driver.adapter.initialize(),
      hwBuildIo: (extension, srb) => driver.buildIo(extension, srb),
      hwStartIo: (_extension, srb) => driver.startIo(srb),
      hwInterrupt: () => driver.adapter.interrupt(),
      hwResetBus: () => driver.resetBus(),
      deviceExtensionSize: AdapterExtension.size,
      specificLuExtensionSize: 0,
      srbExtensionSize: SRB_EXTENSION_BYTES,
      numberOfAccessRanges: ACCESS_RANGES,
      mapBuffers: STOR_MAP_NON_READ_WRITE_BUFFERS,
      needPhysicalAddresses: true,
      taggedQueuing: true,
      autoRequestSense: true,
      multipleRequestPerLu: true,
      featureSupport: STOR_FEATURE_DUMP_POINTERS,
      srbTypeFlags: SRB_TYPE_FLAG_SCSI_REQUEST_BLOCK,
      addressTypeFlags: ADDRESS_TYPE_FLAG_BTL8,
    })
  },
}

class Storahci {
  readonly adapter: AhciAdapter
  readonly #port: PortExports
  readonly #requests: RequestTable
  #extension!: GuestBlock

  constructor(port: PortExports, isDump: boolean) {
    this.#port = port
    this.#requests = new RequestTable(port)
    this.adapter = new AhciAdapter(port, isDump, this.#requests, (request, isGood) =>
      this.#finish(request, isGood),
    )
  }

  /** Composes the command; false when the SRB was completed here (DM-40). */
  buildIo(extension: GuestBlock, srb: GuestBlock): boolean {
    this.#extension = extension
    const request = this.#requests.of(srb)
    switch (request.srb.function) {
      case SRB_FUNCTION_EXECUTE_SCSI:
        return this.#buildScsi(request)
      case SRB_FUNCTION_FLUSH:
        request.table.compose(ATA_FLUSH_CACHE_EXT)
        return true
      case SRB_FUNCTION_SHUTDOWN:
        request.table.compose(ATA_STANDBY_IMMEDIATE)
        return true
      case SRB_FUNCTION_DUMP_POINTERS:
        return this.#answerDumpPointers(request)
      case SRB_FUNCTION_FREE_DUMP_POINTERS:
        return this.#end(request, SRB_STATUS_SUCCESS)
      case SRB_FUNCTION_RESET_BUS:
      case SRB_FUNCTION_RESET_DEVICE:
      case SRB_FUNCTION_RESET_LOGICAL_UNIT:
        return this.#end(request, this.resetBus() ? SRB_STATUS_SUCCESS : SRB_STATUS_NO_DEVICE)
      default:
        return this.#end(request, SRB_STATUS_INVALID_REQUEST)
    }
  }

  startIo(srb: GuestBlock): boolean {
    const request = this.#requests.of(srb)
    if (this.adapter.extension.isReady === 0) {
      this.#end(request, SRB_STATUS_NO_DEVICE)
      return true
    }
    return this.adapter.issue(request)
  }

  /** DM-37: nothing is reset while a dump is written. */
  resetBus(): boolean {
    if (!this.adapter.isDump) this.adapter.reset()
    return true
  }

  #buildScsi(request: AhciRequest): boolean {
    const { pathId, targetId, lun } = request.srb
    if (pathId !== 0 || targetId !== 0) return this.#end(request, SRB_STATUS_NO_DEVICE)
    if (lun !== 0) return this.#end(request, SRB_STATUS_INVALID_LUN)
    switch (request.operationCode) {
      case SCSIOP_WRITE:
      case SCSIOP_WRITE16:
        return this.#buildTransfer(request, true)
      case SCSIOP_READ:
      case SCSIOP_READ16:
        return this.#buildTransfer(request, false)
      case SCSIOP_SYNCHRONIZE_CACHE:
      case SCSIOP_SYNCHRONIZE_CACHE16:
        request.table.compose(ATA_FLUSH_CACHE_EXT)
        return true
      case SCSIOP_TEST_UNIT_READY:
        return this.adapter.extension.isReady === 1
          ? this.#succeed(request)
          : this.#end(request, SRB_STATUS_NO_DEVICE)
      case SCSIOP_INQUIRY:
      case SCSIOP_READ_CAPACITY:
      case SCSIOP_SERVICE_ACTION_IN16:
      case SCSIOP_REPORT_LUNS:
        return this.#emulate(request)
      default:
        return this.#refuse(request, SCSI_ADSENSE_ILLEGAL_COMMAND)
    }
  }

  #buildTransfer(request: AhciRequest, isWrite: boolean): boolean {
    const { extension } = this.adapter
    const sector = request.logicalBlock
    const count = request.blockCount
    if (sector + count > extension.sectorCount) return this.#refuse(request, SCSI_ADSENSE_ILLEGAL_BLOCK)
    if (count > MAXIMUM_SECTORS || request.srb.dataTransferLength !== count * extension.sectorBytes) {
      return this.#refuse(request, SCSI_ADSENSE_INVALID_CDB)
    }
    if (count === 0) return this.#succeed(request)
    if (this.adapter.extension.supportsNcq === 1 && !this.adapter.isDump) {
      const command = isWrite ? ATA_WRITE_FPDMA_QUEUED : ATA_READ_FPDMA_QUEUED
      request.table.composeQueued(command, isWrite, sector, count)
    } else {
      request.table.composeDma(isWrite ? ATA_WRITE_DMA_EXT : ATA_READ_DMA_EXT, isWrite, sector, count)
    }
    const list = this.#port.getScatterGatherList(this.#extension, request.block)
    if (list === null) return this.#end(request, SRB_STATUS_INVALID_REQUEST)
    request.table.describe(list)
    return true
  }

  #emulate(request: AhciRequest): boolean {
    const data = emulatedData(request.cdb, this.adapter.extension, this.adapter.identify)
    if (data === null) return this.#refuse(request, SCSI_ADSENSE_INVALID_CDB)
    const { srb } = request
    const length = Math.min(data.byteLength, srb.dataTransferLength)
    if (length > 0) {
      const { view } = this.#port.dereference(gva(srb.dataBuffer), length)
      new Uint8Array(view.buffer, view.byteOffset, length).set(data.subarray(0, length))
    }
    srb.dataTransferLength = length
    return this.#succeed(request)
  }

  #answerDumpPointers(request: AhciRequest): boolean {
    if (request.srb.dataTransferLength < MiniportDumpPointers.size) {
      return this.#end(request, SRB_STATUS_DATA_OVERRUN)
    }
    const buffer = this.#port.dereference(gva(request.srb.dataBuffer), MiniportDumpPointers.size)
    this.adapter.describeDump(MiniportDumpPointers.at(buffer.view), 'storahci')
    return this.#end(request, SRB_STATUS_SUCCESS)
  }

  /** A command of the HBA ended. */
  #finish(request: AhciRequest, isGood: boolean): void {
    if (isGood) request.succeed()
    else if (this.adapter.extension.isReady === 0) request.srb.srbStatus = SRB_STATUS_BUS_RESET
    else {
      const isTransfer = request.srb.dataTransferLength > 0
      const isWrite = request.operationCode === SCSIOP_WRITE || request.operationCode === SCSIOP_WRITE16
      request.checkCondition(
        this.#port,
        isTransfer ? SCSI_SENSE_MEDIUM_ERROR : SCSI_SENSE_HARDWARE_ERROR,
        !isTransfer
          ? SCSI_ADSENSE_INTERNAL_TARGET_FAILURE
          : isWrite
            ? SCSI_ADSENSE_WRITE_ERROR
            : SCSI_ADSENSE_UNRECOVERED_ERROR,
      )
    }
    this.#port.notificationRequestComplete(this.#extension, request.block)
  }

  #succeed(request: AhciRequest): false {
    request.succeed()
    this.#port.notificationRequestComplete(this.#extension, request.block)
    return false
  }

  #refuse(request: AhciRequest, additionalSense: number): false {
    request.checkCondition(this.#port, SCSI_SENSE_ILLEGAL_REQUEST, additionalSense)
    this.#port.notificationRequestComplete(this.#extension, request.block)
    return false
  }

  #end(request: AhciRequest, srbStatus: number): false {
    request.srb.srbStatus = srbStatus
    this.#port.notificationRequestComplete(this.#extension, request.block)
    return false
  }
}
