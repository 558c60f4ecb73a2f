// What the dump port exports to its miniport, by the names of storport.sys: memory only from what the context lends, register windows as
// they were mapped before the crash, one SRB.
import { type Gpa, type Gva, gpa, gva, hex, PAGE_SIZE } from '@dumpstack/bytes'
import {
  AccessRange,
  HwInitializationDataLayout,
  PortConfigurationInformation,
  type Profile,
} from '@dumpstack/nt'
import type { DataWindow } from '../../data-window.ts'
import type { DumpPortImports } from '../../dump-port.ts'
import { checkRam, GuestFault, NotOneView } from '../../guest-fault.ts'
import type { KernelServices } from '../../kernel-services.ts'
import type {
  DeviceRegisters,
  GuestBlock,
  HwInitializationData,
  PortExports,
  ScatterGatherList,
} from '../../miniport.ts'
import { copyInitializationData } from '../../port-configuration.ts'
import { type RegisterWatch, RegisterWindow } from '../../register-window.ts'
import { readConfig, writeConfig } from '../../runtime/pci-device.ts'
import type { DumpAdapter } from './dump-adapter.ts'
import type { SavedWindow } from './dump-context.ts'
import { DumpModeRoutines } from './dump-mode-routines.ts'
import type { PolledSrb } from './polled-srb.ts'
import { maxUncachedBytes, type PortMemory } from './port-memory.ts'

export interface StorportParts {
  readonly memory: PortMemory
  readonly windows: readonly SavedWindow[]
  readonly adapter: DumpAdapter
  readonly srb: PolledSrb
  /** Of the SRB that runs. */
  readonly list: ScatterGatherList
}

export class StorportExports extends DumpModeRoutines implements PortExports, RegisterWatch {
  readonly #kernel: KernelServices
  readonly #profile: Profile
  readonly #dataWindow: DataWindow
  readonly #memory: PortMemory
  readonly #windows: readonly SavedWindow[]
  readonly #adapter: DumpAdapter
  readonly #srb: PolledSrb
  readonly #list: ScatterGatherList
  #initializationData: GuestBlock | null = null
  #uncached: GuestBlock | null = null

  constructor(imports: DumpPortImports, parts: StorportParts) {
    super(imports.environment)
    this.#kernel = imports.kernel
    this.#profile = imports.profile
    this.#dataWindow = imports.dataWindow
    this.#memory = parts.memory
    this.#windows = parts.windows
    this.#adapter = parts.adapter
    this.#srb = parts.srb
    this.#list = parts.list
  }

