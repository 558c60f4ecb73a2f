// Step 6 as the kit does it: the dump under a debugger with symbols. Opens one session and puts it through checks of
// checks/index.ts in order; examine.ts takes the judgements into the verdict, and says what is a finding.
import { type ByteSource, DumpstackError } from '@dumpstack/bytes'
import { DumpTarget, Session, type SymbolSource } from '@dumpstack/debugger'
import { DumpError, refusalCheck } from '@dumpstack/dumpfile'
import type { Evidence } from '@dumpstack/target'
import type { Judgement } from './checks/check.ts'
import { type DebuggedDump, type DebuggerCheck, verdictOfError } from './checks/debugger-check.ts'
import { IdentifiedSymbols } from './identified-symbols.ts'
import type { Say } from './messages.ts'

export interface DumpToDebug {
  readonly source: ByteSource
  /** As messages name it. */
  readonly path: string
  /** Null for a dump from elsewhere. */
  readonly evidence: Evidence | null
  readonly checks: readonly DebuggerCheck[]
  /** Lives as long as the run, so that what one dump loaded the next one has. */
  readonly symbols: SymbolSource
}

export type NamedJudgement = readonly [check: string, judgement: Judgement]

const OPENED = 'debugger'
const SYMBOLS = 'symbols'

export async function debugDump(
  { source, path, evidence, checks, symbols }: DumpToDebug,
  say: Say,
  signal: AbortSignal,
): Promise<NamedJudgement[]> {
  let session: Session
  let target: DumpTarget
  try {
    target = new DumpTarget(source, path)
    session = new Session({
      target,
      symbols: new IdentifiedSymbols(symbols, evidence?.systemImages ?? []),
      disassembler: null,
      nextTurn: () => new Promise((resolve) => setTimeout(resolve, 0)),
    })
  } catch (error) {
    if (!(error instanceof DumpstackError)) throw error
    // In the words of the check of the format, so that one cause is said once.
    const message = error instanceof DumpError ? refusalCheck(error).message : error.message
    return [[OPENED, { verdict: verdictOfError(error), message }]]
  }
  session.begin(signal)
  const debugged: DebuggedDump = { session, dump: target.dump, evidence }
  const judged: [string, Judgement][] = []
  const { modules, processors } = session
  const message = `opened: ${modules.all.length} modules, ${processors.length} processors`
  judged.push([OPENED, { verdict: 'pass', message }])
  for (const check of checks) {
    signal.throwIfAborted()
    try {
      const judgement = await check.judge(debugged)
      // that symbols are missing is worth knowing before the rest has been read
      if (check.id === SYMBOLS) for (const message of judgement.says ?? []) say(message)
      judged.push([check.id, judgement])
    } catch (error) {
      if (!(error instanceof DumpstackError)) throw error
      judged.push([check.id, { verdict: verdictOfError(error), message: error.message }])
    }
  }
  return judged
}
