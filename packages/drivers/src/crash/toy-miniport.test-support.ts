// The miniport of the toy controller: one request at a time, 32-bit addresses, polled in a dump.
import { type PortConfigurationInformation, SP_RETURN_FOUND, SP_RETURN_NOT_FOUND } from '@dumpstack/nt'
import type {
  DeviceRegisters,
  GuestBlock,
  MiniportImage,
  PortExports,
  ScatterGatherList,
} from '../miniport.ts'
import { DiskAdapter } from '../miniports/disk/disk-adapter.ts'
import { diskMiniportImage } from '../miniports/disk/disk-miniport-image.ts'
import type { DiskIdentity } from '../miniports/disk/emulated-commands.ts'
import { ScsiRequest } from '../miniports/disk/scsi-request.ts'
import { TOY, TOY_COMMAND, TOY_GEOMETRY, TOY_STATUS } from './toy-controller.test-support.ts'

const MAX_TRANSFER = 0x10000
const BREAKS = 0x11
const ENTRY_BYTES = 8
/** From this boundary on, the list of a request in its SRB's extension. */
const LIST_ALIGNMENT = 8

class ToyRequest extends ScsiRequest {
  readonly #view: DataView
  readonly #listAt: number
  readonly list: number
  command = 0
  lba = 0
  count = 0
  entries = 0

  constructor(block: GuestBlock, extension: GuestBlock) {
    super(block)
    this.list = Math.ceil(extension.gpa / LIST_ALIGNMENT) * LIST_ALIGNMENT
    this.#view = extension.view
    this.#listAt = this.list - extension.gpa
  }

  compose(command: number, lba: number, count: number, list: ScatterGatherList | null): void {
    this.command = command
    this.lba = lba
    this.count = count
    this.entries = list?.numberOfElements ?? 0
    for (let i = 0; i < this.entries; i++) {
      this.#view.setUint32(this.#listAt + i * ENTRY_BYTES, list!.physicalAddress(i), true)
      this.#view.setUint32(this.#listAt + i * ENTRY_BYTES + 4, list!.length(i), true)
    }
  }
}

/** What a bad one does instead of, or beside, sending a request. */
export type Mischief = (port: PortExports, registers: DeviceRegisters, list: number) => number

export function toyMiniport(mischief: Mischief = (_port, _registers, list) => list): MiniportImage {
  class ToyAdapter extends DiskAdapter<ToyRequest> {
    #registers!: DeviceRegisters
    readonly maximumSectors = 0xffff
    readonly identity: DiskIdentity = {
      isQueued: false,
      vendorId: 'Toy',
      productId: 'Disk',
      productRevision: '1',
      serialNumber: 'TOY1',
    }

    protected find(config: PortConfigurationInformation): number {
      const registers = this.port.getDeviceBase(this.deviceExtension, 0)
      if (registers === null) return SP_RETURN_NOT_FOUND
      this.#registers = registers
      this.disk.sectorBytes = registers.read32(TOY_GEOMETRY.sectorBytes)
      this.disk.sectorCount = registers.read32(TOY_GEOMETRY.sectors)
      this.disk.slots = 1
      this.configure(config, {
        maximumTransferLength: MAX_TRANSFER,
        numberOfPhysicalBreaks: BREAKS,
        alignmentMask: 0,
      })
      config.cachesData = 1
      return SP_RETURN_FOUND
    }

    protected bringUp(): boolean {
      this.#registers.write32(TOY.command, TOY_COMMAND.reset)
      this.disk.isReady = 1
      return this.port.setDeviceQueueDepth(this.deviceExtension, 0, 0, 0, 1)
    }

    composeTransfer(
      request: ToyRequest,
      isWrite: boolean,
      lba: number,
      count: number,
      list: ScatterGatherList,
    ): void {
      request.compose(isWrite ? TOY_COMMAND.write : TOY_COMMAND.read, lba, count, list)
    }

    composeFlush(request: ToyRequest): boolean {
      request.compose(TOY_COMMAND.flush, 0, 0, null)
      return true
    }

    composeShutdown(request: ToyRequest): boolean {
      return this.composeFlush(request)
    }

    issue(request: ToyRequest): boolean {
      const slot = this.freeSlot()
      if (slot < 0) return false
      this.occupy(slot, request)
      const registers = this.#registers
      const list = this.isDump ? mischief(this.port, registers, request.list) : request.list
      registers.write32(TOY.lba, request.lba)
      registers.write32(TOY.count, request.count)
      registers.write32(TOY.list, list)
      registers.write32(TOY.entries, request.entries)
      registers.write32(TOY.command, request.command)
      return true
    }

    interrupt(): boolean {
      if (this.disk.outstanding === 0 || this.#registers.read32(TOY.status) < TOY_STATUS.done) return false
      this.completeSoon()
      return true
    }

    reset(): void {
      this.#registers.write32(TOY.command, TOY_COMMAND.reset)
      this.release(this.disk.outstanding, false)
    }

    protected completeFinished(): boolean {
      const status = this.#registers.read32(TOY.status)
      if (this.disk.outstanding === 0 || status < TOY_STATUS.done) return false
      this.#registers.write32(TOY.status, TOY_STATUS.idle)
      this.release(1, status === TOY_STATUS.done)
      return true
    }
  }
  return diskMiniportImage({
    fileName: 'toy.sys',
    symbolPrefix: 'Toy',
    featureSupport: 0,
    srbExtensionSize: BREAKS * ENTRY_BYTES + LIST_ALIGNMENT,
    Request: ToyRequest,
    Adapter: ToyAdapter,
  })
}
