// `dumpstack examine PATH`: a folder is a finished run, a file is a dump from anywhere. Both end in the same folds.
import { statSync } from 'node:fs'
import path from 'node:path'
import { createStream, ResultFold, type Verdict } from '@dumpstack/crashtest'
import { examineRun } from '@dumpstack/run/node'
import type { DumpType } from '@dumpstack/target'
import { readNamed } from '../files/named-input.ts'
import { exitCodeOf } from '../program/exit-code.ts'
import { catchInterrupts } from '../program/interrupt.ts'
import { UsageError } from '../program/usage-error.ts'
import { judgeSymbols } from '../symbols/judge-symbols.ts'
import { shownPath } from '../terminal/terminal.ts'
import { testScreen } from '../terminal/test-screen.ts'
import { checkTestOutput, ResultOutput, takesStdout } from '../test/result-output.ts'
import { type GivenOutput, testOutput } from '../test/test-options.ts'
import { type ExamineOutput, examineDumpFile } from './examine-file.ts'
import type { RamFiles } from './open-ram.ts'

/** As commander hands them over. */
export interface GivenExamineOptions extends GivenOutput {
  readonly as?: DumpType
  readonly ram?: string
  readonly ramBefore?: string
  readonly y?: string
}

export async function examine(place: string, given: GivenExamineOptions): Promise<number> {
  const isFolder = readNamed(place, () => statSync(place)).isDirectory()
  const { as } = given
  if (isFolder && as !== undefined) {
    throw new UsageError(
      `--as is for a dump file: ${place} is a folder, whose run knows the types of its dumps`,
    )
  }
  const ram = ramFiles(given)
  if (isFolder && ram !== null)
    throw new UsageError(
      `--ram is for a dump file: ${place} is a folder, whose run kept the RAM of its crashes`,
    )
  const output = testOutput(given)
  checkTestOutput(output, '--', [place, ...(ram === null ? [] : [ram.ram, ram.before])])
  const resultFold = new ResultFold()
  const outputs = new ResultOutput(output)
  const screen = testScreen(takesStdout(output))
  const interrupt = catchInterrupts()
  const examining: ExamineOutput = {
    emit: createStream([resultFold.sink, ...outputs.sinks, ...(screen === null ? [] : [screen.sink])]),
    startVariant(variant) {
      resultFold.startVariant(variant)
      outputs.startVariant(variant)
    },
    shownPath,
    signal: interrupt.signal,
  }
  let verdict: Verdict
  try {
    const symbolPath = given.y ?? null
    if (isFolder)
      verdict = await examineRun(place, {
        ...examining,
        symbols: judgeSymbols(symbolPath, path.resolve(place)),
      })
    else verdict = await examineDumpFile(place, { as, symbolPath, ram }, examining)
  } finally {
    interrupt.release()
  }
  outputs.write({ ended: 'finished', result: resultFold.result(verdict) })
  screen?.close(verdict, `. Examined: ${shownPath(place)}`)
  return exitCodeOf(verdict)
}

function ramFiles({ ram, ramBefore }: GivenExamineOptions): RamFiles | null {
  if (ram !== undefined) return { ram, before: ramBefore ?? null }
  if (ramBefore !== undefined)
    throw new UsageError('--ram-before goes with --ram, the RAM at the end of the dump')
  return null
}
