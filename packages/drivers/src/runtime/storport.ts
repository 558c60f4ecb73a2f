// A small Storport for the running system: brings a miniport up as PnP would, hands it SRBs and takes its interrupts. Structures live
// in guest RAM as nonpaged kernel memory.
import { type Gpa, type Gva, hex, PAGE_SIZE } from '@dumpstack/bytes'
import {
  AccessRange,
  HwInitializationDataLayout,
  INTERRUPT_SYNCHRONIZE_PER_MESSAGE,
  ntstatusText,
  PortConfigurationInformation,
  ScsiAdapterControlType,
  SP_RETURN_FOUND,
  SP_RETURN_NOT_FOUND,
  STATUS_SUCCESS,
  STOR_POWER_D0,
  STOR_POWER_D3,
  StorAdapterControlPower,
} from '@dumpstack/nt'
import { DataWindow } from '../data-window.ts'
import { DriversError } from '../errors.ts'
import { fillBlock } from '../guest-block.ts'
import { NotJudged } from '../guest-fault.ts'
import type { KernelMemory, LoadedImage } from '../kernel-services.ts'
import type {
  DeviceObjects,
  GuestBlock,
  HwInitializationData,
  MessageInterrupt,
  MiniportImage,
  PortExports,
  ScatterGatherList,
} from '../miniport.ts'
import {
  copyInitializationData,
  mapsAllBuffers,
  prefillConfiguration,
  reaches64Bit,
  transferLimit,
} from '../port-configuration.ts'
import type { OnFindAdapter, RuntimeStackOptions, ScsiPlace } from '../runtime-stack.ts'
import { type SrbLayout, srbLayoutFor } from '../srb-layout.ts'
import { AdapterControl, type AdapterNames } from './adapter-control.ts'
import { AdapterInterrupts } from './adapter-interrupts.ts'
import { DriverObjects } from './driver-objects.ts'
import { FrozenMemory } from './frozen-memory.ts'
import { layAccessRanges, slotNumberOf } from './pci-device.ts'
import { MAX_ALLOCATION } from './port-memory.ts'
import { PortServices } from './port-services.ts'

const MAX_QUEUE_DEPTH = 32
/** Of one transfer. Our choice: no storage driver at hand announces more, and one may announce no limit at all. */
const MAX_TRANSFER_BYTES = 0x200000
/**
 * Requests wait so long after a bus reset. unverified: of storport; it is what the dump port of Windows Server 2003 and scsiport wait.
 */
const BUS_RESET_HOLD_NS = 4e9
/** Interrupts without a completed request after which the line counts as stuck; starting a disk takes a few. */
const INTERRUPT_STORM = 20_000

// Our choice: a second at most, for a driver that always has something queued.
const SETTLE_STEP_NS = 1_000_000
const MAX_SETTLE_STEPS = 1000

/** What the port keeps beside an SRB. */
export interface SrbResources {
  readonly extension: GuestBlock
  readonly list: ScatterGatherList
  readonly window: DataWindow
}

export class Storport extends PortServices implements PortExports {
  readonly image: LoadedImage
  readonly config: PortConfigurationInformation
  readonly configBlock: GuestBlock
  queueDepth = 1
  uncachedBytes = 0
  onComplete: (srb: GuestBlock) => void = () => {}
  resourcesOf: (srb: GuestBlock) => SrbResources = () => {
    throw new DriversError('NO_REQUEST', 'an SRB was asked for before the port has any')
  }
  readonly #miniport: MiniportImage
  readonly #onFindAdapter: OnFindAdapter
  readonly #usesLine: boolean
  readonly #objects: DriverObjects
  #data!: HwInitializationData
  readonly #interrupts: AdapterInterrupts
  #deviceExtension: GuestBlock | null = null
  #control: AdapterControl | null = null
  #dumpRegion: KernelMemory | null = null
  #uncached: GuestBlock | null = null
  #frozen: FrozenMemory | null = null
  #passiveInitialization: (() => boolean) | null = null
  #logicalUnit: GuestBlock | null = null
  #place: ScsiPlace = { pathId: 0, targetId: 0, lun: 0 }
  #resetHoldsUntilNs = 0
  #interruptsInVain = 0

