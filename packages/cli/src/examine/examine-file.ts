// `dumpstack examine FILE [--as TYPE]`: the examine step on a dump from anywhere, without the truth of its crash.
import { statSync } from 'node:fs'
import type { ByteSource } from '@dumpstack/bytes'
import {
  complaint,
  connectingTo,
  debugDump,
  examineFile,
  type Finding,
  NO_TRUTH,
  type Say,
  sentence,
  typeOfDump,
  type Verdict,
} from '@dumpstack/crashtest'
import { DumpError, openDump, refusalCheck } from '@dumpstack/dumpfile'
import type { ExamineOptions } from '@dumpstack/run/node'
import type { DumpType } from '@dumpstack/target'
import { readNamed } from '../files/named-input.ts'
import { openDumpFile } from '../files/open-dump-file.ts'
import { labSymbols } from '../symbols/judge-symbols.ts'

/** Where the events of an examination go. */
export type ExamineOutput = Omit<ExamineOptions, 'symbols'>

export async function examineDumpFile(
  file: string,
  /** Undefined: what the header of the dump says. */
  given: DumpType | undefined,
  symbolPath: string | null,
  { emit, startVariant, shownPath, signal }: ExamineOutput,
): Promise<Verdict> {
  const at = readNamed(file, () => statSync(file).mtimeMs)
  const say: Say = (message) => emit({ kind: 'message', ...message }, at)
  startVariant(null)
  const begunAt = performance.now()
  const source = await openDumpFile(file, { say, signal })
  try {
    const as = given ?? typeOfDump(source)
    const step = { step: 'examine', ...(as !== null && { dump: as }) } as const
    const end = (verdict: Verdict): Verdict => {
      emit({ kind: 'end', ...step, verdict, seconds: (performance.now() - begunAt) / 1000 }, at)
      return verdict
    }
    emit({ kind: 'begin', ...step }, at)
    say(connectingTo(shownPath(file)))
    if (as === null) return end(refuse(source, say, (finding) => emit({ kind: 'finding', finding }, at)))
    say(NO_TRUTH)
    const symbols = labSymbols(symbolPath, process.env['_NT_SYMBOL_PATH'])
    const debugged = await debugDump({ source, path: file, evidence: null, symbols }, say, signal)
    const result = examineFile({ source, as, debugged })
    for (const finding of result.findings) emit({ kind: 'finding', finding }, at)
    for (const message of result.messages) say(message)
    emit({ kind: 'examined', dump: as, examination: { ...result.examination, file } }, at)
    return end(result.examination.verdict)
  } finally {
    source.close()
  }
}

/** A file whose header names no type that the test has: why it is not read. */
function refuse(source: ByteSource, say: Say, found: (finding: Finding) => void): Verdict {
  try {
    openDump(source)
  } catch (error) {
    if (!(error instanceof DumpError)) throw error
    const { id, verdict, message } = refusalCheck(error)
    found({ check: id, verdict, message })
    say(complaint(sentence(message)))
    return verdict
  }
  throw new Error('a dump that is read has a type')
}
