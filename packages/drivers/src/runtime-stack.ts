// The contract of the running storage stack: a port driver with its miniport on one controller, and the disk behind it.
import type { Gpa } from '@dumpstack/bytes'
import type { ControllerOptions, Machine } from '@dumpstack/machine'
import type { DumpModeRuleId, Severity } from '@dumpstack/nt'
import type { KernelMemory, KernelServices } from './kernel-services.ts'
import type { CallSite, MiniportImage } from './miniport.ts'

export interface RuntimeStackOptions {
  readonly machine: Machine
  readonly kernel: KernelServices
  readonly controller: ControllerOptions
  readonly miniport: MiniportImage
  /** The controller's messages stay unused, as where a driver's INF file does not ask for them (MSISupported). */
  readonly usesLine?: boolean
  /** Told of each rule that the miniport breaks while the system works on. */
  readonly onBroken?: OnBroken
  /** Told before HwFindAdapter is called, and once more after SP_RETURN_FOUND. */
  readonly onFindAdapter?: OnFindAdapter
}

export type OnFindAdapter = (hasFound: boolean) => void

export type OnBroken = (broken: RuntimeViolation) => void

/** A rule that the running miniport has broken. */
export interface RuntimeViolation {
  readonly rule: DumpModeRuleId
  /** What the miniport called, or the routine of it. */
  readonly call: string
  readonly message: string
  readonly severity: Severity
  /** Null: where its code is now. */
  readonly site: (() => CallSite) | null
}

/** Where a logical unit is behind its adapter. */
export interface ScsiPlace {
  readonly pathId: number
  readonly targetId: number
  readonly lun: number
}

/** From INQUIRY and READ CAPACITY. */
export interface BootDevice {
  readonly model: string
  readonly sectorBytes: number
  readonly sectorCount: number
}

/** Guest RAM that follows itself, as one element of a scatter/gather list. */
export interface BufferPiece {
  readonly gpa: Gpa
  readonly byteLength: number
}

/** What became of a request that does not lie on the disk. */
export interface BeyondEndAnswer {
  readonly isWrite: boolean
  readonly block: number
  readonly blockCount: number
  /** SRB_STATUS_* without flags; null where the miniport did not complete it. */
  readonly srbStatus: number | null
  /** It says that it moved less than was asked for. */
  readonly isCut: boolean
  /** The miniport handed it to its device, which refuses it. */
  readonly reachedDevice: boolean
}

export interface RuntimeStack {
  readonly controller: ControllerOptions
  readonly bootDevice: BootDevice
  /** Of the boot device, which the dump port finds there again. */
  readonly place: ScsiPlace
  /** Bytes of uncached extension that the miniport asked for; 0 where it asked for none. */
  readonly uncachedBytes: number
  /** After `freeze`: what of the miniport's lies at that address, `its uncached extension`; null for what is not its own. */
  memoryAt(address: Gpa): string | null
  /** Requests that were queued and have not completed. */
  readonly inFlight: number
  /** The first request, in words, that the miniport did not end in ten seconds although the device had no fault: a reset came then. */
  readonly timedOut: string | null
  /** Bytes of the largest SRB that the miniport is sent; a request for more is cut. */
  readonly transferLimit: number
  /**
   * Queues a write of guest RAM and returns; it moves while time passes. Whole sectors. Throws DriversError OUT_OF_RANGE,
   * STACK_FROZEN.
   */
  write(diskOffset: number, gpa: Gpa, byteLength: number): void
  read(diskOffset: number, gpa: Gpa, byteLength: number): void
  /**
   * The same with a buffer whose pages may lie anywhere: whole pages, the first from any place on and the last up to any place.
   * Throws BUFFER_SHAPE too.
   */
  writeScattered(diskOffset: number, buffer: readonly BufferPiece[]): void
  readScattered(diskOffset: number, buffer: readonly BufferPiece[]): void
  /** Lets time pass until nothing is in flight; throws DriversError IO_FAILED when a request failed for good. */
  drain(): void
  /**
   * HwResetBus, as an application asks for one. Requests that the miniport completes with it are sent again a while later. The port
   * does the same where a request does not end in its ten seconds while a caller waits for the disk.
   */
  resetBus(): void
  /** Drains, stops the adapter and starts it again. Throws DriversError CONTROLLER_FAILED, ADAPTER_NOT_FOUND, ADAPTER_ERROR, IO_FAILED. */
  restart(): void
  /** Writes and reads at and across the end of the disk, one after the other; ends with the first that does not complete. */
  probeBeyondEnd(): readonly BeyondEndAnswer[]
  /** IOCTL_SCSI_GET_DUMP_POINTERS: a DUMP_POINTERS_EX in guest RAM; the same one each time. */
  dumpPointers(): KernelMemory
  /** KeBugCheckEx stopped the system: interrupts disconnected, no DPC runs, what is in flight stays so. */
  freeze(): void
}
