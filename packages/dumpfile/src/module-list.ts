// Loaded and unloaded drivers as every dump tells of them, from the kernel's lists or from a minidump's.
import type { Gva } from '@dumpstack/bytes'

export interface LoadedModule {
  /** BaseDllName: `ntoskrnl.exe`; in minidumps, which do not keep it, the last part of `fullName`. Empty where it is not in the dump. */
  readonly baseName: string
  /** FullDllName: `\SystemRoot\system32\ntoskrnl.exe` */
  readonly fullName: string
  readonly base: Gva
  readonly size: number
  /** 0 in minidumps, which do not keep it. */
  readonly entryPoint: Gva
  readonly checkSum: number
  readonly timeDateStamp: number
}

/** Copies of drivers for a dump or for hibernation: of them alone the base name and the name of the file differ by design. */
const DUMP_COPY = /^(?:dump|hiber)_/i

/**
 * The name that debuggers list a module by. The base name of a dump port is that of the port whose place it takes; it is listed by
 * its file, the last part of its full name: `dump_diskdump.sys`, where the base name is `dump_storport.sys`.
 */
export function moduleFileName({ baseName, fullName }: Pick<LoadedModule, 'baseName' | 'fullName'>): string {
  const file = fullName.slice(fullName.lastIndexOf('\\') + 1)
  return file !== '' && DUMP_COPY.test(baseName) ? file : baseName
}

/** A row of nt!MmUnloadedDrivers. */
export interface UnloadedModule {
  readonly name: string
  readonly start: Gva
  readonly end: Gva
  /** FILETIME: 100 ns since 1601; 0 in minidumps, which do not keep it. */
  readonly unloadedAt: bigint
}

export interface Modules {
  /** In the order of the list: the kernel first. */
  readonly loaded: readonly LoadedModule[]
  /** Oldest first; empty where the dump does not hold the table. */
  readonly unloaded: readonly UnloadedModule[]
}
