// Whether MEMORY.DMP stays once it is reported (Windows Internals, 6th edition, part 2, chapter 14): always on a server, on a
// member of a domain and where AlwaysKeepMemoryDump says so; on any other client with more than 25 GB free.
import type { ProductType } from '@dumpstack/nt'

const KEEP_ABOVE_FREE_BYTES = 25 * 1024 ** 3

export interface RetentionFacts {
  readonly productType: ProductType
  readonly isDomainMember: boolean
  readonly alwaysKeepMemoryDump: boolean
  /** On the volume of the dump. */
  readonly freeBytes: number
}

export const keepsMemoryDump = (facts: RetentionFacts): boolean =>
  facts.productType === 'Server' ||
  facts.isDomainMember ||
  facts.alwaysKeepMemoryDump ||
  facts.freeBytes > KEEP_ABOVE_FREE_BYTES
