// `dumpstack examine FILE --as TYPE`: the examine step on a dump from anywhere, without the truth of its crash.
import { statSync } from 'node:fs'
import {
  connectingTo,
  type DumpType,
  debugDump,
  examineFile,
  NO_TRUTH,
  reportChecks,
  type Say,
  type Verdict,
} from '@dumpstack/crashtest'
import { onHost } from '@dumpstack/run/node'
import type { ExamineOutput } from './examine.ts'
import { labSymbols } from './judge-symbols.ts'
import { openDumpFile } from './open-dump-file.ts'
import { shownPath } from './terminal.ts'

export async function examineDumpFile(
  file: string,
  as: DumpType,
  symbolPath: string | null,
  { emit, startVariant, signal }: ExamineOutput,
): Promise<Verdict> {
  const at = onHost(`read ${file}`, () => statSync(file).mtimeMs)
  const say: Say = (message) => emit({ kind: 'message', ...message }, at)
  startVariant(null)
  const begunAt = performance.now()
  emit({ kind: 'begin', step: 'examine', dump: as }, at)
  say(connectingTo(shownPath(file)))
  const source = await openDumpFile(file, { say, signal })
  try {
    say(NO_TRUTH)
    const symbols = labSymbols(symbolPath, process.env['_NT_SYMBOL_PATH'])
    const debugged = await debugDump({ source, path: file, evidence: null, symbols }, say, signal)
    const result = examineFile({ source, as, debugged })
    for (const finding of result.findings) emit({ kind: 'finding', finding }, at)
    reportChecks(result, say)
    emit({ kind: 'examined', dump: as, examination: { ...result.examination, file } }, at)
    emit(
      {
        kind: 'end',
        step: 'examine',
        dump: as,
        verdict: result.examination.verdict,
        seconds: (performance.now() - begunAt) / 1000,
      },
      at,
    )
    return result.examination.verdict
  } finally {
    source.close()
  }
}
