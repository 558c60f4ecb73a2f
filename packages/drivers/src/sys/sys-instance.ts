// One instance of a compiled miniport on one port: its tables as functions that call guest code, and what its import calls refer to
// by address. The runtime instance and the dump instance each have their own.
import { type Gva, gpa, gva } from '@dumpstack/bytes'
import {
  AccessRange,
  PortConfigurationInformation,
  ScsiAdapterControlType,
  ScsiRequestBlock,
  SRB_FUNCTION_STORAGE_REQUEST_BLOCK,
  StorageRequestBlock,
} from '@dumpstack/nt'
import { NotJudged } from '../guest-fault.ts'
import { DEVICE_LEVEL, DISPATCH_LEVEL, HIGH_LEVEL, PASSIVE_LEVEL } from '../irql.ts'
import type { KernelMemory, LoadedImage } from '../kernel-services.ts'
import type { GuestBlock, HeldLock, HwInitializationData, PortExports, StorDpc } from '../miniport.ts'
import { serviceKeyPath } from '../runtime/driver-objects.ts'
import type { GuestMemory } from './guest-memory.ts'
import type { GuestInitializationData, RoutineName } from './init-data.ts'
import { KernelRegistry } from './kernel-registry.ts'
import type { SysLife } from './sys-observer.ts'

/** The level of each routine while the system runs (storport.h); in dump mode all run at HIGH_LEVEL. */
const RUNTIME_LEVELS: Readonly<Record<RoutineName, number>> = {
  DriverEntry: PASSIVE_LEVEL,
  HwFindAdapter: PASSIVE_LEVEL,
  HwInitialize: DEVICE_LEVEL,
  HwBuildIo: DISPATCH_LEVEL,
  HwStartIo: DISPATCH_LEVEL,
  HwInterrupt: DEVICE_LEVEL,
  HwResetBus: DISPATCH_LEVEL,
  HwAdapterControl: PASSIVE_LEVEL,
}
/** Control types for which HwAdapterControl runs at the level of its interrupt. */
const STOPS_AND_STARTS: readonly number[] = [
  ScsiAdapterControlType.stopAdapter,
  ScsiAdapterControlType.restartAdapter,
]

/** Memory that an instance runs on, set aside when the system starts. */
export interface InstanceMemory {
  readonly stack: KernelMemory
  /** Small things that routines get by address. */
  readonly scratch: KernelMemory
}

/** A lock that a driver holds: where it was taken, and the level since then. */
export interface HeldSince {
  readonly at: Gva
  readonly level: number
}

interface TakenLock extends HeldSince {
  readonly lock: HeldLock
  readonly irql: number
  readonly interruptsEnabled: boolean
}

interface RegisteredCallback {
  readonly object: bigint
  readonly routine: Gva
  readonly context: bigint
}

/** An image of the driver file in the guest's memory. */
export interface LoadedDriver {
  readonly image: LoadedImage
  /** What its DriverEntry gave to StorPortInitialize; null before that. */
  table: GuestInitializationData | null
}

/** What DriverEntry was called with; both null in a dump. */
export interface EntryArguments {
  readonly driverObject: Gva | null
  readonly registryPath: Gva | null
}

/** Runs guest code for an instance. */
export interface GuestRunner {
  readonly memory: GuestMemory
  run(instance: SysInstance, name: string, entry: Gva, args: readonly bigint[], irql: number): bigint
}

const ARGUMENT_STRING_AT = 0n
const AGAIN_AT = 0x200n
const MAX_ARGUMENT = 0x1ff
const MAX_RANGES = 64
/** Our choice: of DPCs, locks, timers a driver has a few for each queue; the host keeps some 200 bytes of each. */
const MAX_OBJECTS = 4096
const NO_BYTES = new DataView(new ArrayBuffer(0))

export class SysInstance {
  readonly driver: LoadedDriver
  readonly entry: EntryArguments
  readonly port: PortExports
  readonly life: SysLife
  readonly memory: InstanceMemory
  readonly dpcs = new Map<Gva, StorDpc>()
  /** By the address of a STOR_LOCK_HANDLE, or what stands for one. */
  readonly locks = new Map<bigint, TakenLock>()
  /** By the addresses of the KSPIN_LOCKs that it holds. */
  readonly spinLocks = new Map<Gva, HeldSince>()
  /** By the address of a STOR_DPC: SystemArgument1 and SystemArgument2 of the last issue. */
  readonly dpcArguments = new Map<Gva, readonly [bigint, bigint]>()
  readonly timers = new Set<bigint>()
  /** Addresses of the KTIMERs that are set. */
  readonly kernelTimers = new Set<Gva>()
  readonly workers = new Set<bigint>()
  /** SRBs that the miniport has and did not complete. */
  readonly outstanding = new Set<Gva>()
  /** Callback objects by their names in lower case, and who has registered with one, by the handle of the registration. */
  readonly callbackObjects = new Map<string, bigint>()
  readonly callbacks = new Map<bigint, RegisteredCallback>()
  /** Made at its first use. */
  #registry: KernelRegistry | null = null
  /** How often the driver asked to be called when all devices have started. */
  reinitializations = 0
  /** IRPs that the I/O manager frees when they complete, by their addresses. */
  readonly builtIrps = new Set<Gva>()
  /** By MmMapIoSpace: address and length. */
  readonly mappings = new Set<string>()
  uncached: GuestBlock | null = null
  config: GuestBlock | null = null
  deviceExtension: Gva | null = null
  hwContext = 0n
  readonly #runner: GuestRunner
  readonly #blocks = new Map<Gva, GuestBlock>()
  #handles = 0n

