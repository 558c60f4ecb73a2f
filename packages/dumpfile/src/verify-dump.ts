// Verifies a dump by itself, without the memory it came from: size first, then counts, then what the kernel's pointers reach.
import type { ByteSource } from '@dumpstack/bytes'
import { bugcheckName, dumpTypeName, machineName } from '@dumpstack/nt'
import type { LoadedModule, Modules, UnloadedModule } from './module-list.ts'
import { openWithBody } from './open-dump.ts'
import { checkAllPages } from './verify/all-pages.ts'
import { Checks, type DumpCheck, refusalCheck, type Verdict, verdictOfRefusal } from './verify/checks.ts'
import { checkFile } from './verify/file-checks.ts'
import { checkMemory } from './verify/memory-checks.ts'
import { checkTriage } from './verify/triage-checks.ts'

export { type DumpCheck, refusalCheck, type Verdict, verdictOfRefusal }

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
export function* verifyDump(
  source: ByteSource,
  { allPages }: VerifyOptions,
): Generator<number, VerifyReport> {
  const dump = openWithBody(source)
  const { header, body } = dump
  const checks = new Checks()
  yield 0
  let modules: Modules
  if (body === null) {
    modules = checkTriage(checks, dump)
  } else {
    checkFile(checks, dump, body)
    modules = checkMemory(checks, dump)
    if (allPages) yield* checkAllPages(checks, dump, body)
  }
  yield 100
  return {
    verdict: checks.verdict,
    dumpType: header.dumpType,
    dumpTypeName: dumpTypeName(header.dumpType),
    build: header.build,
    machine: header.machine,
    machineName: machineName(header.machine) ?? 'unknown machine',
    processorCount: header.processorCount,
    bugcheckCode: header.bugcheckCode,
    bugcheckName: bugcheckName(header.bugcheckCode),
    bugcheckParameters: header.bugcheckParameters,
    byteLength: dump.byteLength,
    pageCount: body === null ? null : body.statedPageCount,
    loaded: modules.loaded,
    unloaded: modules.unloaded,
    checks: checks.rows,
  }
}
