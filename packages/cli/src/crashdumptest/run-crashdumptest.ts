// crashdumptest: the test in the steps of its kit; the state between their processes is the run in the work folder. The steps
// themselves are those of `dumpstack test`: both drive session.ts.
import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { logLines, type Sink, type Verdict } from '@dumpstack/crashtest'
import { clearRun, runStateOf } from '@dumpstack/run/node'
import { parseSymbolPath } from '@dumpstack/symbols'
import { hostPath } from '@dumpstack/symbols/node'
import { windowsRootsOf } from '../drive/run-drive.ts'
import { EXIT_CRASHED, EXIT_NOT_GOOD } from '../program/exit-code.ts'
import { reportFailure } from '../program/failure.ts'
import { UsageError } from '../program/usage-error.ts'
import { shellWord } from '../terminal/shell-word.ts'
import { printLines, printText, sayBeside, shownPath, tell } from '../terminal/terminal.ts'
import { driveSession } from '../test/drive-session.ts'
import { checkTestOutput, outputWords, sayResultAgain, takesStdout } from '../test/result-output.ts'
import { resumeRun, startRun } from '../test/session.ts'
import type { TestOutput } from '../test/test-options.ts'
import {
  CRASHDUMPTEST_HELP,
  type CrashdumptestStep,
  DEFAULT_WORK_FOLDER,
  parseCrashdumptest,
} from './crashdumptest-options.ts'

export async function runCrashdumptest(args: readonly string[]): Promise<number> {
  try {
    const given = parseCrashdumptest(args)
    switch (given.step) {
      case 'help':
        printText(CRASHDUMPTEST_HELP)
        return 0
      case 'clear':
        return await clear(given.workFolder)
      case 'initialise':
        return await initialise(given)
      case 'autorun':
        return await autorun(given)
    }
  } catch (error) {
    return reportFailure(error, false)
  }
}

async function clear(workFolder: string): Promise<number> {
  const left = await clearRun(workFolder, { onWait: tell })
  printLines([
    left === null
      ? 'There are no past failures to clear.'
      : `Cleared past failures in ${shownPath(workFolder)}.`,
    ...(left ?? []).map(({ file, why }) => `Left ${shownPath(file)}: ${why}.`),
  ])
  return 0
}

async function initialise(given: CrashdumptestStep & { step: 'initialise' }): Promise<number> {
  const { workFolder, plan, output } = given
  if (['stopped', 'finished'].includes(runStateOf(workFolder))) {
    throw new UsageError(
      `work folder ${workFolder} holds a test already: crashdumptest -autorun goes on with it, crashdumptest -c clears it`,
    )
  }
  checkTestOutput(output, '-', [plan.driverFile, plan.driverPdb], workFolder)
  if (!given.passSymbols) checkSymbolFolder(plan.symbolPath, workFolder)
  const symbolPath = plan.symbolPath === null ? null : absolute(plan.symbolPath)
  return await session(
    given,
    autorunCommand({ ...given, symbolPath: plan.symbolPath, oneCrash: false }),
    (options) => startRun({ ...plan, symbolPath }, { ...options, folder: workFolder, stopAt: 'restart' }),
  )
}

async function autorun(given: CrashdumptestStep & { step: 'autorun' }): Promise<number> {
  const { workFolder, symbolPath, oneCrash, output } = given
  checkTestOutput(output, '-')
  switch (runStateOf(workFolder)) {
    case 'none':
    case 'notStarted':
      throw new UsageError(
        `work folder ${workFolder} holds no test: initialise it first, crashdumptest -dtm -y DIR -ypass`,
      )
    case 'finished':
      return reportFinished(workFolder, output)
    case 'stopped':
      return await session(given, autorunCommand(given), (options) =>
        resumeRun({
          ...options,
          folder: workFolder,
          stopAt: oneCrash ? 'crash' : 'end',
          ...(symbolPath !== null && { symbolPath: absolute(symbolPath) }),
        }),
      )
  }
}

type Autorun = Omit<CrashdumptestStep & { step: 'autorun' }, 'step'>

function autorunCommand({ workFolder, symbolPath, oneCrash, output }: Autorun): string {
  const parts = ['crashdumptest -autorun']
  if (symbolPath !== null) parts.push('-y', shellWord(symbolPath))
  if (oneCrash) parts.push('-step')
  if (workFolder !== DEFAULT_WORK_FOLDER) parts.push('-work', shellWord(workFolder))
  return [...parts, ...outputWords(output, '-')].join(' ')
}

/** What one process does of the test, with the lines that it adds to the log on the screen; `goOn` is for one that is stopped. */
async function session(
  { workFolder, output }: Pick<Autorun, 'workFolder' | 'output'>,
  goOn: string,
  drive: Parameters<typeof driveSession>[3],
): Promise<number> {
  const say = sayBeside(takesStdout(output))
  const screen: Sink = (event) => {
    for (const line of logLines(event).split('\n')) if (line !== '') say(line)
  }
  const end = await driveSession(output, goOn, { liveSinks: [screen] }, drive)
  switch (end.ended) {
    case 'restarting':
      say('The system restarts. crashdumptest -autorun runs the test.')
      return 0
    case 'crashed':
      say(`The system crashed and restarts. Run the same command again to go on with its ${end.dump} dump.`)
      return EXIT_CRASHED
    case 'finished':
      return reportVerdict(end.result.verdict, workFolder, say)
  }
}

function reportFinished(workFolder: string, output: TestOutput): number {
  const { verdict } = sayResultAgain(output, '-', 'the test', workFolder)
  const say = sayBeside(takesStdout(output))
  say('The test has been finished before. crashdumptest -c clears it.')
  return reportVerdict(verdict, workFolder, say)
}

/** The kit knows two ends: what could not be judged has not passed. */
function reportVerdict(verdict: Verdict, workFolder: string, say: (text: string) => void): number {
  const hasPassed = verdict === 'pass'
  say(`(${hasPassed ? 'i' : 'x'}) The test is finished: ${verdict}. Evidence: ${shownPath(workFolder)}`)
  return hasPassed ? 0 : EXIT_NOT_GOOD
}

/** A folder counts from where the user stood, whichever folder the next step is started in. */
const absolute = (symbolPath: string): string =>
  existsSync(symbolPath) ? path.resolve(symbolPath) : symbolPath

function checkSymbolFolder(symbolPath: string | null, workFolder: string): void {
  if (symbolPath === null) return
  for (const element of parseSymbolPath(symbolPath)) {
    if (element.kind === 'unusable')
      throw new UsageError(`symbol path ${element.text} cannot be used: ${element.reason}`)
    if (element.kind !== 'folder') continue
    const folder = hostPath(element.path, windowsRootsOf(workFolder))
    if (folder !== null && statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) continue
    throw new UsageError(
      `symbol folder ${element.path} is not there: install the symbols, or take it as it is with -ypass`,
    )
  }
}
