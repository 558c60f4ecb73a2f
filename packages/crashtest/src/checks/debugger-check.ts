// What every check through the debugger gets and gives: the kit's own judge is a debugger with symbols. A check says what the
// kit would say; what lacks symbols is inconclusive, what the symbols name and the dump does not hold is a fail.
import { DumpstackError } from '@dumpstack/bytes'
import { type DebugModule, noSymbols, type Session } from '@dumpstack/debugger'
import { type Dump, DumpError, verdictOfRefusal } from '@dumpstack/dumpfile'
import { SymbolsError } from '@dumpstack/symbols'
import type { Evidence } from '@dumpstack/target'
import type { Verdict } from '../test-event.ts'
import type { Judgement } from './check.ts'

export interface DebuggedDump {
  readonly session: Session
  readonly dump: Dump
  /** Null for a dump from elsewhere: nothing is known of its crash. */
  readonly evidence: Evidence | null
}

export interface DebuggerCheck {
  readonly id: string
  /** A DumpstackError that it throws is judged by its kind. */
  judge(debugged: DebuggedDump): Promise<Judgement>
}

/** What cannot be judged, as opposed to what is wrong with the dump. */
const NOT_JUDGED: ReadonlySet<string> = new Set([
  'TYPE_UNKNOWN',
  'SYMBOL_UNKNOWN',
  'UNSUPPORTED',
  'MACHINE_UNSUPPORTED',
])

export function verdictOfError(error: DumpstackError): Verdict {
  if (error instanceof DumpError) return verdictOfRefusal(error)
  return error instanceof SymbolsError || NOT_JUDGED.has(error.code) ? 'inconclusive' : 'fail'
}

/** The kernel with its symbols; a text says why there are none. Throws DebuggerError for a dump that names no kernel. */
export function kernelWithSymbols({ session }: DebuggedDump): DebugModule | string {
  const { kernel } = session
  return kernel.symbols === null ? noSymbols(kernel) : kernel
}

/** The result of `work`, or the error of ours that ended it. */
export async function attempt<T>(work: () => Promise<T>): Promise<T | DumpstackError> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof DumpstackError) return error
    throw error
  }
}