  constructor(options: RuntimeStackOptions) {
    const { machine, kernel, controller, miniport } = options
    super(machine, kernel, controller, miniport.fileName, options.onBroken ?? null)
    this.#miniport = miniport
    this.#usesLine = options.usesLine ?? false
    this.#onFindAdapter = options.onFindAdapter ?? (() => {})
    this.#interrupts = new AdapterInterrupts(machine, controller, this.ranges, {
      line: () => this.#interrupt(),
      message: (messageId) => this.#message(messageId),
    })
    kernel.loadImage('storport.sys', 'storport.sys')
    this.image = kernel.loadImage(miniport.fileName, miniport.fileName)
    this.configBlock = this.memory.allocate(PortConfigurationInformation.size)
    this.config = PortConfigurationInformation.at(this.configBlock.view)
    this.#objects = new DriverObjects((byteLength) => this.memory.allocate(byteLength), this.image)
    this.#start(miniport)
  }

  get data(): HwInitializationData {
    return this.#data
  }

  /** Whether the controller reaches memory above 4 GiB: not known before HwFindAdapter says so. */
  get is64Bit(): boolean {
    return reaches64Bit(this.config)
  }

  /** Whether the miniport reads and writes data of the disk through DataBuffer. */
  get mapsBuffers(): boolean {
    return mapsAllBuffers(this.config)
  }

  /** Bytes of one transfer: a page where the miniport's limits do not allow one. */
  get transferLimit(): number {
    if (this.config.numberOfPhysicalBreaks === 0) return PAGE_SIZE // no scatter/gather
    return Math.max(PAGE_SIZE, Math.min(transferLimit(this.config), MAX_TRANSFER_BYTES))
  }

  /** Of the boot disk; while a bus scan looks for it, of what is asked. */
  get place(): ScsiPlace {
    return this.#place
  }

  /** Another unit, whose extension is new. */
  set place(place: ScsiPlace) {
    this.#place = place
    if (this.#logicalUnit !== null) fillBlock(this.#logicalUnit, 0)
  }

  /** ControllerOptions.name */
  get controllerName(): string {
    return this.controller.name
  }

  get srbLayout(): SrbLayout {
    return srbLayoutFor(this.#data.srbTypeFlags)
  }

  /** The miniport wants no requests now, or holds a lock while it completes one; or the port lets a bus come to rest. */
  get isHeld(): boolean {
    if (this.holdsLock) return true
    return this.machine.nowNs < Math.max(this.pausedUntilNs, this.#resetHoldsUntilNs)
  }

  /** While a caller waits for the disk: what the miniport deferred, and its timers, once they are due. */
  runDeferred(): void {
    this.deferred.run(this.#extension)
  }

  idle(untilNs: number): boolean {
    if (this.isFrozen) return false
    this.machine.run(untilNs)
    this.runDeferred()
    return true
  }

  getDeviceObjects(): DeviceObjects {
    return this.#objects.devices
  }

  get isFrozen(): boolean {
    return this.#frozen !== null
  }

  /** What of the miniport's lies there, in words, once the system has stopped. */
  memoryAt(address: Gpa): string | null {
    return this.#frozen?.at(address) ?? null
  }

  allocate(byteLength: number): GuestBlock {
    return this.memory.allocate(byteLength)
  }

  /** Addresses for the data of one request. */
  reserveWindow(pageCount: number): DataWindow {
    return new DataWindow(this.kernel, this.kernel.reserveSystemPtes(pageCount), pageCount)
  }

  /** Hands an SRB to the miniport; false when it is busy and wants it again later. */
  start(srb: GuestBlock): boolean {
    const { hwBuildIo, hwStartIo } = this.#data
    if (hwBuildIo !== undefined && !hwBuildIo(this.#extension, srb)) return true
    this.portLock = 'startIo' // there is one channel: StorPortInitializePerfOpts is not implemented
    const isTaken = hwStartIo(this.#extension, srb)
    this.portLock = null
    return isTaken
  }

  /** No request is sent while the miniport resets the bus, which is when it completes what it has, nor for a while afterwards. */
  resetBus(pathId: number): boolean {
    this.#resetHoldsUntilNs = Number.POSITIVE_INFINITY
    const isReset = this.#data.hwResetBus(this.#extension, pathId)
    this.#resetHoldsUntilNs = this.machine.nowNs + BUS_RESET_HOLD_NS
    this.deferred.runDpcs(this.#extension)
    return isReset
  }

  /** After the adapter was initialised, before the first request; `block` is filled for the miniport's answer. */
  queryControlTypes(block: GuestBlock): void {
    this.#control = new AdapterControl(this.#data, this.#extension, this.#names)
    this.#control.query(block)
  }

  /**
   * Stops the adapter, cuts its power and starts it again, as the system's sleep does (SCSI_ADAPTER_CONTROL_TYPE). No request may be in flight.
   * Resources and extensions stay as they are; a miniport that cannot be restarted is shown its adapter again. `block` is for
   * parameters.
   */
  restart(block: GuestBlock): void {
    const { adapterPower, stopAdapter, setRunningConfig, restartAdapter } = ScsiAdapterControlType
    const control = this.#control!
    if (control.has(adapterPower)) {
      for (const powerState of [STOR_POWER_D3, STOR_POWER_D0]) {
        if (powerState === STOR_POWER_D0) this.#cyclePower()
        fillBlock(block, 0)
        StorAdapterControlPower.at(block.view).powerState = powerState
        control.run('ScsiAdapterPower', adapterPower, block)
      }
      this.#settle()
      return
    }
    control.run('ScsiStopAdapter', stopAdapter)
    this.#interrupts.disconnect()
    this.deferred.forget()
    this.#cyclePower()
    control.run('ScsiSetRunningConfig', setRunningConfig)
    if (control.has(restartAdapter)) {
      this.#interrupts.connect()
      control.run('ScsiRestartAdapter', restartAdapter)
    } else {
      this.#passiveInitialization = null
      fillBlock(this.configBlock, 0)
      this.#findAdapter()
      this.#bringUp()
    }
    this.#settle()
  }

  #cyclePower(): void {
    this.machine.cyclePower(this.controller.name)
    this.#interrupts.restore()
  }

  /** Of an adapter that was found. */
  get #extension(): GuestBlock {
    return this.#deviceExtension!
  }

  freeze(): void {
    this.#frozen = new FrozenMemory(this.kernel, this.image, [
      ['its device extension', this.#deviceExtension],
      ['its uncached extension', this.#uncached],
      ['its logical unit extension', this.#logicalUnit],
      ...this.memory.poolBlocks.map((block) => ['its pool', block] as const),
    ])
    this.deferred.stop()
    this.#interrupts.disconnect()
  }

  #start(miniport: MiniportImage): void {
    const { driverObject, registryPath } = this.#objects
    const status = miniport.load(this.image)(this, driverObject, registryPath)
    if (status !== STATUS_SUCCESS) throw this.#failed(`DriverEntry returned ${ntstatusText(status)}`)
    this.#findAdapter()
    if (this.#takesMessages) this.#findAdapterWithMessages()
    this.#bringUp()
    this.#settle()
  }

  /** An adapter that HwFindAdapter has found. */
  #bringUp(): void {
    const { requestedDumpBufferSize } = this.config
    if (requestedDumpBufferSize > 0) this.#makeDumpRegion(requestedDumpBufferSize)
    this.#interrupts.connect()
    this.portLock = 'interrupt'
    const isInitialized = this.#data.hwInitialize(this.#extension)
    this.portLock = null
    if (!isInitialized) throw this.#failed('HwInitialize returned FALSE')
    if (this.#passiveInitialization !== null && !this.#passiveInitialization()) {
      throw this.#failed('passive initialisation returned FALSE')
    }
  }

  /** Worker threads run what its start put off long before PnP asks for the disks: storahci starts its ports in work items. */
  #settle(): void {
    for (let step = 0; this.deferred.isQueued && step < MAX_SETTLE_STEPS; step++) {
      this.machine.run(this.machine.nowNs + SETTLE_STEP_NS)
      this.runDeferred()
    }
  }

  #findAdapter(): void {
    const { deviceExtensionSize, srbExtensionSize, specificLuExtensionSize } = this.#data
    this.#checkWanted(
      'an extension',
      Math.max(deviceExtensionSize, srbExtensionSize, specificLuExtensionSize),
    )
    this.#checkWanted('access ranges', this.#data.numberOfAccessRanges * AccessRange.size)
    this.#deviceExtension ??= this.memory.allocate(deviceExtensionSize)
    const { config } = this
    prefillConfiguration(config, this.#data)
    config.systemIoBusNumber = this.controller.bdf >>> 8
    config.slotNumber = slotNumberOf(this.controller.bdf)
    config.busInterruptLevel = this.controller.interruptVector
    config.busInterruptVector = this.controller.interruptVector
    const ranges = this.memory.allocate(config.numberOfAccessRanges * AccessRange.size)
    layAccessRanges(ranges.view, config.numberOfAccessRanges, this.ranges)
    config.accessRanges = ranges.va
    this.memory.serveController(() => !this.is64Bit)
    this.#onFindAdapter(false)
    const found = this.#data.hwFindAdapter(this.#extension, null, null, '', this.configBlock)
    if (found === SP_RETURN_NOT_FOUND) {
      // A driver for another device: nothing was tried of what it can.
      const what = 'HwFindAdapter found no adapter that it drives (SP_RETURN_NOT_FOUND)'
      throw new NotJudged('ADAPTER_NOT_FOUND', this.#notStarted(what), this.#names)
    }
    if (found !== SP_RETURN_FOUND) throw this.#failed(`HwFindAdapter returned ${found}`, 'ADAPTER_ERROR')
    this.#onFindAdapter(true)
    this.#checkWanted('SRB extensions', config.srbExtensionSize * MAX_QUEUE_DEPTH)
    this.#checkWanted('a dump buffer', config.requestedDumpBufferSize)
    this.memory.startNewHeap()
  }

  get #takesMessages(): boolean {
    if (this.#usesLine) return false
    return this.config.hwMsInterruptRoutine !== 0n && this.#data.hwMSInterruptRoutine !== undefined
  }

  /** ADR 0017: a driver that brings a routine for messages is shown its controller a second time, with messages enabled. */
  #findAdapterWithMessages(): void {
    if (!this.#interrupts.takeMessages()) return
    this.deferred.forget()
    this.#deviceExtension = null
    this.#uncached = null
    this.#passiveInitialization = null
    this.memory.serveController(() => false)
    fillBlock(this.configBlock, 0)
    this.#findAdapter()
    if (this.#takesMessages) return
    this.#interrupts.useLine()
  }

  /** DM-15: memory that the dump instance will find in DumpRegion. */
  #makeDumpRegion(byteLength: number): void {
    this.#dumpRegion ??= this.memory.dumpRegion(byteLength)
    const memory = this.#dumpRegion
    this.config.dumpRegion.virtualBase = memory.va
    this.config.dumpRegion.physicalBase = BigInt(memory.gpa)
    this.config.dumpRegion.length = byteLength
  }

  #interrupt(): boolean {
    if (++this.#interruptsInVain > INTERRUPT_STORM) {
      throw this.#failed(
        `HwInterrupt was called ${INTERRUPT_STORM} times and completed nothing: it does not acknowledge`,
      )
    }
    return this.#locked(() => this.#data.hwInterrupt(this.#extension))
  }

  #message(messageId: number): boolean {
    const routine = (): boolean => this.#data.hwMSInterruptRoutine!(this.#extension, messageId)
    // with a lock for each message the interrupt lock is free
    return this.config.interruptSynchronizationMode === INTERRUPT_SYNCHRONIZE_PER_MESSAGE
      ? this.#andDpcs(routine())
      : this.#locked(routine)
  }

  /** Under the interrupt lock. */
  #locked(routine: () => boolean): boolean {
    const outer = this.portLock
    this.portLock = 'interrupt'
    const isOwn = routine()
    this.portLock = outer
    return this.#andDpcs(isOwn)
  }

  /** Not while a lock keeps the level up: they come when a caller waits for the disk. */
  #andDpcs(isOwn: boolean): boolean {
    if (this.portLock === null && !this.holdsLock) this.deferred.runDpcs(this.#extension)
    return isOwn
  }

  #checkWanted(what: string, byteLength: number): void {
    if (byteLength <= MAX_ALLOCATION) return
    throw this.#failed(`it wants ${what} of ${hex(byteLength)} bytes, at most ${hex(MAX_ALLOCATION)}`)
  }

  #failed(what: string, code = 'CONTROLLER_FAILED'): DriversError {
    return new DriversError(code, this.#notStarted(what), this.#names)
  }

  #notStarted(what: string): string {
    return `${this.driverName} did not start on ${this.controller.name}: ${what}`
  }

  get #names(): AdapterNames {
    return { driver: this.driverName, controller: this.controller.name }
  }

  // PortExports

  initialize(_driverObject: Gva | null, _registryPath: Gva | null, data: HwInitializationData): number {
    this.#data = data
    copyInitializationData(
      this.memory.allocate(HwInitializationDataLayout.size),
      data,
      this.image,
      this.#miniport,
    )
    return STATUS_SUCCESS
  }

  getUncachedExtension(_extension: GuestBlock, _config: GuestBlock, byteLength: number): GuestBlock | null {
    this.uncachedBytes = Math.max(this.uncachedBytes, byteLength)
    this.#uncached ??= this.memory.pages(byteLength)
    return this.#uncached
  }

  getPhysicalAddress(
    _extension: GuestBlock,
    srb: GuestBlock | null,
    va: Gva,
  ): { gpa: Gpa; length: number } | null {
    const data = srb === null ? null : this.resourcesOf(srb).window.translate(va)
    const address = data ?? this.kernel.vaToGpa(va)
    if (address === null) return null
    return { gpa: address, length: this.#uncachedFrom(va) ?? PAGE_SIZE - (address % PAGE_SIZE) }
  }

  /** Bytes from there to the end of the uncached extension, which is one piece of memory; null outside. */
  #uncachedFrom(va: Gva): number | null {
    if (this.#uncached === null || va < this.#uncached.va) return null
    const left = Number(this.#uncached.va - va) + this.#uncached.view.byteLength
    return left > 0 ? left : null
  }

  getScatterGatherList(_extension: GuestBlock, srb: GuestBlock): ScatterGatherList {
    return this.resourcesOf(srb).list
  }

  mapData(_extension: GuestBlock, srb: GuestBlock): boolean {
    this.resourcesOf(srb).window.map()
    return true
  }

  getSrbExtension(srb: GuestBlock): GuestBlock {
    return this.resourcesOf(srb).extension
  }

  setDeviceQueueDepth(
    _extension: GuestBlock,
    _path: number,
    _target: number,
    _lun: number,
    depth: number,
  ): boolean {
    this.queueDepth = Math.min(depth, MAX_QUEUE_DEPTH)
    return depth >= 1
  }

  getLogicalUnit(_extension: GuestBlock, path: number, target: number, lun: number): GuestBlock | null {
    const { specificLuExtensionSize } = this.#data
    const { place } = this
    const isOurs = path === place.pathId && target === place.targetId && lun === place.lun
    if (!isOurs || specificLuExtensionSize === 0) return null
    this.#logicalUnit ??= this.memory.allocate(specificLuExtensionSize)
    return this.#logicalUnit
  }

  notificationRequestComplete(_extension: GuestBlock, srb: GuestBlock): void {
    this.#interruptsInVain = 0
    this.onComplete(srb)
  }

  enablePassiveInitialization(_extension: GuestBlock, routine: () => boolean): boolean {
    this.#passiveInitialization = routine
    return true
  }

  getMessageInterruptInformation(_extension: GuestBlock, messageId: number): MessageInterrupt | null {
    return this.#interrupts.message(messageId)
  }
}
