// What a process sees of itself: PEB, PEB_LDR_DATA with its list of LDR_DATA_TABLE_ENTRY. These fields lie at the same places in every
// build for x64 since Windows Vista (winternl.h names them in public), so that a reader of dumps needs no build; what follows them
// changes, and with it the sizes of the structures: see the layouts of a profile.
import { defineStruct, struct, u8, u16, u32, u64 } from '@dumpstack/bytes'
import { ListEntry, UnicodeString } from './list.ts'

export const Peb = defineStruct('_PEB', 0x128, {
  ldr: u64(0x18),
  numberOfProcessors: u32(0xb8),
  osMajorVersion: u32(0x118),
  osMinorVersion: u32(0x11c),
  osBuildNumber: u16(0x120),
  /** VER_PLATFORM_WIN32_NT is 2. */
  osPlatformId: u32(0x124),
})

export const PebLdrData = defineStruct('_PEB_LDR_DATA', 0x40, {
  length: u32(0x00),
  initialized: u8(0x04),
  inLoadOrderModuleList: struct(0x10, ListEntry),
  inMemoryOrderModuleList: struct(0x20, ListEntry),
  inInitializationOrderModuleList: struct(0x30, ListEntry),
})

export const LdrDataTableEntry = defineStruct('_LDR_DATA_TABLE_ENTRY', 0x84, {
  inLoadOrderLinks: struct(0x00, ListEntry),
  inMemoryOrderLinks: struct(0x10, ListEntry),
  inInitializationOrderLinks: struct(0x20, ListEntry),
  dllBase: u64(0x30),
  entryPoint: u64(0x38),
  sizeOfImage: u32(0x40),
  fullDllName: struct(0x48, UnicodeString),
  baseDllName: struct(0x58, UnicodeString),
  timeDateStamp: u32(0x80),
})
