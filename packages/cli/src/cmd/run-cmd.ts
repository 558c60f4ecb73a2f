// `dumpstack cmd DIR LINE`: a command line as the kit's page prints it, in the system of a run folder. C: is the run's; the
// one program that the test installs there is the debugger.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { JOURNAL, MAX_JOURNAL_BYTES } from '@dumpstack/run'
import { type GuardedFolder, runPlaceAt } from '@dumpstack/run/guarded'
import { Facts } from '@dumpstack/target'
import { DEFAULT_DEBUGGERS, debuggersFolder } from '../drive/kd-launchers.ts'
import { RUN_VARIABLE } from '../drive/run-drive.ts'
import { runKd } from '../kd/run-kd.ts'
import { UsageError } from '../program/usage-error.ts'
import { wordsOf } from './windows-command-line.ts'

export async function runCmd(folder: string, line: string): Promise<number> {
  const place = existsSync(folder) ? runPlaceAt(folder) : null
  if (place === null) throw new UsageError(`${folder} is no run folder`)
  const [program, ...args] = wordsOf(line)
  if (program === undefined) throw new UsageError('the command line is empty')
  checkProgram(program, place)
  return await runKd(args, { ...process.env, [RUN_VARIABLE]: folder })
}

/** The debuggers are gone from C: when the run is over; where they were installed its journal says. */
function checkProgram(program: string, folder: GuardedFolder): void {
  const installed = debuggersFolderOf(folder)
  const { dir, base } = path.win32.parse(program)
  if (!/^kd(\.exe|\.cmd)?$/i.test(base)) {
    throw new UsageError(`'${program}' is not there: kd is the only program of the run, in ${installed}`)
  }
  // A bare name is found along the path of Windows.
  if (dir === '' || path.win32.normalize(dir).toLowerCase() === installed.toLowerCase()) return
  throw new UsageError(`'${program}' is not there: the test installs kd in ${installed}`)
}

function debuggersFolderOf(folder: GuardedFolder): string {
  if (!folder.hasFile(JOURNAL)) return DEFAULT_DEBUGGERS
  const [first = ''] = folder.read(JOURNAL, MAX_JOURNAL_BYTES).toString('utf8').split('\n', 1)
  const event = Facts.parse(first, `${folder.pathOf(JOURNAL)} line 1`)
  return debuggersFolder(event.object('options').optionalString('debuggersFolder') ?? DEFAULT_DEBUGGERS)
}
