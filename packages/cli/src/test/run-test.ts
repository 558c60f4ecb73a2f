// `dumpstack test`: one session from the start, or from where a run was killed, to its end, with screen, JSON and JUnit.
import { existsSync } from 'node:fs'
import type { Sink } from '@dumpstack/crashtest'
import { readResult, runStateOf } from '@dumpstack/run/node'
import { checkOutput } from '../files/output-file.ts'
import { EXIT_USAGE, exitCodeOf } from '../program/exit-code.ts'
import { goOnLine, StoppedRunError } from '../program/failure.ts'
import { catchInterrupts } from '../program/interrupt.ts'
import { UsageError } from '../program/usage-error.ts'
import { shellWord } from '../terminal/shell-word.ts'
import { printJson, printLines, shownPath, tell } from '../terminal/terminal.ts'
import { testScreen } from '../terminal/test-screen.ts'
import { ResultOutput, type TestOutput } from './result-output.ts'
import { resumeRun, type SessionEnd, type SessionOptions, startRun } from './session.ts'
import type { TestPlan } from './test-options.ts'

const DEFAULT_OUT = 'dumpstack-run'

export async function runTest(plan: TestPlan, out: string | null, output: TestOutput): Promise<number> {
  const folder = out ?? freeDefaultFolder()
  if (output.junit !== null) checkOutput('--junit', output.junit, [plan.driverFile, plan.driverPdb], folder)
  return await show(folder, plan.symbolPath, output, (options) => startRun(plan, options))
}

/** `dumpstack test --resume DIR`. A run that has its result only says it again. */
export async function resumeTest(
  folder: string,
  symbolPath: string | null,
  output: TestOutput,
): Promise<number> {
  if (output.junit !== null) checkOutput('--junit', output.junit)
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
  const { json } = output
  const result = new ResultOutput(output)
  const screen = testScreen(json)
  const sinks: Sink[] = [result.sink]
  if (screen !== null) sinks.push(screen.sink)
  const goOn = resumeCommand(folder, symbolPath, output)
  const interrupt = catchInterrupts(goOnLine(goOn))
  let end: SessionEnd
  try {
    end = await drive({ folder, stopAt: 'end', sinks, ...interrupt, onWait: tell })
  } finally {
    interrupt.release()
  }
  if (end.ended === 'crashed' || end.ended === 'restarting')
    throw new Error('a session to the end ended at a power off')
  result.write(end)
  if (end.result !== null) {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    screen?.close(end.result.verdict, `, after ${seconds} s. Evidence: ${shownPath(folder)}`)
  }
  if (end.ended === 'stopped') throw new StoppedRunError(end.error, goOn)
  if (end.ended === 'brokenOff') throw end.error
  return exitCodeOf(end.result.verdict)
}

function resumeCommand(folder: string, symbolPath: string | null, { json, junit }: TestOutput): string {
  const parts = ['dumpstack test --resume', shellWord(folder)]
  if (symbolPath !== null) parts.push('-y', shellWord(symbolPath))
  if (json) parts.push('--json')
  if (junit !== null) parts.push('--junit', shellWord(junit))
  return parts.join(' ')
}

function sayAgain(folder: string, { json, junit }: TestOutput): number {
  if (junit !== null)
    throw new UsageError(`--junit ${junit}: the run in ${folder} has come to its end already`)
  const result = readResult(folder)
  if (json) printJson(result)
  else printLines([`The run in ${folder} has come to its end. Verdict: ${result.verdict}`])
  return exitCodeOf(result.verdict)
}

/** The first of dumpstack-run, dumpstack-run-2, ... that no run has taken: a second `npm start` just works. */
function freeDefaultFolder(): string {
  if (!existsSync(DEFAULT_OUT)) return DEFAULT_OUT
  let number = 2
  while (existsSync(`${DEFAULT_OUT}-${number}`)) number++
  return `${DEFAULT_OUT}-${number}`
}
