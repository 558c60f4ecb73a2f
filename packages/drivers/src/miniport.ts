// The miniport contract: what a storage miniport gives to its port driver and what it gets from it.
// Names and order follow the public storport.h documentation; structures live in guest RAM and arrive as views.
import type { Gpa, Gva } from '@dumpstack/bytes'

/** A miniport file; load() gives fresh globals each time (DM-05). */
export interface MiniportImage {
  readonly fileName: string
  /** What the image puts before the kit's names in its exports: `Ahci` for `AhciHwStartIo`. */
  readonly symbolPrefix: string
  load(): DriverEntry
}
export type DriverEntry = (port: PortExports, driverObject: Gva | null, registryPath: Gva | null) => number

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
  read32(offset: number): number
  write32(offset: number, value: number): void
}
/** A STOR_SCATTER_GATHER_LIST in guest RAM, read element by element; valid until its SRB completes. */
export interface ScatterGatherList {
  readonly numberOfElements: number
  physicalAddress(index: number): Gpa
  length(index: number): number
}
/** An initialised STOR_DPC. */
export interface StorDpc {
  readonly routine: (deviceExtension: GuestBlock) => void
}

/** The port driver's routines by their names (StorPort prefix dropped); in dump mode each is under the DM rules. */
export interface PortExports {
  initialize(driverObject: Gva | null, registryPath: Gva | null, data: HwInitializationData): number
  getBusData(deviceExtension: GuestBlock, offset: number, length: number): Uint8Array
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
  /** The SRB's extension, SrbExtensionSize bytes. */
  getSrbExtension(srb: GuestBlock): GuestBlock
  setDeviceQueueDepth(
    deviceExtension: GuestBlock,
    path: number,
    target: number,
    lun: number,
    depth: number,
  ): boolean
  notificationRequestComplete(deviceExtension: GuestBlock, srb: GuestBlock): void
  stallExecution(microseconds: number): void
  enablePassiveInitialization(deviceExtension: GuestBlock, routine: () => boolean): boolean
  initializePerfOpts(deviceExtension: GuestBlock, query: boolean): number
  initializeDpc(deviceExtension: GuestBlock, routine: StorDpc['routine']): StorDpc
  /** False when it is queued already. */
  issueDpc(deviceExtension: GuestBlock, dpc: StorDpc): boolean
  acquireSpinLock(deviceExtension: GuestBlock, kind: 'interrupt' | 'startIo' | 'dpc'): object
  releaseSpinLock(deviceExtension: GuestBlock, lock: object): void
  allocatePool(deviceExtension: GuestBlock, byteLength: number): GuestBlock | null
  freePool(deviceExtension: GuestBlock, block: GuestBlock): number
  requestTimer(deviceExtension: GuestBlock, routine: () => void, microseconds: number): number
  registryRead(deviceExtension: GuestBlock, valueName: string): Uint8Array | null
  querySystemTime(): bigint
  logError(deviceExtension: GuestBlock, errorCode: number, uniqueId: number): void
  markDumpMemory(deviceExtension: GuestBlock, va: Gva, length: number): number
  /** Not a port routine: what dereferencing a pointer is to a compiled miniport. An address that is not mapped faults. */
  dereference(va: Gva, byteLength: number): GuestBlock
}
