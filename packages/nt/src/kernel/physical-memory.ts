// PHYSICAL_MEMORY_DESCRIPTOR64: nt!MmPhysicalMemoryBlock and the copy in a dump's header (types of ntkrnlmp.pdb).
import { defineStruct, u32, u64, type ViewOf } from '@dumpstack/bytes'

/** The fixed part; NumberOfRuns entries of PhysicalMemoryRun64 follow. */
export const PhysicalMemoryDescriptor64 = defineStruct('_PHYSICAL_MEMORY_DESCRIPTOR', 0x10, {
  numberOfRuns: u32(0x00),
  numberOfPages: u64(0x08),
})
export type PhysicalMemoryDescriptor64 = ViewOf<typeof PhysicalMemoryDescriptor64>

export const PhysicalMemoryRun64 = defineStruct('_PHYSICAL_MEMORY_RUN', 0x10, {
  basePage: u64(0x00),
  pageCount: u64(0x08),
})
export type PhysicalMemoryRun64 = ViewOf<typeof PhysicalMemoryRun64>
