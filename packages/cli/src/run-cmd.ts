// `dumpstack cmd DIR LINE`: a command line as the kit's page prints it, in the system of a run folder. C: is the run's; the
// one program that the test installs there is the debugger.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Facts } from '@dumpstack/crashtest'
import { JOURNAL } from '@dumpstack/run'
import { onHost } from '@dumpstack/run/node'
import { runKd } from './kd.ts'
import { DEFAULT_DEBUGGERS, debuggersFolder } from './kd-launchers.ts'
import { isRunFolder, RUN_VARIABLE } from './run-drive.ts'
import { UsageError } from './usage-error.ts'
import { wordsOf } from './windows-command-line.ts'

export async function runCmd(folder: string, line: string): Promise<number> {
  if (!isRunFolder(folder)) throw new UsageError(`${folder} is no run folder`)
  const [program, ...args] = wordsOf(line)
  if (program === undefined) throw new UsageError('the command line is empty')
  checkProgram(program, folder)
  return await runKd(args, { ...process.env, [RUN_VARIABLE]: folder })
}

/** The debuggers are gone from C: when the run is over; where they were installed its journal says. */
function checkProgram(program: string, folder: string): void {
  const installed = debuggersFolderOf(folder)
  const { dir, base } = path.win32.parse(program)
  if (!/^kd(\.exe|\.cmd)?$/i.test(base)) {
    throw new UsageError(`'${program}' is not there: kd is the only program of the run, in ${installed}`)
  }
  // A bare name is found along the path of Windows.
  if (dir === '' || path.win32.normalize(dir).toLowerCase() === installed.toLowerCase()) return
  throw new UsageError(`'${program}' is not there: the test installs kd in ${installed}`)
}

function debuggersFolderOf(folder: string): string {
  const journal = path.join(folder, JOURNAL)
  if (!existsSync(journal)) return DEFAULT_DEBUGGERS
  const [first = ''] = onHost(`read ${journal}`, () => readFileSync(journal, 'utf8')).split('\n', 1)
  const event = Facts.parse(first, `${journal} line 1`)
  return debuggersFolder(event.object('options').optionalString('debuggersFolder') ?? DEFAULT_DEBUGGERS)
}
