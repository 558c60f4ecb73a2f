import type { ByteSource } from '@dumpstack/bytes'
import { DumpError } from './dump-error.ts'
import type { LoadedModule, UnloadedModule } from './modules.ts'

export type Verdict = 'pass' | 'fail' | 'inconclusive'

/** One thing that was checked; a failed one says where, what stood there and what was expected. */
export interface DumpCheck {
  /** `file-size`, `bitmap-population`, `kdbg`, ...: stable, documented in docs/formats/crash-dump.md. */
  readonly id: string
  readonly verdict: Verdict
  readonly message: string
  /** File offset, hex; absent where no single place is to blame. */
  readonly offset?: string
  readonly found?: string
  readonly expected?: string
}

export interface VerifyReport {
  readonly verdict: Verdict
  readonly dumpType: number
  /** `full bitmap dump` */
  readonly dumpTypeName: string
  readonly build: number
  readonly machine: number
  /** `x64` */
  readonly machineName: string
  readonly processorCount: number
  readonly bugcheckCode: number
  readonly bugcheckName: string | null
  readonly bugcheckParameters: readonly [bigint, bigint, bigint, bigint]
  readonly byteLength: number
  /** Pages that the dump says it holds; null for types without a physical body. */
  readonly pageCount: number | null
  readonly loaded: readonly LoadedModule[]
  readonly unloaded: readonly UnloadedModule[]
  readonly checks: readonly DumpCheck[]
}

export interface VerifyOptions {
  /** Also reads every page. */
  readonly allPages: boolean
}

/** Yields the percentage done. Throws DumpError for everything that is not a kernel crash dump. */
export function verifyDump(_source: ByteSource, _options: VerifyOptions): Generator<number, VerifyReport> {
  throw new DumpError('DUMP_NOT_IMPLEMENTED', 'verifyDump is not built yet')
}
