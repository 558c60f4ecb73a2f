// Where the pages of a dump are in its file, whatever says so: runs one after another, or one page per bit of a bitmap.
import { hex, type PageNumbers, type Pfn } from '@dumpstack/bytes'
import { DumpError } from './dump-error.ts'

export interface DumpBody {
  readonly firstPageOffset: number
  /** Pages that the dump's own count states. */
  readonly statedPageCount: number
  readonly pages: PageNumbers
  /** File offset of a page that the dump says it holds, past the end of a truncated file too; -1 otherwise. */
  offsetOf(page: Pfn): number
}

/** Intel SDM volume 3, 4.1.4, and Arm ARM D8: no processor that Windows runs on has more than 52 bits of physical address. */
export const MAX_PHYSICAL_PAGES = 2 ** 40

/** A 64-bit count of the file; throws DumpError DUMP_DAMAGED above what physical addresses allow. */
export function pageNumber(value: bigint, offset: number, what: string): number {
  if (value > BigInt(MAX_PHYSICAL_PAGES)) {
    throw damaged(what, offset, value, `at most ${hex(MAX_PHYSICAL_PAGES)}`)
  }
  return Number(value) // bounded above by a safe integer
}

export function damaged(what: string, offset: number, found: number | bigint, expected: string): DumpError {
  return new DumpError(
    'DUMP_DAMAGED',
    `${what} at offset ${hex(offset)} is ${hex(found)}, expected ${expected}`,
    { offset, found, expected },
  )
}

export function truncated(what: string, offset: number, expected: number): DumpError {
  return new DumpError(
    'DUMP_TRUNCATED',
    `the file ends at offset ${hex(offset)} inside the ${what}, expected at least ${hex(expected)} bytes`,
    { offset, expected },
  )
}
