// `dumpstack test`: one session from the start, or from where a run was killed, to its end, with screen, JSON and JUnit.
import { existsSync } from 'node:fs'
import { runStateOf } from '@dumpstack/run/node'
import { EXIT_USAGE, exitCodeOf } from '../program/exit-code.ts'
import { shellWord } from '../terminal/shell-word.ts'
import { printLines, shownPath, tell } from '../terminal/terminal.ts'
import { testScreen } from '../terminal/test-screen.ts'
import { driveSession } from './drive-session.ts'
import { checkTestOutput, outputWords, sayResultAgain, takesStdout } from './result-output.ts'
import { resumeRun, type SessionEnd, type SessionOptions, startRun } from './session.ts'
import type { TestOutput, TestPlan } from './test-options.ts'

const DEFAULT_OUT = 'dumpstack-run'

export async function runTest(plan: TestPlan, out: string | null, output: TestOutput): Promise<number> {
  const folder = out ?? freeDefaultFolder()
  checkTestOutput(output, '--', [plan.driverFile, plan.driverPdb], folder)
  return await show(folder, plan.symbolPath, output, (options) => startRun(plan, options))
}

/** `dumpstack test --resume DIR`. A run that has its result only says it again. */
export async function resumeTest(
  folder: string,
  symbolPath: string | null,
  output: TestOutput,
): Promise<number> {
  checkTestOutput(output, '--')
  switch (runStateOf(folder)) {
    case 'finished':
      return sayAgain(folder, output)
    case 'notStarted':
      tell(
        `nothing was started in ${folder}; to start a run there: dumpstack test --out ${shellWord(folder)}`,
      )
      return EXIT_USAGE
  }
  return await show(folder, symbolPath, output, (options) =>
    resumeRun({ ...options, ...(symbolPath !== null && { symbolPath }) }),
  )
}

/** One session to the end of the run. */
async function show(
  folder: string,
  symbolPath: string | null,
  output: TestOutput,
  drive: (options: SessionOptions) => Promise<SessionEnd>,
): Promise<number> {
  const startedAt = performance.now()
  const screen = testScreen(takesStdout(output))
  const end = await driveSession(
    output,
    resumeCommand(folder, symbolPath, output),
    {
      sinks: screen === null ? [] : [screen.sink],
      close(verdict) {
        const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
        screen?.close(verdict, `, after ${seconds} s. Evidence: ${shownPath(folder)}`)
      },
    },
    (options) => drive({ ...options, folder, stopAt: 'end' }),
  )
  if (end.ended !== 'finished') throw new Error('a session to the end ended at a power off')
  return exitCodeOf(end.result.verdict)
}

function resumeCommand(folder: string, symbolPath: string | null, output: TestOutput): string {
  const parts = ['dumpstack test --resume', shellWord(folder)]
  if (symbolPath !== null) parts.push('-y', shellWord(symbolPath))
  return [...parts, ...outputWords(output, '--')].join(' ')
}

function sayAgain(folder: string, output: TestOutput): number {
  const { verdict } = sayResultAgain(output, '--', 'the run', folder)
  if (!output.json) printLines([`The run in ${folder} has finished. Verdict: ${verdict}`])
  return exitCodeOf(verdict)
}

/** The first of dumpstack-run, dumpstack-run-2, ... that no run has taken: a second `npm start` just works. */
function freeDefaultFolder(): string {
  if (!existsSync(DEFAULT_OUT)) return DEFAULT_OUT
  let number = 2
  while (existsSync(`${DEFAULT_OUT}-${number}`)) number++
  return `${DEFAULT_OUT}-${number}`
}
