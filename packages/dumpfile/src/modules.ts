import type { Gva } from '@dumpstack/bytes'
import type { Dump } from './dump.ts'
import { DumpError } from './dump-error.ts'

export interface LoadedModule {
  /** Last part of the name: `ntoskrnl.exe`. */
  readonly baseName: string
  readonly fullName: string
  readonly base: Gva
  readonly size: number
  readonly entryPoint: Gva
  readonly checkSum: number
  readonly timeDateStamp: number
}

/** A row of nt!MmUnloadedDrivers. */
export interface UnloadedModule {
  readonly name: string
  readonly start: Gva
  readonly end: Gva
  /** FILETIME: 100 ns since 1601. */
  readonly unloadedAt: bigint
}

export interface Modules {
  readonly loaded: readonly LoadedModule[]
  readonly unloaded: readonly UnloadedModule[]
}

/** Throws DumpError DUMP_MODULE_LIST when the list cannot be followed. */
export function readModules(_dump: Dump): Modules {
  throw new DumpError('DUMP_NOT_IMPLEMENTED', 'readModules is not built yet')
}
