// The world after KeBugCheckEx as a dump miniport sees it through its port's exports: HIGH_LEVEL, one processor, memory only from two
// common buffers, register windows as they were mapped, one SRB. What it may not ask for is in dump-mode-rules.ts.
import { type Gpa, type Gva, gpa, gva, hex, PAGE_SIZE } from '@dumpstack/bytes'
import type { Disk, RegisterWindow as RegisterPlace } from '@dumpstack/machine'
import {
  AccessRange,
  HwInitializationDataLayout,
  PortConfigurationInformation,
  type Profile,
  STATUS_SUCCESS,
} from '@dumpstack/nt'
import type { DataWindow } from '../data-window.ts'
import { DriversError } from '../errors.ts'
import { fillBlock, GuestHeap } from '../guest-block.ts'
import { checkRam, GuestFault, NotOneView } from '../guest-fault.ts'
import type { KernelMemory, KernelServices } from '../kernel-services.ts'
import type {
  DeviceRegisters,
  GuestBlock,
  HwInitializationData,
  PortExports,
  ScatterGatherList,
} from '../miniport.ts'
import { copyInitializationData } from '../port-configuration.ts'
import { RegisterWindow } from '../register-window.ts'
import { readConfig, writeConfig } from '../runtime/pci-device.ts'
import { DUMP_MEMORY_PATTERN } from './dump-memory-pattern.ts'
import { type DumpModeOptions, DumpModeRules } from './dump-mode-rules.ts'

// DM-13: aligned for the processor, not for a controller.
const UNCACHED_MISALIGNMENT = 0x40

/** A register window that was mapped before the crash; nothing can be mapped after it. */
export interface SavedWindow {
  readonly va: Gva
  readonly gpa: Gpa
  readonly byteLength: number
}

export interface CrashEnvironmentOptions extends DumpModeOptions {
  readonly kernel: KernelServices
  readonly profile: Profile
  readonly memoryBlock: KernelMemory
  readonly commonBuffers: readonly [KernelMemory, KernelMemory]
  readonly windows: readonly SavedWindow[]
  /** Of the same driver while the system ran. */
  readonly runtimeUncachedBytes: number
}

/** The dump port behind the exports. */
export interface DumpPortSide {
  /** StorPortInitialize with valid tables; NTSTATUS. */
  onInitialize(data: HwInitializationData): number
  readonly configBlock: GuestBlock
  readonly dataWindow: DataWindow
  readonly activeSrb: GuestBlock | null
  readonly srbExtension: GuestBlock
  readonly scatterGatherList: ScatterGatherList
  logicalUnit(path: number, target: number, lun: number): GuestBlock | null
  onRequestComplete(srb: GuestBlock): void
}

export class CrashEnvironment extends DumpModeRules implements PortExports {
  /** Nonpaged heap: device extension, SRB, lists. */
  readonly heap: GuestHeap
  readonly #uncachedHeap: GuestHeap
  readonly #srbHeap: GuestHeap
  readonly #kernel: KernelServices
  readonly #profile: Profile
  readonly #windows: readonly SavedWindow[]
  /** Of the controller, as it decodes them; looked up with the first write that may concern one. */
  #registers: readonly RegisterPlace[] | null = null
  readonly #runtimeUncachedBytes: number
  #side!: DumpPortSide
  #initializationData: GuestBlock | null = null
  #uncached: GuestBlock | null = null

  constructor(options: CrashEnvironmentOptions) {
    super(options)
    this.#kernel = options.kernel
    this.#profile = options.profile
    this.#windows = options.windows
    this.#runtimeUncachedBytes = options.runtimeUncachedBytes
    const { ram } = options.machine
    this.heap = new GuestHeap(ram, options.memoryBlock)
    this.#uncachedHeap = new GuestHeap(ram, options.commonBuffers[0])
    this.#srbHeap = new GuestHeap(ram, options.commonBuffers[1])
    this.#uncachedHeap.take(UNCACHED_MISALIGNMENT)
    this.#srbHeap.take(UNCACHED_MISALIGNMENT)
  }

