// The adapter of one disk, whatever its controller: dump mode, the uncached extension, when the disk is made ready, and the slots of
// requests in flight. The same code runs the boot disk and writes the dump; in dump mode all is done when HwInitialize returns
// (DM-09, DM-10), one request is in flight (DM-24) and it completes inside the poll (DM-21).
import {
  DUMP_MODE_NORMAL,
  type MiniportDumpPointers,
  PortConfigurationInformation,
  STOR_MAP_NON_READ_WRITE_BUFFERS,
  STOR_SYNCHRONIZE_FULL_DUPLEX,
} from '@dumpstack/nt'
import { fillBlock, partOf } from '../../guest-block.ts'
import type { GuestBlock, PortExports, ScatterGatherList, StorDpc } from '../../miniport.ts'
import type { DiskGeometry, DiskIdentity } from './emulated-commands.ts'
import { DiskExtension, MAX_SLOTS, SLOT_SRB } from './layouts.ts'
import type { RequestTable } from './request-table.ts'
import type { ScsiRequest } from './scsi-request.ts'

const OWN_REQUEST_STEP_US = 100
const OWN_REQUEST_STEPS = 50_000

/** What an adapter works with. */
export interface AdapterOptions<R extends ScsiRequest> {
  readonly port: PortExports
  /** DriverEntry got NULL arguments (DM-01). */
  readonly isDump: boolean
  readonly requests: RequestTable<R>
  /** Called for each request that ended, its slot free again. */
  readonly ended: (request: R, isGood: boolean) => void
}

/** What the port is told about transfers. */
export interface TransferLimits {
  readonly maximumTransferLength: number
  readonly numberOfPhysicalBreaks: number
  readonly alignmentMask: number
}

export abstract class DiskAdapter<R extends ScsiRequest> {
  protected readonly port: PortExports
  protected deviceExtension!: GuestBlock
  protected disk!: DiskExtension
  protected uncached!: GuestBlock
  readonly #requests: RequestTable<R>
  readonly #ended: AdapterOptions<R>['ended']
  #isDump: boolean
  #dpc: StorDpc | null = null

  constructor(options: AdapterOptions<R>) {
    this.port = options.port
    this.#isDump = options.isDump
    this.#requests = options.requests
    this.#ended = options.ended
  }

  get isDump(): boolean {
    return this.#isDump
  }

  get isReady(): boolean {
    return this.disk.isReady === 1
  }

  get geometry(): DiskGeometry {
    return this.disk
  }

  abstract readonly identity: DiskIdentity
  /** Blocks of one command. */
  abstract readonly maximumSectors: number
  /** A read or write of at least one block; its memory is `list`. */
  abstract composeTransfer(
    request: R,
    isWrite: boolean,
    sector: number,
    count: number,
    list: ScatterGatherList,
  ): void
  /** False: the device has no cache, nothing is to be sent. */
  abstract composeFlush(request: R): boolean
  /** The last command before power goes; false: nothing is to be sent. */
  abstract composeShutdown(request: R): boolean
  /** Sends what was composed; false when the port must come again later. */
  abstract issue(request: R): boolean
  abstract interrupt(): boolean
  /** Ends every request, failed. */
  abstract reset(): void
  /** SRB_FUNCTION_DUMP_POINTERS; absent where the miniport does not have that feature. */
  describeDump?(pointers: MiniportDumpPointers): void

  /** Finds the controller and tells the port of it: SP_RETURN_FOUND, or why not. */
  protected abstract find(config: PortConfigurationInformation, configInfo: GuestBlock): number
  /** Makes controller and disk ready. */
  protected abstract bringUp(): boolean
  /** Ends what the controller has ended; whether there was any. */
  protected abstract completeFinished(): boolean

  /** HwFindAdapter. DM-02 to DM-04: each of these signs alone means dump mode. */
  findAdapter(deviceExtension: GuestBlock, argumentString: string, configInfo: GuestBlock): number {
    const config = PortConfigurationInformation.at(configInfo.view)
    if (argumentString.toLowerCase().includes('dump=1') || config.dumpMode !== DUMP_MODE_NORMAL) {
      this.#isDump = true
    }
    this.deviceExtension = deviceExtension
    this.disk = DiskExtension.at(deviceExtension.view)
    this.disk.dumpMode = this.#isDump ? 1 : 0
    return this.find(config, configInfo)
  }

  /** HwInitialize: in dump mode the disk is ready afterwards, else passive initialisation makes it so. */
  initialize(): boolean {
    if (this.#isDump) return this.bringUp()
    this.#dpc = this.port.initializeDpc(this.deviceExtension, () => this.completeFinished())
    return this.port.enablePassiveInitialization(this.deviceExtension, () => this.bringUp())
  }

  /** The uncached extension, all zero, from the first `alignment` boundary in it: it may be less aligned than at runtime (DM-13). */
  protected allocateUncached(configInfo: GuestBlock, byteLength: number, alignment: number): boolean {
    const block = this.port.getUncachedExtension(this.deviceExtension, configInfo, byteLength + alignment)
    if (block === null) return false
    const aligned = Math.ceil(block.gpa / alignment) * alignment
    this.uncached = partOf(block, aligned - block.gpa, byteLength)
    fillBlock(this.uncached, 0)
    return true
  }

  protected configure(config: PortConfigurationInformation, limits: TransferLimits): void {
    config.maximumTransferLength = limits.maximumTransferLength
    config.numberOfPhysicalBreaks = limits.numberOfPhysicalBreaks
    config.alignmentMask = limits.alignmentMask
    config.numberOfBuses = 1
    config.maximumNumberOfTargets = 1
    config.maximumNumberOfLogicalUnits = 1
    config.scatterGather = 1
    config.master = 1
    config.mapBuffers = STOR_MAP_NON_READ_WRITE_BUFFERS
    config.synchronizationModel = STOR_SYNCHRONIZE_FULL_DUPLEX
    config.resetTargetSupported = 1
  }

  /** Waits, with a bounded count (DM-26), while what the miniport itself sent is pending. */
  protected waitWhile(isPending: () => boolean): void {
    for (let step = 0; isPending() && step < OWN_REQUEST_STEPS; step++) {
      this.port.stallExecution(OWN_REQUEST_STEP_US)
    }
  }

  /** What the controller has ended completes: in the DPC, in dump mode at once. */
  protected completeSoon(): void {
    if (this.#dpc !== null) this.port.issueDpc(this.deviceExtension, this.#dpc)
    else this.completeFinished()
  }

  /** The lowest free slot; -1 where there is none. */
  protected freeSlot(): number {
    const free = ~this.disk.outstanding
    const slot = 31 - Math.clz32(free & -free)
    return slot < this.disk.slots ? slot : -1
  }

  protected occupy(slot: number, request: R): void {
    this.deviceExtension.view.setBigUint64(SLOT_SRB + slot * 8, request.block.va, true)
    this.disk.outstanding |= 1 << slot
  }

  /** The request whose address stands for `slot` in guest RAM. */
  protected requestIn(slot: number): R {
    return this.#requests.pointedTo(this.deviceExtension.view, SLOT_SRB + slot * 8)
  }

  /** The requests of these slots end, a bit each; their slots are free again first. */
  protected release(slots: number, isGood: boolean): void {
    this.disk.outstanding &= ~slots
    for (let slot = 0; slot < MAX_SLOTS; slot++) {
      if ((slots & (1 << slot)) !== 0) this.#ended(this.requestIn(slot), isGood)
    }
  }
}