  initialize(_driverObject: Gva | null, _registryPath: Gva | null, data: HwInitializationData): number {
    this.watch.onCall()
    if (this.#initializationData === null) {
      const { image, miniport } = this.environment
      this.#initializationData = this.#memory.need(HwInitializationDataLayout.size)
      copyInitializationData(this.#initializationData, data, image, miniport)
    }
    return this.#adapter.onInitialize(data)
  }

  getBusData(_extension: GuestBlock, bus: number, slot: number, offset: number, length: number): Uint8Array {
    this.watch.onCall()
    return readConfig(this.environment.machine, bus, slot, offset, length)
  }

  setBusData(_extension: GuestBlock, bus: number, slot: number, offset: number, from: Uint8Array): number {
    this.watch.onCall()
    return writeConfig(this.environment.machine, bus, slot, offset, from)
  }

  getDeviceBase(_extension: GuestBlock, rangeIndex: number): DeviceRegisters | null {
    this.watch.onCall()
    const config = PortConfigurationInformation.at(this.#adapter.configBlock.view)
    if (rangeIndex >= config.numberOfAccessRanges) return null
    const ranges = this.dereference(gva(config.accessRanges), config.numberOfAccessRanges * AccessRange.size)
    const start = AccessRange.at(ranges.view, rangeIndex * AccessRange.size).rangeStart
    const saved = this.#windows.find((window) => BigInt(window.gpa) === start)
    if (saved === undefined) return null
    return new RegisterWindow(
      this.environment.machine.bus,
      this.environment.image.baseName,
      saved.va,
      saved.gpa,
      saved.byteLength,
      this,
    )
  }

  getUncachedExtension(_extension: GuestBlock, _config: GuestBlock, byteLength: number): GuestBlock | null {
    this.watch.onCall()
    const call = 'StorPortGetUncachedExtension'
    if (this.environment.entryPoint !== 'HwFindAdapter') {
      this.environment.violate(
        'DM-12',
        call,
        `${call} was called from ${this.environment.entryPoint}, expected HwFindAdapter only`,
      )
      return null
    }
    if (this.#uncached !== null) return this.#uncachedAgain(this.#uncached, byteLength)
    const { noncachedBudget } = this.#profile.limits
    const block = this.#memory.takeUncached(byteLength)
    if (block === null) {
      const most = `at most ${hex(maxUncachedBytes(this.#profile))} exist in dump mode`
      // a driver that then asks for less gets it, and its dump is good
      this.environment.violate(
        'DM-11',
        call,
        `${call} asked for ${hex(byteLength)} bytes, ${most}`,
        'warning',
      )
      return null
    }
    // SRB and device extension have limits of their own: genuine miniports want SRB extensions of half the budget.
    if (byteLength > noncachedBudget) {
      const { runtimeUncachedBytes } = this.environment
      const least = `expected at most ${hex(noncachedBudget)}; the running instance has ${hex(runtimeUncachedBytes)}`
      const what = `noncached memory of ${hex(byteLength)} bytes was asked for, ${least}`
      // storahci itself goes over the budget, by a little and for one port only: a driver that takes less than while the system ran has
      // thought of the dump, and the dump is good
      this.environment.violate('DM-11', call, what, byteLength < runtimeUncachedBytes ? 'warning' : 'fail')
    }
    this.#uncached = block
    return block
  }

  /** The block that there is (DM-12); one that wants more than that writes past its end. */
  #uncachedAgain(block: GuestBlock, byteLength: number): GuestBlock {
    const call = 'StorPortGetUncachedExtension'
    const { byteLength: given } = block.view
    const what = `${call} was called a second time, for ${hex(byteLength)} bytes, expected one call: it returns the same ${hex(given)} bytes`
    this.environment.violate('DM-12', call, what, byteLength > given ? 'fail' : 'warning')
    return block
  }

  getPhysicalAddress(
    _extension: GuestBlock,
    _srb: GuestBlock | null,
    va: Gva,
  ): { gpa: Gpa; length: number } | null {
    this.watch.onCall()
    const address = this.#translate(va)
    if (address === null) return null
    return { gpa: address, length: this.#memory.leftFrom(address) ?? PAGE_SIZE - (address % PAGE_SIZE) }
  }

  getScatterGatherList(_extension: GuestBlock, srb: GuestBlock): ScatterGatherList | null {
    this.watch.onCall()
    return srb.va === this.#srb.activeBlock?.va ? this.#list : null
  }

  mapData(_extension: GuestBlock, srb: GuestBlock): boolean {
    this.watch.onCall()
    if (srb.va !== this.#srb.activeBlock?.va) return false
    this.#dataWindow.map()
    return true
  }

  getSrbExtension(srb: GuestBlock): GuestBlock {
    this.watch.onCall()
    if (srb.va !== this.#srb.activeBlock?.va)
      throw new GuestFault(this.environment.image.baseName, 'read', srb.va)
    return this.#adapter.srbExtension
  }

  /** In-box drivers ask in every mode, so asking breaks no rule; to count on it does (DM-09). */
  enablePassiveInitialization(): boolean {
    this.watch.onCall()
    this.#adapter.wantedPassiveInitialization = true
    return false
  }

  /** DM-24: one request at a time whatever the miniport asks. */
  setDeviceQueueDepth(): boolean {
    this.watch.onCall()
    return true
  }

  getLogicalUnit(_extension: GuestBlock, path: number, target: number, lun: number): GuestBlock | null {
    this.watch.onCall()
    const { place } = this.#srb
    const isOurs = path === place.pathId && target === place.targetId && lun === place.lun
    return isOurs ? this.#adapter.logicalUnit : null
  }

  notificationRequestComplete(_extension: GuestBlock, srb: GuestBlock): void {
    this.watch.onCall()
    this.#srb.onRequestComplete(srb)
  }

  stallExecution(microseconds: number): void {
    this.environment.stall(microseconds)
  }

  dereference(va: Gva, byteLength: number): GuestBlock {
    this.watch.onCall()
    const address = this.#translate(va)
    if (address === null) throw new GuestFault(this.environment.image.baseName, 'read', va)
    for (let at = PAGE_SIZE - (address % PAGE_SIZE); at < byteLength; at += PAGE_SIZE) {
      const next = gva(va + BigInt(at))
      const nextAddress = this.#translate(next)
      if (nextAddress === null) throw new GuestFault(this.environment.image.baseName, 'read', next)
      if (nextAddress !== address + at) throw new NotOneView(this.environment.image.baseName, va, byteLength)
    }
    checkRam(this.environment.machine.ram, va, address, byteLength)
    return { va, gpa: gpa(address), view: this.environment.machine.ram.view(address, byteLength) }
  }

  onRead(address: number, value: number): void {
    this.watch.onRead(address, value)
    this.environment.registerRead()
  }

  onWrite(address: number): void {
    this.watch.onWrite()
    this.environment.registerWritten(address)
  }

  registerAccess(isWrite: boolean, address: number, byteLength: number, value: number): void {
    if (!isWrite) {
      this.onRead(address, value)
      return
    }
    this.onWrite(address)
    const register = byteLength < 4 ? this.#addressRegister(address) : null
    if (register === null) return
    const what = `${register} was written with ${byteLength * 8} bits, expected all 32: the rest of it still is the dead instance's`
    this.environment.violate('DM-34', `write of ${register}`, what)
  }

  /** Registers that hold addresses of queues, by their names; null for all others. */
  #addressRegister(address: number): string | null {
    const { controller } = this.environment
    const window = this.environment.windowOf(address)
    return window === undefined ? null : controller.model.addressRegister(window.bar, address - window.base)
  }

  #translate(va: Gva): Gpa | null {
    const window = this.#dataWindow
    return window.holds(va) ? window.translate(va) : this.#kernel.vaToGpa(va)
  }
}
