// crashdumptest: the test in the steps of its kit, each a process of its own; the state between them is the run in the work
// folder. The steps themselves are those of `dumpstack test`: both drive session.ts.
import { existsSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { logLines, type Sink, type Verdict } from '@dumpstack/crashtest'
import { clearRun, readResult, runStateOf, STATE } from '@dumpstack/run/node'
import { parseSymbolPath } from '@dumpstack/symbols'
import { hostPath } from '@dumpstack/symbols/node'
import { removeSystem } from '@dumpstack/windows/node'
import { CRASHDUMPTEST_HELP, type CrashdumptestStep, parseCrashdumptest } from './crashdumptest-options.ts'
import { EXIT_CRASHED, EXIT_NOT_GOOD } from './exit-code.ts'
import { reportFailure } from './failure.ts'
import { catchInterrupts } from './interrupt.ts'
import { SYMBOLS } from './judge-symbols.ts'
import { windowsRootsOf } from './run-drive.ts'
import { resumeRun, type SessionEnd, type SessionOptions, startRun } from './session.ts'
import { shownPath } from './terminal.ts'
import { UsageError } from './usage-error.ts'

export async function runCrashdumptest(args: readonly string[]): Promise<number> {
  try {
    const given = parseCrashdumptest(args)
    switch (given.step) {
      case 'help':
        process.stdout.write(CRASHDUMPTEST_HELP)
        return 0
      case 'clear':
        return clear(given.workFolder)
      case 'initialise':
        return await initialise(given)
      case 'autorun':
        return await autorun(given)
    }
  } catch (error) {
    return reportFailure(error, false)
  }
}

const say = (text: string): boolean => process.stdout.write(`${text}\n`)

function clear(workFolder: string): number {
  const isCleared = clearRun(workFolder, removeMade)
  say(
    isCleared ? `Cleared past failures in ${shownPath(workFolder)}.` : 'There are no past failures to clear.',
  )
  return 0
}

/** The system, and the symbols that a scenario laid out for it. */
function removeMade(folder: string): void {
  removeSystem(folder)
  rmSync(path.join(folder, SYMBOLS), { recursive: true, force: true })
}

async function initialise(given: CrashdumptestStep & { step: 'initialise' }): Promise<number> {
  const { workFolder, plan } = given
  if (runStateOf(workFolder) !== 'none') {
    throw new UsageError(
      `work folder ${workFolder} holds a test already: crashdumptest -autorun goes on with it, crashdumptest -c clears it`,
    )
  }
  if (!given.passSymbols) checkSymbolFolder(plan.symbolPath, workFolder)
  const symbolPath = plan.symbolPath === null ? null : absolute(plan.symbolPath)
  const end = await session((options) =>
    startRun({ ...plan, symbolPath }, { ...options, folder: workFolder, stopAt: 'restart' }),
  )
  return report(end, workFolder)
}

async function autorun(given: CrashdumptestStep & { step: 'autorun' }): Promise<number> {
  const { workFolder, symbolPath } = given
  switch (runStateOf(workFolder)) {
    case 'none':
      throw new UsageError(
        `work folder ${workFolder} holds no test: initialise it first, crashdumptest -dtm -y DIR -ypass`,
      )
    case 'finished':
      return reportFinished(workFolder)
    case 'stopped': {
      if (!existsSync(path.join(workFolder, STATE))) {
        throw new UsageError(
          `the test in work folder ${workFolder} was killed before it began: clear it with crashdumptest -c and initialise it again`,
        )
      }
      const end = await session((options) =>
        resumeRun({
          ...options,
          folder: workFolder,
          stopAt: 'crash',
          ...(symbolPath !== null && { symbolPath: absolute(symbolPath) }),
        }),
      )
      return report(end, workFolder)
    }
  }
}

/** One step of the test, with the lines that it adds to the log on the screen. */
async function session(
  run: (options: Pick<SessionOptions, 'sinks' | 'liveSinks' | 'signal'>) => Promise<SessionEnd>,
): Promise<SessionEnd> {
  const interrupt = catchInterrupts()
  const screen: Sink = (event) => {
    process.stdout.write(logLines(event))
  }
  try {
    return await run({ sinks: [], liveSinks: [screen], signal: interrupt.signal })
  } finally {
    interrupt.release()
  }
}

function report(end: SessionEnd, workFolder: string): number {
  switch (end.ended) {
    case 'restarting':
      say('The system restarts. crashdumptest -autorun runs the test.')
      return 0
    case 'crashed':
      say(`The system crashed and restarts. Run the same command again to go on with its ${end.dump} dump.`)
      return EXIT_CRASHED
    case 'brokenOff':
      throw end.error
    case 'finished':
      return reportVerdict(end.result.verdict, workFolder)
  }
}

function reportFinished(workFolder: string): number {
  const { verdict } = readResult(workFolder)
  say('The test has been finished before. crashdumptest -c clears it.')
  return reportVerdict(verdict, workFolder)
}

/** The kit knows two ends: what could not be judged has not passed. */
function reportVerdict(verdict: Verdict, workFolder: string): number {
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
    if (element.kind !== 'folder') continue
    const folder = hostPath(element.path, windowsRootsOf(workFolder))
    if (folder !== null && statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) continue
    throw new UsageError(
      `symbol folder ${element.path} is not there: install the symbols, or take it as it is with -ypass`,
    )
  }
}
