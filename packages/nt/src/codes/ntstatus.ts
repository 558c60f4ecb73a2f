// NTSTATUS values that the dump path and its readers meet: those that code uses by name, and the names of more.
import { hex } from '@dumpstack/bytes'
import * as codes from './ntstatus-codes.ts'
import { OTHER_NTSTATUS_NAMES } from './ntstatus-names.ts'

export * from './ntstatus-codes.ts'

/** NT_SUCCESS of the kit: success and information, not warnings and errors. */
export const ntSuccess = (status: number): boolean => status >>> 0 < 0x8000_0000

const NAMES: ReadonlyMap<number, string> = new Map([
  ...Object.entries(codes).map(([name, code]) => [code, name] as const),
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
