// NTSTATUS values that the dump path and its readers meet (MS-ERREF, section 2.3.1), and the names of more: ntstatus-names.ts.
import { hex } from '@dumpstack/bytes'
import { OTHER_NTSTATUS_NAMES } from './ntstatus-names.ts'

export const STATUS_SUCCESS = 0x0000_0000
export const STATUS_PENDING = 0x0000_0103
export const STATUS_BREAKPOINT = 0x8000_0003
export const STATUS_DEVICE_BUSY = 0x8000_0011
export const STATUS_UNSUCCESSFUL = 0xc000_0001
export const STATUS_NOT_IMPLEMENTED = 0xc000_0002
export const STATUS_ACCESS_VIOLATION = 0xc000_0005
export const STATUS_INVALID_PARAMETER = 0xc000_000d
export const STATUS_NO_SUCH_DEVICE = 0xc000_000e
export const STATUS_NO_SUCH_FILE = 0xc000_000f
export const STATUS_INVALID_DEVICE_REQUEST = 0xc000_0010
export const STATUS_ACCESS_DENIED = 0xc000_0022
export const STATUS_BUFFER_TOO_SMALL = 0xc000_0023
export const STATUS_OBJECT_NAME_NOT_FOUND = 0xc000_0034
export const STATUS_SHARING_VIOLATION = 0xc000_0043
export const STATUS_REVISION_MISMATCH = 0xc000_0059
export const STATUS_DISK_FULL = 0xc000_007f
export const STATUS_DEVICE_NOT_CONNECTED = 0xc000_009d
export const STATUS_INSUFFICIENT_RESOURCES = 0xc000_009a
export const STATUS_DEVICE_NOT_READY = 0xc000_00a3
export const STATUS_IO_TIMEOUT = 0xc000_00b5
export const STATUS_NOT_SUPPORTED = 0xc000_00bb
export const STATUS_IO_DEVICE_ERROR = 0xc000_0185
export const STATUS_ADAPTER_HARDWARE_ERROR = 0xc000_00c2
export const STATUS_NOT_FOUND = 0xc000_0225

/** NT_SUCCESS of the kit: success and information, not warnings and errors. */
export const ntSuccess = (status: number): boolean => status >>> 0 < 0x8000_0000

const NAMES: ReadonlyMap<number, string> = new Map([
  ...Object.entries({
    STATUS_SUCCESS,
    STATUS_PENDING,
    STATUS_BREAKPOINT,
    STATUS_DEVICE_BUSY,
    STATUS_UNSUCCESSFUL,
    STATUS_NOT_IMPLEMENTED,
    STATUS_ACCESS_VIOLATION,
    STATUS_INVALID_PARAMETER,
    STATUS_NO_SUCH_DEVICE,
    STATUS_NO_SUCH_FILE,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_ACCESS_DENIED,
    STATUS_BUFFER_TOO_SMALL,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_SHARING_VIOLATION,
    STATUS_REVISION_MISMATCH,
    STATUS_DISK_FULL,
    STATUS_DEVICE_NOT_CONNECTED,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_DEVICE_NOT_READY,
    STATUS_IO_TIMEOUT,
    STATUS_NOT_SUPPORTED,
    STATUS_IO_DEVICE_ERROR,
    STATUS_ADAPTER_HARDWARE_ERROR,
    STATUS_NOT_FOUND,
  }).map(([name, code]) => [code, name] as const),
  ...OTHER_NTSTATUS_NAMES,
])

/** `STATUS_ACCESS_VIOLATION`; null for a value that the tables do not name. */
export const ntstatusName = (status: number): string | null => NAMES.get(status >>> 0) ?? null

/** As messages say it: `STATUS_IO_TIMEOUT (0xc00000b5)`. */
export function ntstatusText(status: number): string {
  const name = ntstatusName(status)
  const number = hex(status >>> 0)
  return name === null ? number : `${name} (${number})`
}
