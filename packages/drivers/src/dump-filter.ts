// The contract of a crash dump filter (ntdddump.h): it sees every write of the dump before the dump port does.
import type { Pfn } from '@dumpstack/bytes'
import type { GuestBlock } from './miniport.ts'

/** A filter file; load() gives fresh globals each time. */
export interface DumpFilterImage {
  readonly fileName: string
  /** What the image puts before Start, Write and Finish in its exports: `DumpFve`. */
  readonly symbolPrefix: string
  load(): FilterEntry
}

/**
 * DriverEntry(FILTER_EXTENSION, FILTER_INITIALIZATION_DATA), called at load at PASSIVE_LEVEL, unlike every other entry point
 * of the stack. MaxPagesPerWrite is in the data; the filter answers with Flags there and its callbacks; an NTSTATUS of
 * failure from a critical filter refuses the dump.
 */
export type FilterEntry = (
  filterExtension: GuestBlock,
  initializationData: GuestBlock,
  services: FilterServices,
) => { readonly status: number; readonly callbacks: FilterCallbacks }

interface FilterServices {
  /** Nonpaged memory, page aligned: the filter's scratch pages. Only during DriverEntry. */
  allocate(byteLength: number): GuestBlock
  /** One physical page through the filter's mapping of it, to read. */
  pageToRead(pfn: Pfn): Uint8Array
  /** The same to write: the page counts as written. */
  pageToWrite(pfn: Pfn): Uint8Array
}

/** All optional; NTSTATUS. None may change offset or length; Write may point the MDL to other pages, never change them. */
export interface FilterCallbacks {
  readonly dumpStart?: (filterExtension: GuestBlock) => number
  /** `diskByteOffset` is a LARGE_INTEGER, partition relative; `mdl` an MDL. */
  readonly dumpWrite?: (filterExtension: GuestBlock, diskByteOffset: GuestBlock, mdl: GuestBlock) => number
  readonly dumpFinish?: (filterExtension: GuestBlock) => number
  readonly dumpUnload?: (filterExtension: GuestBlock) => number
}
