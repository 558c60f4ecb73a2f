// What a process sees of itself: PEB, PEB_LDR_DATA with its list of LDR_DATA_TABLE_ENTRY, TEB; x64 build 19041
// (types of ntkrnlmp.pdb; winternl.h names them in public).
import { defineStruct, struct, u8, u16, u32, u64, type ViewOf } from '@dumpstack/bytes'
import { ListEntry, UnicodeString } from './list.ts'
import { ClientId } from './process.ts'

export const Peb = defineStruct('_PEB', 0x7c8, {
  imageBaseAddress: u64(0x10),
  ldr: u64(0x18),
  numberOfProcessors: u32(0xb8),
  osMajorVersion: u32(0x118),
  osMinorVersion: u32(0x11c),
  osBuildNumber: u16(0x120),
  /** VER_PLATFORM_WIN32_NT is 2. */
  osPlatformId: u32(0x124),
})
export type Peb = ViewOf<typeof Peb>

export const PebLdrData = defineStruct('_PEB_LDR_DATA', 0x58, {
  length: u32(0x00),
  initialized: u8(0x04),
  inLoadOrderModuleList: struct(0x10, ListEntry),
  inMemoryOrderModuleList: struct(0x20, ListEntry),
  inInitializationOrderModuleList: struct(0x30, ListEntry),
})
export type PebLdrData = ViewOf<typeof PebLdrData>

export const LdrDataTableEntry = defineStruct('_LDR_DATA_TABLE_ENTRY', 0x120, {
  inLoadOrderLinks: struct(0x00, ListEntry),
  inMemoryOrderLinks: struct(0x10, ListEntry),
  inInitializationOrderLinks: struct(0x20, ListEntry),
  dllBase: u64(0x30),
  entryPoint: u64(0x38),
  sizeOfImage: u32(0x40),
  fullDllName: struct(0x48, UnicodeString),
  baseDllName: struct(0x58, UnicodeString),
  timeDateStamp: u32(0x80),
  originalBase: u64(0xf8),
  /** FILETIME. */
  loadTime: u64(0x100),
})
export type LdrDataTableEntry = ViewOf<typeof LdrDataTableEntry>

export const Teb = defineStruct('_TEB', 0x1838, {
  /** NtTib */
  stackBase: u64(0x08),
  stackLimit: u64(0x10),
  self: u64(0x30),
  clientId: struct(0x40, ClientId),
  processEnvironmentBlock: u64(0x60),
  deallocationStack: u64(0x1478),
})
export type Teb = ViewOf<typeof Teb>
