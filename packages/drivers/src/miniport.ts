// The miniport contract: what a storage miniport gives to its port driver and what it gets from it.
// Names and order follow the public storport.h documentation; structures live in guest RAM and arrive as views.
import type { Gpa, Gva, Pfn } from '@dumpstack/bytes'
import type { SourcePlace } from '@dumpstack/nt'
import type { LoadedImage } from './kernel-services.ts'

/** A miniport file; load() gives fresh globals each time (DM-05). */
export interface MiniportImage {
  readonly fileName: string
  /** What the image puts before the kit's names in its exports: `Ahci` for `AhciHwStartIo`. */
  readonly symbolPrefix: string
  /** `image`: the copy in RAM that is to run. */
  load(image: LoadedImage): DriverEntry
  /** Of a compiled miniport, whose code a processor executes; absent where TypeScript stands in for it. */
  readonly code?: MiniportCode
}

/** What is known of code that really runs. */
export interface MiniportCode {
  /** Address of a routine by the kit's name, as the miniport gave it to the port; null where it gave none. */
  routine(image: LoadedImage, name: string): Gva | null
  /** Where the code is that runs now, or that has stopped; null while none does. */
  callSite(): CallSite | null
  /** The same in a routine by the kit's name; the routine's first instruction where it has returned. Null where the miniport gave none. */
  routineSite(image: LoadedImage, name: string): CallSite | null
  /** Where the code is that is about to store into that page of RAM; null where another writes it: a device, or the host. */
  storeSite(page: Pfn): CallSite | null
  /** What the code waits for that polls the register which it has just read: `(value & 0x80) == 0`; null where it does not show. */
  awaited(): string | null
  /** Where the code stopped for good, or, where it has returned, the entry of the routine that a port called last; null while none has run. */
  stop(): CodeStop | null
}

/** Compiled code that stopped, as a debugger takes it. */
export interface CodeStop {
  /** Base name of the image: `dump_viostor.sys`. */
  readonly driver: string
  /** CONTEXT. */
  readonly contextRecord: Uint8Array
  /** EXCEPTION_RECORD64. */
  readonly exceptionRecord: Uint8Array
  /** HwDeviceExtension; null before HwFindAdapter. */
  readonly deviceExtension: Gva | null
}

/** A place in compiled code, as findings name it. */
export interface CallSite {
  readonly address: Gva
  /** Code from there on, as many bytes as can be read. */
  readonly bytes: Uint8Array
  /** Of the import call that is being served: its arguments, `0x1f`. */
  readonly arguments: readonly string[]
  /** `viostor!VirtIoBuildIo+0x1c [c:\src\viostor.c @ 120]`, innermost first. */
  readonly stack: readonly string[]
  /** Of the innermost; null where the PDB has none. */
  readonly source: SourcePlace | null
  /** Null of a routine that has returned: that of the port. */
  readonly irql: number | null
}
type DriverEntry = (port: PortExports, driverObject: Gva | null, registryPath: Gva | null) => number

/** A structure or block in guest RAM that knows its address. */
export interface GuestBlock {
  readonly va: Gva
  readonly gpa: Gpa
  /** The bytes in RAM, live. A checkpoint ends it: what runs after one gets blocks that were made after it. */
  readonly view: DataView
}

export interface HwInitializationData {
  readonly hwInitializationDataSize: number
  readonly adapterInterfaceType: number
  readonly hwInitialize: (deviceExtension: GuestBlock) => boolean
  readonly hwStartIo: (deviceExtension: GuestBlock, srb: GuestBlock) => boolean
  readonly hwInterrupt: (deviceExtension: GuestBlock) => boolean
  readonly hwFindAdapter: (
    deviceExtension: GuestBlock,
    hwContext: Gva | null,
    busInformation: Gva | null,
    argumentString: string,
    configInfo: GuestBlock,
  ) => number
  readonly hwResetBus: (deviceExtension: GuestBlock, pathId: number) => boolean
  readonly hwBuildIo?: (deviceExtension: GuestBlock, srb: GuestBlock) => boolean
  readonly hwAdapterControl?: (
    deviceExtension: GuestBlock,
    controlType: number,
    parameters: GuestBlock | null,
  ) => number
  /** Calls HwMSInterruptRoutine of the configuration, which is not NULL. */
  readonly hwMSInterruptRoutine?: (deviceExtension: GuestBlock, messageId: number) => boolean
  readonly deviceExtensionSize: number
  readonly specificLuExtensionSize: number
  readonly srbExtensionSize: number
  readonly numberOfAccessRanges: number
  readonly mapBuffers: number
  readonly needPhysicalAddresses: boolean
  readonly taggedQueuing: boolean
  readonly autoRequestSense: boolean
  readonly multipleRequestPerLu: boolean
  readonly featureSupport: number
  readonly srbTypeFlags: number
  readonly addressTypeFlags: number
}

