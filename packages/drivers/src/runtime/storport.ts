// A small Storport for the running system: brings a miniport up as PnP would, hands it SRBs and takes its interrupts. Structures live
// in guest RAM as nonpaged kernel memory.
import { type Gpa, type Gva, gva, hex, PAGE_SIZE } from '@dumpstack/bytes'
import type { ControllerOptions, Machine } from '@dumpstack/machine'
import {
  AccessRange,
  HwInitializationDataLayout,
  ntstatusText,
  PortConfigurationInformation,
  SCSI_ADAPTER_CONTROL_MAX,
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
import type { KernelMemory, KernelServices, LoadedImage } from '../kernel-services.ts'
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
import type { OnBroken, OnFindAdapter, ScsiPlace } from '../runtime-stack.ts'
import { type SrbLayout, srbLayoutFor } from '../srb-layout.ts'
import { AdapterControl } from './adapter-control.ts'
import { DriverObjects } from './driver-objects.ts'
import { assignMessages, disableMessages } from './message-interrupts.ts'
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
  /** By which the controller interrupts; none where it raises its line. */
  #messages: readonly MessageInterrupt[] = []
  #deviceExtension: GuestBlock | null = null
  #control: AdapterControl | null = null
  #dumpRegion: KernelMemory | null = null
  #uncached: GuestBlock | null = null
  /** The miniport's memory when the system stopped; a checkpoint ends the blocks. */
  #frozen: readonly { readonly name: string; readonly start: Gpa; readonly end: number }[] = []
  #passiveInitialization: (() => boolean) | null = null
  #logicalUnit: GuestBlock | null = null
  #place: ScsiPlace = { pathId: 0, targetId: 0, lun: 0 }
  #heldUntilNs = 0
  #resetHoldsUntilNs = 0
  #interruptsInVain = 0
  #isFrozen = false

  constructor(
    machine: Machine,
    kernel: KernelServices,
    controller: ControllerOptions,
    miniport: MiniportImage,
    usesLine = false,
    onBroken: OnBroken | null = null,
    onFindAdapter: OnFindAdapter = () => {},
  ) {
    super(machine, kernel, controller, miniport.fileName, onBroken)
    this.#miniport = miniport
    this.#usesLine = usesLine
    this.#onFindAdapter = onFindAdapter
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
    return this.machine.nowNs < Math.max(this.#heldUntilNs, this.#resetHoldsUntilNs)
  }

  /** While a caller waits for the disk: what the miniport deferred, and its timers, once they are due. */
  runDeferred(): void {
    this.deferred.run(this.#extension)
  }

  idle(untilNs: number): boolean {
    if (this.#isFrozen) return false
    this.machine.run(untilNs)
    this.runDeferred()
    return true
  }

  getDeviceObjects(): DeviceObjects {
    return this.#objects.devices
  }

  get isFrozen(): boolean {
    return this.#isFrozen
  }

  /** What of the miniport's lies there, in words, once the system has stopped. */
  memoryAt(address: Gpa): string | null {
    const found = this.#frozen.find(({ start, end }) => address >= start && address < end)
    if (found !== undefined) return found.name
    const { base, size } = this.image
    for (let at = 0; at < size; at += PAGE_SIZE) {
      const page = this.kernel.vaToGpa(gva(base + BigInt(at)))
      if (page !== null && address >= page && address < page + PAGE_SIZE) return 'its image'
    }
    return null
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
    this.#control = new AdapterControl(this.#data, this.#extension)
    const past = this.#control.query(block)
    if (past < 0) return
    throw new DriversError(
      'CONTROL_LIST',
      `HwAdapterControl of ${this.driverName} wrote SupportedTypeList[${past}] for ScsiQuerySupportedControlTypes, expected none from MaxControlType on, which is ${SCSI_ADAPTER_CONTROL_MAX}`,
      { ...this.#names, routine: 'HwAdapterControl' },
    )
  }

  /**
   * Stops the adapter, cuts its power and starts it again, as the system's sleep does (SCSI_ADAPTER_CONTROL_TYPE). No request may be in flight.
   * Resources and extensions stay as they are; a miniport that cannot be restarted is shown its adapter again. `block` is for
   * parameters.
   */
  restart(block: GuestBlock): void {
    const { adapterPower, stopAdapter, setRunningConfig, restartAdapter } = ScsiAdapterControlType
    if (this.#control!.has(adapterPower)) {
      for (const powerState of [STOR_POWER_D3, STOR_POWER_D0]) {
        if (powerState === STOR_POWER_D0) this.#cyclePower()
        fillBlock(block, 0)
        StorAdapterControlPower.at(block.view).powerState = powerState
        this.#run('ScsiAdapterPower', adapterPower, block)
      }
      this.#settle()
      return
    }
    this.#run('ScsiStopAdapter', stopAdapter)
    this.#disconnect()
    this.deferred.forget()
    this.#cyclePower()
    this.#run('ScsiSetRunningConfig', setRunningConfig)
    if (this.#control!.has(restartAdapter)) {
      this.#connect()
      this.#run('ScsiRestartAdapter', restartAdapter)
    } else {
      this.#passiveInitialization = null
      fillBlock(this.configBlock, 0)
      this.#findAdapter()
      this.#bringUp()
    }
    this.#settle()
  }

  /** Messages are as they were: a function has the same each time. */
  #cyclePower(): void {
    this.machine.cyclePower(this.controller.name)
    if (this.#messages.length > 0) assignMessages(this.machine, this.controller.bdf, this.ranges)
  }

  #run(name: string, type: ScsiAdapterControlType, parameters: GuestBlock | null = null): void {
    if (this.#control!.run(type, parameters)) return
    const what = `HwAdapterControl of ${this.driverName} failed ${name}, expected ScsiAdapterControlSuccess`
    throw new DriversError('CONTROLLER_FAILED', what, { ...this.#names, routine: 'HwAdapterControl' })
  }

  /** Of an adapter that was found. */
  get #extension(): GuestBlock {
    return this.#deviceExtension!
  }

  freeze(): void {
    const named: readonly (readonly [name: string, block: GuestBlock | null])[] = [
      ['its device extension', this.#deviceExtension],
      ['its uncached extension', this.#uncached],
      ['its logical unit extension', this.#logicalUnit],
      ...this.memory.poolBlocks.map((block) => ['its pool', block] as const),
    ]
    this.#frozen = named.flatMap(([name, block]) =>
      block === null ? [] : [{ name, start: block.gpa, end: block.gpa + block.view.byteLength }],
    )
    this.#isFrozen = true
    this.deferred.stop()
    this.#disconnect()
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
    this.#connect()
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
    const { bdf } = this.controller
    this.#messages = assignMessages(this.machine, bdf, this.ranges)
    if (this.#messages.length === 0) return
    this.deferred.forget()
    this.#deviceExtension = null
    this.#uncached = null
    this.#passiveInitialization = null
    this.memory.serveController(() => false)
    fillBlock(this.configBlock, 0)
    this.#findAdapter()
    if (this.#takesMessages) return
    this.#messages = []
    disableMessages(this.machine, bdf)
  }

  #connect(): void {
    const { bus } = this.machine
    if (this.#messages.length === 0) bus.onInterrupt(this.controller.interruptVector, () => this.#interrupt())
    for (const { messageId, vector } of this.#messages) {
      bus.onInterrupt(vector, () => {
        const outer = this.portLock
        this.portLock = 'interrupt'
        const isOwn = this.#data.hwMSInterruptRoutine!(this.#extension, messageId)
        this.portLock = outer
        this.#runDpcs()
        return isOwn
      })
    }
  }

  #disconnect(): void {
    const { bus } = this.machine
    bus.onInterrupt(this.controller.interruptVector, null)
    for (const { vector } of this.#messages) bus.onInterrupt(vector, null)
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
    const outer = this.portLock
    this.portLock = 'interrupt'
    const isOwn = this.#data.hwInterrupt(this.#extension)
    this.portLock = outer
    this.#runDpcs()
    return isOwn
  }

  /** Not while a lock keeps the level up: they come when a caller waits for the disk. */
  #runDpcs(): void {
    if (this.portLock === null && !this.holdsLock) this.deferred.runDpcs(this.#extension)
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

  get #names(): { readonly driver: string; readonly controller: string } {
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

  pause(_extension: GuestBlock, seconds: number): boolean {
    this.#heldUntilNs = this.machine.nowNs + seconds * 1e9
    return true
  }

  resume(): boolean {
    this.#heldUntilNs = 0
    return true
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
    return this.#messages[messageId] ?? null
  }
}
