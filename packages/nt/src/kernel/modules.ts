// Loaded and unloaded drivers as the kernel keeps them: nt!PsLoadedModuleList and nt!MmUnloadedDrivers, x64.
// KLDR_DATA_TABLE_ENTRY as in the public types of ntkrnlmp.pdb, build 19041, by which dumps of other builds are read too: up to CheckSum it is
// that of the module lists of Windows 7 (unverified: where a kernel before Windows 8 keeps TimeDateStamp); UNLOADED_DRIVER from public readers of
// MmUnloadedDrivers (it is in no public type).
import { defineStruct, struct, u16, u32, u64, type ViewOf } from '@dumpstack/bytes'
import { ListEntry, UnicodeString } from './list.ts'

export const KldrDataTableEntry = defineStruct('_KLDR_DATA_TABLE_ENTRY', 0xa0, {
  inLoadOrderLinks: struct(0x00, ListEntry),
  exceptionTable: u64(0x10),
  exceptionTableSize: u32(0x18),
  gpValue: u64(0x20),
  nonPagedDebugInfo: u64(0x28),
  dllBase: u64(0x30),
  entryPoint: u64(0x38),
  sizeOfImage: u32(0x40),
  fullDllName: struct(0x48, UnicodeString),
  baseDllName: struct(0x58, UnicodeString),
  flags: u32(0x68),
  loadCount: u16(0x6c),
  signature: u16(0x6e),
  sectionPointer: u64(0x70),
  checkSum: u32(0x78),
  coverageSectionSize: u32(0x7c),
  coverageSection: u64(0x80),
  loadedImports: u64(0x88),
  spare: u64(0x90),
  sizeOfImageNotRounded: u32(0x98),
  timeDateStamp: u32(0x9c),
})
export type KldrDataTableEntry = ViewOf<typeof KldrDataTableEntry>

/** One row of nt!MmUnloadedDrivers, a ring of MI_UNLOADED_DRIVERS rows; nt!MmLastUnloadedDriver is the next row to write. */
export const UnloadedDriver = defineStruct('_UNLOADED_DRIVERS', 0x28, {
  name: struct(0x00, UnicodeString),
  startAddress: u64(0x10),
  endAddress: u64(0x18),
  /** FILETIME. */
  currentTime: u64(0x20),
})
export type UnloadedDriver = ViewOf<typeof UnloadedDriver>

export const MI_UNLOADED_DRIVERS = 50
