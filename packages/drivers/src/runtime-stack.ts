// The contract of the running storage stack: a port driver with its miniport on one controller, and the disk behind it.
import type { Gpa } from '@dumpstack/bytes'
import type { ControllerOptions, Machine } from '@dumpstack/machine'
import type { KernelMemory, KernelServices } from './kernel-services.ts'
import type { MiniportImage } from './miniport.ts'

export interface RuntimeStackOptions {
  readonly machine: Machine
  readonly kernel: KernelServices
  readonly controller: ControllerOptions
  readonly miniport: MiniportImage
}

/** From INQUIRY and READ CAPACITY. */
export interface BootDevice {
  readonly model: string
  readonly sectorBytes: number
  readonly sectorCount: number
}

export interface RuntimeStack {
  readonly controller: ControllerOptions
  readonly bootDevice: BootDevice
  /** Bytes of uncached extension that the miniport asked for; 0 where it asked for none. */
  readonly uncachedBytes: number
  /** Requests that were queued and have not completed. */
  readonly inFlight: number
  /**
   * Queues a write of guest RAM and returns; it moves while time passes. At most 128 KiB, whole sectors. Throws
   * DriversError OUT_OF_RANGE, QUEUE_FULL (drain first), STACK_FROZEN.
   */
  write(diskOffset: number, gpa: Gpa, byteLength: number): void
  read(diskOffset: number, gpa: Gpa, byteLength: number): void
  /** Lets time pass until nothing is in flight; throws DriversError IO_FAILED when a request failed for good. */
  drain(): void
  /** IOCTL_SCSI_GET_DUMP_POINTERS: a DUMP_POINTERS_EX in guest RAM; the same one each time. */
  dumpPointers(): KernelMemory
  /** KeBugCheckEx stopped the system: interrupts disconnected, no DPC runs, what is in flight stays so. */
  freeze(): void
}
