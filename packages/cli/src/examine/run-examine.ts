// `dumpstack examine PATH`: a folder is a finished run, a file is a dump from anywhere. Both end in the same folds.
import { statSync } from 'node:fs'
import path from 'node:path'
import { createStream, JunitFold, ResultFold, type Sink, type Verdict } from '@dumpstack/crashtest'
import { examineRun } from '@dumpstack/run/node'
import type { DumpType } from '@dumpstack/target'
import { readNamed } from '../files/named-input.ts'
import { checkOutput, writeOutput } from '../files/output-file.ts'
import { exitCodeOf } from '../program/exit-code.ts'
import { catchInterrupts } from '../program/interrupt.ts'
import { UsageError } from '../program/usage-error.ts'
import { judgeSymbols } from '../symbols/judge-symbols.ts'
import { printJson, shownPath } from '../terminal/terminal.ts'
import { testScreen } from '../terminal/test-screen.ts'
import { type ExamineOutput, examineDumpFile } from './examine-file.ts'

/** As commander hands them over. */
export interface GivenExamineOptions {
  readonly as?: DumpType
  readonly y?: string
  readonly json?: true
  readonly junit?: string
}

export async function examine(place: string, given: GivenExamineOptions): Promise<number> {
  const json = given.json === true
  const isFolder = readNamed(place, () => statSync(place)).isDirectory()
  const { as, junit } = given
  if (isFolder && as !== undefined) {
    throw new UsageError(
      `--as is for a dump file: ${place} is a folder, whose run knows the types of its dumps`,
    )
  }
  if (junit !== undefined) checkOutput('--junit', 'junit', junit, [place])
  const resultFold = new ResultFold()
  const junitFold = new JunitFold()
  const sinks: Sink[] = [resultFold.sink, junitFold.sink]
  const screen = testScreen(json)
  if (screen !== null) sinks.push(screen.sink)
  const interrupt = catchInterrupts()
  const output: ExamineOutput = {
    emit: createStream(sinks),
    startVariant(variant) {
      resultFold.startVariant(variant)
      junitFold.startVariant(variant)
    },
    shownPath,
    signal: interrupt.signal,
  }
  let verdict: Verdict
  try {
    const symbolPath = given.y ?? null
    if (isFolder)
      verdict = await examineRun(place, { ...output, symbols: judgeSymbols(symbolPath, path.resolve(place)) })
    else verdict = await examineDumpFile(place, as, symbolPath, output)
  } finally {
    interrupt.release()
  }
  if (json) printJson(resultFold.result(verdict))
  screen?.close(verdict, `. Examined: ${shownPath(place)}`)
  if (junit !== undefined) writeOutput(junit, junitFold.xml(null))
  return exitCodeOf(verdict)
}
