// What every miniport of one disk does between its port and its controller: SRB functions and SCSI commands become requests of the
// controller's kind, and what became of them becomes SRB status and sense data. Boot drive rules DM-37 to DM-40.
import { gva } from '@dumpstack/bytes'
import {
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
} from '@dumpstack/nt'
import {
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
} from '@dumpstack/registers'
import type { GuestBlock, PortExports } from '../../miniport.ts'
import type { DiskAdapter } from './disk-adapter.ts'
import { emulatedData } from './emulated-commands.ts'
import type { RequestTable } from './request-table.ts'
import type { ScsiRequest } from './scsi-request.ts'

export class DiskMiniport<R extends ScsiRequest> {
  readonly #port: PortExports
  readonly #requests: RequestTable<R>
  readonly #adapter: DiskAdapter<R>
  #extension!: GuestBlock

  constructor(port: PortExports, requests: RequestTable<R>, adapter: DiskAdapter<R>) {
    this.#port = port
    this.#requests = requests
    this.#adapter = adapter
  }

  /** Composes the command; false when the SRB was completed here (DM-40). */
  buildIo(extension: GuestBlock, srb: GuestBlock): boolean {
    this.#extension = extension
    const request = this.#requests.of(srb)
    switch (request.srb.function) {
      case SRB_FUNCTION_EXECUTE_SCSI:
        return this.#buildScsi(request)
      case SRB_FUNCTION_FLUSH:
        return this.#adapter.composeFlush(request) || this.#succeed(request)
      case SRB_FUNCTION_SHUTDOWN:
        return this.#adapter.composeShutdown(request) || this.#succeed(request)
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
    if (!this.#adapter.isReady) {
      this.#end(request, SRB_STATUS_NO_DEVICE)
      return true
    }
    return this.#adapter.issue(request)
  }

  /** DM-37: nothing is reset while a dump is written. */
  resetBus(): boolean {
    if (!this.#adapter.isDump) this.#adapter.reset()
    return true
  }

  /** A command of the controller ended. */
  finish(request: R, isGood: boolean): void {
    if (isGood) request.succeed()
    else if (!this.#adapter.isReady) request.srb.srbStatus = SRB_STATUS_BUS_RESET
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

  #buildScsi(request: R): boolean {
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
        return this.#adapter.composeFlush(request) || this.#succeed(request)
      case SCSIOP_TEST_UNIT_READY:
        return this.#adapter.isReady ? this.#succeed(request) : this.#end(request, SRB_STATUS_NO_DEVICE)
      case SCSIOP_INQUIRY:
      case SCSIOP_READ_CAPACITY:
      case SCSIOP_SERVICE_ACTION_IN16:
      case SCSIOP_REPORT_LUNS:
        return this.#emulate(request)
      default:
        return this.#refuse(request, SCSI_ADSENSE_ILLEGAL_COMMAND)
    }
  }

  #buildTransfer(request: R, isWrite: boolean): boolean {
    const adapter = this.#adapter
    const { geometry } = adapter
    const sector = request.logicalBlock
    const count = request.blockCount
    if (sector + count > geometry.sectorCount) return this.#refuse(request, SCSI_ADSENSE_ILLEGAL_BLOCK)
    const isWhole = request.srb.dataTransferLength === count * geometry.sectorBytes
    if (count > adapter.maximumSectors || !isWhole) return this.#refuse(request, SCSI_ADSENSE_INVALID_CDB)
    if (count === 0) return this.#succeed(request)
    const list = this.#port.getScatterGatherList(this.#extension, request.block)
    if (list === null) return this.#end(request, SRB_STATUS_INVALID_REQUEST)
    adapter.composeTransfer(request, isWrite, sector, count, list)
    return true
  }

  #emulate(request: R): boolean {
    const data = emulatedData(request.cdb, this.#adapter.geometry, this.#adapter.identity)
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

  #answerDumpPointers(request: R): boolean {
    const adapter = this.#adapter
    if (adapter.describeDump === undefined) return this.#end(request, SRB_STATUS_INVALID_REQUEST)
    if (request.srb.dataTransferLength < MiniportDumpPointers.size) {
      return this.#end(request, SRB_STATUS_DATA_OVERRUN)
    }
    const buffer = this.#port.dereference(gva(request.srb.dataBuffer), MiniportDumpPointers.size)
    adapter.describeDump(MiniportDumpPointers.at(buffer.view))
    return this.#end(request, SRB_STATUS_SUCCESS)
  }

  #succeed(request: R): false {
    request.succeed()
    this.#port.notificationRequestComplete(this.#extension, request.block)
    return false
  }

  #refuse(request: R, additionalSense: number): false {
    request.checkCondition(this.#port, SCSI_SENSE_ILLEGAL_REQUEST, additionalSense)
    this.#port.notificationRequestComplete(this.#extension, request.block)
    return false
  }

  #end(request: R, srbStatus: number): false {
    request.srb.srbStatus = srbStatus
    this.#port.notificationRequestComplete(this.#extension, request.block)
    return false
  }
}
