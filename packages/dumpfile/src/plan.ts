// What is going to be written: the contract between who knows the dump format and who moves the bytes.
import type { PageSet, Pfn } from '@dumpstack/bytes'

/** `at` is a file offset; a PFN run is contiguous, at most 1 MiB. */
export type DumpExtent = { readonly at: number } & (
  | { readonly pfn: Pfn; readonly pageCount: number }
  | { readonly bytes: Uint8Array }
)

export interface DumpPlan {
  /** Bytes of the whole dump as it will be in the file; less than `requiredByteLength` when truncated. */
  readonly byteLength: number
  readonly requiredByteLength: number
  /** The pages that the dump promises to hold (before truncation). */
  readonly promised: PageSet
  /** True when the file is too small: the extents stop at its end and the header says InsufficientDumpfileSize. */
  readonly truncated: boolean
  /** Header first; fields known only at the end are written again, last. */
  extents(): Iterable<DumpExtent>
}