/** Memory-mapped registers of one access range. */
export interface DeviceRegisters {
  readonly va: Gva
  read8(offset: number): number
  read16(offset: number): number
  read32(offset: number): number
  write8(offset: number, value: number): void
  write16(offset: number, value: number): void
  write32(offset: number, value: number): void
}
/** A STOR_SCATTER_GATHER_LIST in guest RAM, read element by element; valid until its SRB completes. */
export interface ScatterGatherList {
  readonly va: Gva
  readonly numberOfElements: number
  physicalAddress(index: number): Gpa
  length(index: number): number
}
/** A message that the controller interrupts by. */
export interface MessageInterrupt {
  readonly messageId: number
  readonly address: Gpa
  readonly data: number
  readonly vector: number
}
/** Of an adapter's stack: the functional device is attached to the physical one, which the bus driver made. */
export interface DeviceObjects {
  readonly functional: Gva
  readonly physical: Gva
}
/** An initialised STOR_DPC. */
export interface StorDpc {
  readonly routine: (deviceExtension: GuestBlock) => void
}

/** `message`: of one interrupt message. */
export type LockKind = 'interrupt' | 'startIo' | 'dpc' | 'message'
export interface HeldLock {
  readonly kind: LockKind
}

/** The port driver's routines by their names (StorPort prefix dropped); in dump mode each is under the DM rules. */
export interface PortExports {
  initialize(driverObject: Gva | null, registryPath: Gva | null, data: HwInitializationData): number
  /** PCIConfiguration of the function at a PCI_SLOT_NUMBER, which need not be the controller. */
  getBusData(
    deviceExtension: GuestBlock,
    systemIoBusNumber: number,
    slotNumber: number,
    offset: number,
    length: number,
  ): Uint8Array
  /** The count of bytes written to PCI configuration space. */
  setBusData(
    deviceExtension: GuestBlock,
    systemIoBusNumber: number,
    slotNumber: number,
    offset: number,
    from: Uint8Array,
  ): number
  getDeviceBase(deviceExtension: GuestBlock, rangeIndex: number): DeviceRegisters | null
  getUncachedExtension(
    deviceExtension: GuestBlock,
    configInfo: GuestBlock,
    byteLength: number,
  ): GuestBlock | null
  getPhysicalAddress(
    deviceExtension: GuestBlock,
    srb: GuestBlock | null,
    va: Gva,
  ): { gpa: Gpa; length: number } | null
  getScatterGatherList(deviceExtension: GuestBlock, srb: GuestBlock): ScatterGatherList | null
  /** Maps the data of a request where its DataBuffer points; false where the miniport does not have it. */
  mapData(deviceExtension: GuestBlock, srb: GuestBlock): boolean
  /** The SRB's extension, SrbExtensionSize bytes. */
  getSrbExtension(srb: GuestBlock): GuestBlock
  setDeviceQueueDepth(
    deviceExtension: GuestBlock,
    path: number,
    target: number,
    lun: number,
    depth: number,
  ): boolean
  /** The logical unit's extension, SpecificLuExtensionSize bytes; null where there is no such unit, or no extension. */
  getLogicalUnit(deviceExtension: GuestBlock, path: number, target: number, lun: number): GuestBlock | null
  /** Holds further requests back, or lets them come again; `seconds` after which they come again by themselves. */
  pause(deviceExtension: GuestBlock, seconds: number): boolean
  resume(deviceExtension: GuestBlock): boolean
  notificationRequestComplete(deviceExtension: GuestBlock, srb: GuestBlock): void
  stallExecution(microseconds: number): void
  enablePassiveInitialization(deviceExtension: GuestBlock, routine: () => boolean): boolean
  initializePerfOpts(deviceExtension: GuestBlock, query: boolean): number
  initializeDpc(deviceExtension: GuestBlock, routine: StorDpc['routine']): StorDpc
  /** False when it is queued already. `call`: what the driver called, where it is no routine of the port. */
  issueDpc(deviceExtension: GuestBlock, dpc: StorDpc, call?: string): boolean
  /** Null for a message that the controller does not have. */
  getMessageInterruptInformation(deviceExtension: GuestBlock, messageId: number): MessageInterrupt | null
  acquireSpinLock(deviceExtension: GuestBlock, kind: LockKind): HeldLock
  /** Null: the miniport names a lock that it does not hold. */
  releaseSpinLock(deviceExtension: GuestBlock, lock: HeldLock | null): void
  allocatePool(deviceExtension: GuestBlock, byteLength: number): GuestBlock | null
  freePool(deviceExtension: GuestBlock, block: GuestBlock): number
  /** False where no timer, or no worker, is left: StorPortInitializeTimer and StorPortInitializeWorker. */
  initializeTimer(deviceExtension: GuestBlock): boolean
  initializeWorker(deviceExtension: GuestBlock): boolean
  /** 0 microseconds end it. Timer 0, the one of RequestTimerCall, is set anew by each request; the others are busy until they fire. */
  requestTimer(deviceExtension: GuestBlock, routine: () => void, microseconds: number, timer?: bigint): number
  /** Runs the routine at PASSIVE_LEVEL some time later; false where that worker is queued already. */
  queueWorkItem(deviceExtension: GuestBlock, worker: bigint, routine: () => void): boolean
  allocateRegistryBuffer(deviceExtension: GuestBlock, byteLength: number): GuestBlock | null
  registryRead(deviceExtension: GuestBlock, valueName: string): Uint8Array | null
  registryWrite(deviceExtension: GuestBlock, valueName: string, value: Uint8Array): boolean
  querySystemTime(): bigint
  logError(deviceExtension: GuestBlock, errorCode: number, uniqueId: number): void
  /** Null where there are none: in a dump. */
  getDeviceObjects(deviceExtension: GuestBlock): DeviceObjects | null
  markDumpMemory(deviceExtension: GuestBlock, va: Gva, length: number): number
  /** Not a port routine: what dereferencing a pointer is to a compiled miniport. An address that is not mapped faults. */
  dereference(va: Gva, byteLength: number): GuestBlock
  /** Nor this: the number of the processor that the driver runs on. */
  currentProcessor(): number
  /** Nor this: the driver called a kernel routine, by that name, above the highest IRQL that is documented for it. */
  calledTooHigh(call: string, maxIrql: number): void
  /** Nor these: the driver takes a spin lock of the kernel, by that call, or releases it. `toDispatch`: the call sets that level. */
  spinLockTaken(call: string, wasHeld: boolean, toDispatch: boolean): void
  spinLockReleased(call: string, wasHeld: boolean): void
  /** Nor this: a routine of the driver has returned at another level than it was called at. */
  returnedAt(routine: string, irql: number, expected: number): void
  /** Nor this: code or data of a pageable section was needed at DISPATCH_LEVEL or above, in the running system. */
  pageableNeeded(routine: string, message: string): void
  /** Nor this: a routine has returned with a lock that it took. `taken`: where. */
  lockKept(routine: string, taken: () => CallSite): void
  /**
   * Nor this: the driver waits, and time passes up to `untilNs` with the interrupts and what is put off. False where nothing of
   * that comes: the system has stopped.
   */
  idle(untilNs: number): boolean
  /** Nor this: the driver lets interrupts in that were kept out, down to an IRQL, or by the processor's flag (null). */
  unmask(call: string, irql: number | null): void
  /** Not a port routine either: a compiled miniport has read this from a register, or written it there. Hot. */
  registerAccess(isWrite: boolean, address: number, byteLength: number, value: number): void
}
