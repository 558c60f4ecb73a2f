// Errors of the machine: misuse by its caller and faults of the host. What a guest does wrong never ends here.
import { DumpstackError, type ErrorFields } from '@dumpstack/bytes'

export type MachineErrorCode =
  /** Options that cannot make a machine. */
  | 'MACHINE_OPTIONS'
  /** RAM was addressed where there is none. */
  | 'RAM_HOLE'
  /** A span or view across the end of a chunk. */
  | 'RAM_CHUNK'
  /** An access that no bus cycle can express. */
  | 'BUS_ACCESS'
  /** Time that is no time. */
  | 'CLOCK_TIME'
  /** A disk whose size or sectors make no sense. */
  | 'DISK_GEOMETRY'
  /** Bytes outside a disk image. */
  | 'DISK_RANGE'
  /** The host could not create, read or write an image. */
  | 'DISK_IMAGE'
  /** A kind of controller that no machine has. */
  | 'CONTROLLER_UNKNOWN'
  /** A fault for a controller that is not there, or with impossible numbers. */
  | 'FAULT_PLAN'
  /** A driver had its controller move more in one wait than any driver asks for. */
  | 'DEVICE_WORK'
  /** A driver, or its controller, wrote to more pages outside its own memory than the host keeps copies of. */
  | 'STRAY_WRITES'

export class MachineError extends DumpstackError {
  declare readonly code: MachineErrorCode

  constructor(code: MachineErrorCode, message: string, fields: ErrorFields = {}, options?: ErrorOptions) {
    super(code, message, fields, options)
  }
}
