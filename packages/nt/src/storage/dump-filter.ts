// What crashdmp and a crash dump filter hand to each other (ntdddump.h), x64; offsets by natural alignment.
import { bytes, defineStruct, size64, u32, u64, type ViewOf } from '@dumpstack/bytes'

export const FilterInitializationDataLayout = defineStruct('FILTER_INITIALIZATION_DATA', 0x48, {
  majorVersion: u32(0x00),
  minorVersion: u32(0x04),
  dumpStart: u64(0x08),
  dumpWrite: u64(0x10),
  dumpFinish: u64(0x18),
  dumpUnload: u64(0x20),
  dumpData: u64(0x28),
  /** Filled by crashdmp: a filter's scratch memory holds as many pages. */
  maxPagesPerWrite: u32(0x30),
  flags: u32(0x34),
  dumpRead: u64(0x38),
})
export type FilterInitializationDataLayout = ViewOf<typeof FilterInitializationDataLayout>
export const DUMP_FILTER_MAJOR_VERSION = 1
/** On return from DriverEntry: no dump without this filter. */
export const DUMP_FILTER_CRITICAL = 0x1

export const FilterExtension = defineStruct('FILTER_EXTENSION', 0x58, {
  dumpType: u32(0x00),
  deviceObject: u64(0x08),
  geometry: bytes(0x10, 24),
  diskSize: size64(0x28),
  partitionInfo: bytes(0x30, 24),
  dumpData: u64(0x48),
  size: u32(0x50),
  flags: u32(0x54),
})
export type FilterExtension = ViewOf<typeof FilterExtension>
export const FILTER_DUMP_TYPE_CRASH_DUMP = 1