  serve(side: DumpPortSide): void {
    this.#side = side
  }

  /** The disk that the dump goes to. */
  get disk(): Disk {
    return this.controller.attachments[0]!.disk
  }

  /** Zeroed memory of the port itself, from the heap; the profile's MemoryBlock is always large enough for it. */
  need(byteLength: number): GuestBlock {
    const block = this.heap.take(byteLength)
    if (block === null)
      throw new DriversError('DUMP_MEMORY', `the dump stack's heap has no ${hex(byteLength)} bytes`)
    fillBlock(block, 0)
    return block
  }

  takeSrbExtension(byteLength: number): GuestBlock | null {
    return this.#srbHeap.take(byteLength)
  }

  /** Whole pages for data that the controller cannot reach where it is, at most so many bytes; null where there is not one left. */
  takeBounceBuffer(byteLength: number): GuestBlock | null {
    const fits = Math.floor(this.#srbHeap.left(PAGE_SIZE) / PAGE_SIZE) * PAGE_SIZE
    return fits === 0 ? null : this.#srbHeap.take(Math.min(fits, byteLength), PAGE_SIZE)
  }

  // PortExports

  initialize(_driverObject: Gva | null, _registryPath: Gva | null, data: HwInitializationData): number {
    this.watch.onCall()
    if (this.#initializationData === null) {
      this.#initializationData = this.need(HwInitializationDataLayout.size)
      copyInitializationData(this.#initializationData, data, this.image, this.miniport)
    }
    return this.#side.onInitialize(data)
  }

  getBusData(_extension: GuestBlock, offset: number, length: number): Uint8Array {
    this.watch.onCall()
    return readConfig(this.machine, this.controller.bdf, offset, length)
  }

  setBusData(_extension: GuestBlock, offset: number, from: Uint8Array): number {
    this.watch.onCall()
    return writeConfig(this.machine, this.controller.bdf, offset, from)
  }

  getDeviceBase(_extension: GuestBlock, rangeIndex: number): DeviceRegisters | null {
    this.watch.onCall()
    const config = PortConfigurationInformation.at(this.#side.configBlock.view)
    if (rangeIndex >= config.numberOfAccessRanges) return null
    const ranges = this.dereference(gva(config.accessRanges), config.numberOfAccessRanges * AccessRange.size)
    const start = AccessRange.at(ranges.view, rangeIndex * AccessRange.size).rangeStart
    const saved = this.#windows.find((window) => BigInt(window.gpa) === start)
    if (saved === undefined) return null
    return new RegisterWindow(
      this.machine.bus,
      this.image.baseName,
      saved.va,
      saved.gpa,
      saved.byteLength,
      this.watch,
    )
  }

  getUncachedExtension(_extension: GuestBlock, _config: GuestBlock, byteLength: number): GuestBlock | null {
    this.watch.onCall()
    const call = 'StorPortGetUncachedExtension'
    if (this.entryPoint !== 'HwFindAdapter') {
      this.violate('DM-12', call, `${call} was called from ${this.entryPoint}, expected HwFindAdapter only`)
      return null
    }
    if (this.#uncached !== null) return this.#uncached
    const { commonBufferSize, noncachedBudget } = this.#profile.limits
    const block = this.#uncachedHeap.take(byteLength)
    if (block === null) {
      this.violate(
        'DM-11',
        call,
        `${call} asked for ${hex(byteLength)} bytes, at most ${hex(commonBufferSize - UNCACHED_MISALIGNMENT)} exist in dump mode`,
      )
      return null
    }
    // SRB and device extension have limits of their own: genuine miniports want SRB extensions of half the budget.
    // storahci itself goes over the budget, by a little and for one port only: what counts is whether the dump was thought of.
    if (byteLength > noncachedBudget && byteLength >= this.#runtimeUncachedBytes) {
      const most = `expected at most ${hex(noncachedBudget)}, or less than the running instance's ${hex(this.#runtimeUncachedBytes)}`
      this.violate('DM-11', call, `noncached memory of ${hex(byteLength)} bytes was asked for, ${most}`)
    }
    this.#uncached = block
    return block
  }

  getPhysicalAddress(
    _extension: GuestBlock,
    _srb: GuestBlock | null,
    va: Gva,
  ): { gpa: Gpa; length: number } | null {
    this.watch.onCall()
    const address = this.#translate(va)
    return address === null ? null : { gpa: address, length: PAGE_SIZE - (address % PAGE_SIZE) }
  }

  getScatterGatherList(_extension: GuestBlock, srb: GuestBlock): ScatterGatherList | null {
    this.watch.onCall()
    return srb.va === this.#side.activeSrb?.va ? this.#side.scatterGatherList : null
  }

  mapData(_extension: GuestBlock, srb: GuestBlock): boolean {
    this.watch.onCall()
    if (srb.va !== this.#side.activeSrb?.va) return false
    this.#side.dataWindow.map()
    return true
  }

  getSrbExtension(srb: GuestBlock): GuestBlock {
    this.watch.onCall()
    if (srb.va !== this.#side.activeSrb?.va) throw new GuestFault(this.image.baseName, 'read', srb.va)
    return this.#side.srbExtension
  }

  /** DM-24: one request at a time whatever the miniport asks. */
  setDeviceQueueDepth(): boolean {
    this.watch.onCall()
    return true
  }

  getLogicalUnit(_extension: GuestBlock, path: number, target: number, lun: number): GuestBlock | null {
    this.watch.onCall()
    return this.#side.logicalUnit(path, target, lun)
  }

  notificationRequestComplete(_extension: GuestBlock, srb: GuestBlock): void {
    this.watch.onCall()
    this.#side.onRequestComplete(srb)
  }

  stallExecution(microseconds: number): void {
    this.watch.onStall(microseconds)
  }

  dereference(va: Gva, byteLength: number): GuestBlock {
    this.watch.onCall()
    const address = this.#translate(va)
    if (address === null) throw new GuestFault(this.image.baseName, 'read', va)
    for (let at = PAGE_SIZE - (address % PAGE_SIZE); at < byteLength; at += PAGE_SIZE) {
      const next = gva(va + BigInt(at))
      const nextAddress = this.#translate(next)
      if (nextAddress === null) throw new GuestFault(this.image.baseName, 'read', next)
      if (nextAddress !== address + at) throw new NotOneView(this.image.baseName, va, byteLength)
    }
    checkRam(this.machine.ram, va, address, byteLength)
    return { va, gpa: gpa(address), view: this.machine.ram.view(address, byteLength) }
  }

  registerAccess(isWrite: boolean, address: number, byteLength: number): void {
    if (!isWrite) {
      this.watch.onRead()
      return
    }
    this.watch.onWrite()
    const register = byteLength < 4 ? this.#addressRegister(address) : null
    if (register === null) return
    const what = `${register} was written with ${byteLength * 8} bits, expected all 32: the rest of it still is the dead instance's`
    this.violate('DM-34', `write of ${register}`, what)
  }

  /** Registers that hold addresses of queues, by their names; null for all others. */
  #addressRegister(address: number): string | null {
    const { name, model } = this.controller
    this.#registers ??= this.machine.registerWindows.filter(({ controller }) => controller === name)
    const window = this.#registers.find(
      ({ base, byteLength }) => address >= base && address < base + byteLength,
    )
    return window === undefined ? null : model.addressRegister(window.bar, address - window.base)
  }

  #translate(va: Gva): Gpa | null {
    const { dataWindow } = this.#side
    return dataWindow.holds(va) ? dataWindow.translate(va) : this.#kernel.vaToGpa(va)
  }
}

/** DM-15: DumpRegion as the dump instance finds it. */
export function patternDumpRegion(environment: CrashEnvironment, config: PortConfigurationInformation): void {
  const { virtualBase, length } = config.dumpRegion
  if (length > 0) fillBlock(environment.dereference(gva(virtualBase), length), DUMP_MEMORY_PATTERN)
}

export const isSuccess = (status: number): boolean => status >>> 0 < 0x8000_0000 && status >= STATUS_SUCCESS
