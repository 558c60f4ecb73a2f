// C: of the system under test, for programs of this host: `c:\Windows\MEMORY.DMP` leads into a run folder. What the test has
// examined it moved out of C: (full/MEMORY.DMP, mini/010124-20992-01.dmp); there such a path still finds it.
import { existsSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { GuardedFolder, keptDumps, runPlaceAt } from '@dumpstack/run/guarded'
import type { WindowsRoot } from '@dumpstack/symbols'
import { hostPath } from '@dumpstack/symbols/node'
import { DUMP_TYPES } from '@dumpstack/target'
import { UsageError } from '../program/usage-error.ts'

/** Names the run folder to a program that was not started in it. */
export const RUN_VARIABLE = 'DUMPSTACK_RUN'

/** Null where neither the environment nor the current folder is one. Throws UsageError where the environment's is none. */
export function runFolderHere(environment: NodeJS.ProcessEnv): string | null {
  const named = environment[RUN_VARIABLE] ?? ''
  const place = named === '' || existsSync(named) ? runPlaceAt(named === '' ? '.' : named) : null
  if (place === null && named !== '')
    throw new UsageError(`${RUN_VARIABLE} is ${named}, which is no run folder`)
  return place?.path ?? null
}

export const windowsRootsOf = (runFolder: string | null): WindowsRoot[] =>
  runFolder === null || !existsSync(runFolder)
    ? []
    : [{ root: 'C:', folder: path.join(realpathSync(runFolder), 'C') }]

/** Where the host has the dump that a command line names; a name that leads nowhere stays as it is. */
export function dumpOnHost(file: string, runFolder: string | null): string {
  const found = hostPath(file, windowsRootsOf(runFolder))
  if (found !== null && existsSync(found)) return found
  return (runFolder === null ? null : newestKept(file, runFolder)) ?? found ?? file
}

/** The last of the dumps that Windows had under that path. */
function newestKept(windowsPath: string, runFolder: string): string | null {
  const wanted = path.win32.normalize(windowsPath).toLowerCase()
  const kept = keptDumps(new GuardedFolder(runFolder), DUMP_TYPES).filter(
    (dump) => path.win32.normalize(dump.windowsPath).toLowerCase() === wanted,
  )
  return kept.sort((a, b) => b.modifiedAt - a.modifiedAt)[0]?.file ?? null
}