  constructor(
    driver: LoadedDriver,
    entry: EntryArguments,
    port: PortExports,
    life: SysLife,
    memory: InstanceMemory,
    runner: GuestRunner,
  ) {
    this.driver = driver
    this.entry = entry
    this.port = port
    this.life = life
    this.memory = memory
    this.#runner = runner
  }

  get registry(): KernelRegistry {
    const { nameOnDisk } = this.image
    this.#registry ??= new KernelRegistry(serviceKeyPath(nameOnDisk), nameOnDisk)
    return this.#registry
  }

  get image(): LoadedImage {
    return this.driver.image
  }

  /** StorPortInitialize: the table becomes that of the image, and the port calls HwFindAdapter. */
  initialize(table: GuestInitializationData): number {
    this.driver.table = table
    const { driverObject, registryPath } = this.entry
    return this.port.initialize(driverObject, registryPath, this.#initializationData(table))
  }

  levelOf(routine: RoutineName): number {
    return this.life === 'dump' ? HIGH_LEVEL : RUNTIME_LEVELS[routine]
  }

  /** Calls one of the driver's own routines at the level that its name has. */
  call(routine: RoutineName, entry: Gva, args: readonly bigint[]): bigint {
    return this.#runner.run(this, routine, entry, args, this.levelOf(routine))
  }

  /** Calls what the driver gave for later: a DPC, a timer, a synchronised routine. */
  callBack(name: string, entry: Gva, args: readonly bigint[], irql: number): bigint {
    return this.#runner.run(this, name, entry, args, this.life === 'dump' ? HIGH_LEVEL : irql)
  }

  /** The block that the port gave at that address; an address that it did not give has a block without bytes. */
  blockAt(va: Gva): GuestBlock {
    return this.#blocks.get(va) ?? { va, gpa: gpa(0), view: NO_BYTES }
  }

  /** One more of what a driver has by number, or by address; throws NotJudged where it has too many of them. */
  keep<T>(kept: Set<T>, one: T, what: string): void {
    this.#admit(kept, kept.has(one), what)
    kept.add(one)
  }

  keepNamed<K, V>(kept: Map<K, V>, key: K, value: V, what: string): void {
    this.#admit(kept, kept.has(key), what)
    kept.set(key, value)
  }

  #admit(kept: { readonly size: number }, isKnown: boolean, what: string): void {
    if (isKnown || kept.size < MAX_OBJECTS) return
    const { baseName } = this.image
    const message = `${baseName} has ${MAX_OBJECTS} ${what} at once, and more are not modelled`
    throw new NotJudged('TOO_MANY_OBJECTS', message, { driver: baseName })
  }

  /** DataTransferLength of a request that the port gave. */
  dataLengthOf(srb: Gva): number {
    const { view } = this.blockAt(srb)
    if (view.byteLength === 0) return 0
    const isExtended =
      view.getUint8(ScsiRequestBlock.fields.function.offset) === SRB_FUNCTION_STORAGE_REQUEST_BLOCK
    const { dataTransferLength } = (isExtended ? StorageRequestBlock : ScsiRequestBlock).fields
    return view.getUint32(dataTransferLength.offset, true)
  }

  /** For what a driver only keeps: never 0, never twice. */
  newHandle(): bigint {
    return ++this.#handles
  }

  accessRangeStart(index: number): bigint {
    return this.#accessRange(index).rangeStart
  }

  /** Of the adapter; null before HwFindAdapter. */
  get systemIoBusNumber(): number | null {
    return this.config && PortConfigurationInformation.at(this.config.view).systemIoBusNumber
  }

  /** The access range that holds `address`, by its index; -1 where none does. */
  accessRangeAt(address: bigint): number {
    if (this.config === null) return -1
    const { numberOfAccessRanges } = PortConfigurationInformation.at(this.config.view)
    for (let index = 0; index < Math.min(numberOfAccessRanges, MAX_RANGES); index++) {
      const { rangeStart, rangeLength } = this.#accessRange(index)
      if (rangeLength > 0 && address >= rangeStart && address < rangeStart + BigInt(rangeLength)) return index
    }
    return -1
  }

