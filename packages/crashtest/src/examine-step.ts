// The work of the examine step on a dump that is open, or on none: the debugger, the checks, and what they came to as events.
import type { ByteSource } from '@dumpstack/bytes'
import type { SymbolSource } from '@dumpstack/debugger'
import { debuggerChecks, windowsDebuggerChecks } from './checks/index.ts'
import { debugDump } from './debug-dump.ts'
import { type DumpToExamine, type ExaminationResult, examineDump } from './examine.ts'
import type { Steps } from './steps.ts'
import type { Verdict } from './test-event.ts'

export interface ExamineStep extends Omit<DumpToExamine, 'debugged' | 'opened'> {
  /** With its path as messages name it; null where no dump file could be opened. */
  readonly opened: { readonly source: ByteSource; readonly path: string; readonly modifiedAt: number } | null
  /** Lives as long as the run. */
  readonly symbols: SymbolSource
  /** Where the dump stays, for the events; null where there is none. */
  fileOf(result: ExaminationResult): string | null | Promise<string | null>
}

export async function examineStep(steps: Steps, { symbols, fileOf, ...dump }: ExamineStep): Promise<Verdict> {
  const { type, opened, known, ram } = dump
  const evidence = known === null ? null : known.evidence
  const checks = ram === undefined ? debuggerChecks : windowsDebuggerChecks
  const debugged =
    opened === null ? [] : await debugDump({ ...opened, evidence, checks, symbols }, steps.say, steps.signal)
  const result = await steps.drain(examineDump({ ...dump, debugged }))
  const file = await fileOf(result)
  if (evidence !== null) steps.send({ kind: 'systemEvents', dump: type, events: evidence.events })
  for (const finding of result.findings) steps.send({ kind: 'finding', finding })
  for (const message of result.messages) steps.say(message)
  steps.send({ kind: 'examined', dump: type, examination: { ...result.examination, file } })
  return result.examination.verdict
}
