// What a session debugs: memory, processors and modules of a system that stands still. A dump is one (dump-target.ts); a
// stopped machine can be another.
import type { Gpa, Gva, PhysicalSpace } from '@dumpstack/bytes'
import type { Dump, DumpHeader, Modules, VirtualSpace } from '@dumpstack/dumpfile'
import type { KddebuggerData64 } from '@dumpstack/nt'
import type { RegisterFile } from './registers.ts'

/** What the system says of itself; a dump has it in its header. */
export interface TargetSystem extends Omit<DumpHeader, 'dumpType' | 'attributes' | 'requiredDumpSpace'> {
  readonly isCheckedBuild: boolean
  /** NtProductType and the suites of the system (winnt.h, VER_NT_* and VER_SUITE_*); null where they are not set. */
  readonly productType: number | null
  readonly suiteMask: number | null
}

export interface Processor {
  readonly number: number
  /** Null where a minidump keeps the PRCB, but nothing tells where it lay. */
  readonly prcb: Gva | null
  /** Address of its CONTEXT; null where the PRCB does not hold one. */
  readonly contextAddress: Gva | null
  readonly currentThread: Gva | null
}

export interface TargetModules extends Modules {
  /** What is wrong with the list of modules; `loaded` has those before it. */
  readonly damage: string | null
}

export interface DebugTarget {
  /** The lines of the banner that say what was opened. */
  readonly description: readonly string[]
  readonly system: TargetSystem
  /** Null where the target does not hold it. */
  readonly kdbg: KddebuggerData64 | null
  /** Those whose PRCB the target holds. */
  readonly processors: readonly Processor[]
  /** The one that crashed or stopped. */
  readonly currentProcessor: number
  /** What was running there and where its stack begins, as far as the target says so beside its memory. */
  readonly current: {
    readonly thread: Gva | null
    readonly process: Gva | null
    readonly stack: Gva | null
  }
  /** The registers of the exception, where the target keeps them apart; null where it does not. */
  readonly exception: RegisterFile | null
  /** Null where memory is held by virtual addresses only, as in a minidump. */
  readonly physical: PhysicalSpace | null
  /** Parts of the target that cannot be used; the session goes on without them. */
  readonly damage: readonly string[]
  /** The dump file behind it, for what is asked of the file itself; null where there is none. */
  readonly dump: Dump | null
  /** Through the page tables of `dtb`, by default the ones that `system` names. */
  virtual(dtb?: Gpa): VirtualSpace
  modules(): TargetModules
  /** The registers of a processor. Throws DebuggerError CONTEXT_ABSENT. */
  registers(processor: number): RegisterFile
}