  #accessRange(index: number): AccessRange {
    const { accessRanges } = PortConfigurationInformation.at(this.config!.view) // ranges are asked for after HwFindAdapter began
    const at = gva(accessRanges + BigInt(index * AccessRange.size))
    return AccessRange.of(this.#runner.memory.bytes(at, AccessRange.size))
  }

  /** The driver's table as the port calls it. */
  #initializationData({ fields, routines, srbTypeFlags }: GuestInitializationData): HwInitializationData {
    const routine = (name: RoutineName): Gva => routines.get(name) ?? gva(0n)
    const hwBuildIo = routines.get('HwBuildIo')
    const hwAdapterControl = routines.get('HwAdapterControl')
    const isTrue = (value: bigint): boolean => (value & 0xffn) !== 0n
    return {
      hwInitializationDataSize: fields.hwInitializationDataSize,
      adapterInterfaceType: fields.adapterInterfaceType,
      hwFindAdapter: (extension, _context, busInformation, argumentString, config) =>
        this.#findAdapter(
          routine('HwFindAdapter'),
          extension,
          busInformation ?? gva(0n),
          argumentString,
          config,
        ),
      hwInitialize: (extension) =>
        isTrue(this.call('HwInitialize', routine('HwInitialize'), [this.#known(extension)])),
      hwStartIo: (extension, srb) => {
        this.outstanding.add(srb.va)
        const isTaken = isTrue(
          this.call('HwStartIo', routine('HwStartIo'), [this.#known(extension), this.#known(srb)]),
        )
        if (!isTaken) this.outstanding.delete(srb.va)
        return isTaken
      },
      hwInterrupt: (extension) =>
        isTrue(this.call('HwInterrupt', routine('HwInterrupt'), [this.#known(extension)])),
      hwMSInterruptRoutine: (extension, messageId) => {
        const { hwMsInterruptRoutine } = PortConfigurationInformation.at(this.config!.view) // set by HwFindAdapter
        return isTrue(
          this.callBack(
            'HwMSInterruptRoutine',
            gva(hwMsInterruptRoutine),
            [this.#known(extension), BigInt(messageId)],
            DEVICE_LEVEL,
          ),
        )
      },
      hwResetBus: (extension, pathId) =>
        isTrue(this.call('HwResetBus', routine('HwResetBus'), [this.#known(extension), BigInt(pathId)])),
      ...(hwBuildIo !== undefined && {
        hwBuildIo: (extension: GuestBlock, srb: GuestBlock) => {
          this.outstanding.add(srb.va)
          return isTrue(this.call('HwBuildIo', hwBuildIo, [this.#known(extension), this.#known(srb)]))
        },
      }),
      ...(hwAdapterControl !== undefined && {
        hwAdapterControl: (extension: GuestBlock, controlType: number, parameters: GuestBlock | null) =>
          Number(
            this.callBack(
              'HwAdapterControl',
              hwAdapterControl,
              [this.#known(extension), BigInt(controlType), parameters?.va ?? 0n],
              STOPS_AND_STARTS.includes(controlType) ? DEVICE_LEVEL : PASSIVE_LEVEL,
            ) & 0xffffffffn,
          ),
      }),
      deviceExtensionSize: fields.deviceExtensionSize,
      specificLuExtensionSize: fields.specificLuExtensionSize,
      srbExtensionSize: fields.srbExtensionSize,
      numberOfAccessRanges: fields.numberOfAccessRanges,
      mapBuffers: fields.mapBuffers,
      needPhysicalAddresses: fields.needPhysicalAddresses !== 0,
      taggedQueuing: fields.taggedQueuing !== 0,
      autoRequestSense: fields.autoRequestSense !== 0,
      multipleRequestPerLu: fields.multipleRequestPerLu !== 0,
      featureSupport: fields.featureSupport,
      srbTypeFlags,
      addressTypeFlags: fields.addressTypeFlags,
    }
  }

  #findAdapter(
    entry: Gva,
    extension: GuestBlock,
    busInformation: Gva,
    argumentString: string,
    config: GuestBlock,
  ): number {
    this.config = config
    this.deviceExtension = extension.va
    const { va } = this.memory.scratch
    const text = argumentString.slice(0, MAX_ARGUMENT)
    const bytes = Uint8Array.from(`${text}\0`, (character) => character.charCodeAt(0))
    const argument = gva(va + ARGUMENT_STRING_AT)
    const again = gva(va + AGAIN_AT)
    this.#runner.memory.write(argument, bytes)
    this.#runner.memory.setU8(again, 0)
    const found = this.call('HwFindAdapter', entry, [
      this.#known(extension),
      this.hwContext,
      busInformation,
      argument,
      config.va,
      again,
    ])
    return Number(found & 0xffffffffn)
  }

  #known(block: GuestBlock): Gva {
    this.#blocks.set(block.va, block)
    return block.va
  }
}
