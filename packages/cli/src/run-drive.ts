// C: of the system under test, for programs of this host: `c:\Windows\MEMORY.DMP` leads into a run folder. What the test has
// examined it moved out of C: (full/MEMORY.DMP, mini/010124-20992-01.dmp); there such a path still finds it.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { DUMP_TYPES } from '@dumpstack/crashtest/target'
import { JOURNAL, TRUTH_JSON } from '@dumpstack/run'
import type { WindowsRoot } from '@dumpstack/symbols'
import { hostPath } from '@dumpstack/symbols/node'
import { UsageError } from './usage-error.ts'

/** Names the run folder to a program that was not started in it. */
export const RUN_VARIABLE = 'DUMPSTACK_RUN'

/** Null where neither the environment nor the current folder is one. Throws UsageError where the environment's is none. */
export function runFolderHere(environment: NodeJS.ProcessEnv): string | null {
  const named = environment[RUN_VARIABLE] ?? ''
  if (named === '') return isRunFolder('.') ? path.resolve('.') : null
  if (isRunFolder(named)) return path.resolve(named)
  throw new UsageError(`${RUN_VARIABLE} is ${named}, which is no run folder`)
}

/** One of a scenario's variants, too; its journal lies above it. */
export const isRunFolder = (folder: string): boolean =>
  existsSync(path.join(folder, JOURNAL)) || existsSync(path.join(folder, 'C')) || keptIn(folder).length > 0

export const windowsRootsOf = (runFolder: string | null): WindowsRoot[] =>
  runFolder === null ? [] : [{ root: 'C:', folder: path.join(runFolder, 'C') }]

/** Where the host has the dump that a command line names; a name that leads nowhere stays as it is. */
export function dumpOnHost(file: string, runFolder: string | null): string {
  const found = hostPath(file, windowsRootsOf(runFolder))
  if (found !== null && existsSync(found)) return found
  return (runFolder === null ? null : newestKept(file, runFolder)) ?? found ?? file
}

/** Of the dumps that Windows had under that path, the last one. */
function newestKept(windowsPath: string, runFolder: string): string | null {
  const wanted = path.win32.normalize(windowsPath).toLowerCase()
  const below = readdirSync(runFolder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const kept = [runFolder, ...below.map(({ name }) => path.join(runFolder, name))]
    .flatMap(keptIn)
    .filter((dump) => path.win32.normalize(dump.windowsPath).toLowerCase() === wanted)
  return kept.sort((a, b) => b.modifiedAt - a.modifiedAt)[0]?.file ?? null
}

interface KeptFile {
  readonly windowsPath: string
  readonly modifiedAt: number
  readonly file: string
}

function keptIn(folder: string): KeptFile[] {
  return DUMP_TYPES.flatMap((type) => {
    const truth = path.join(folder, type, TRUTH_JSON)
    if (!existsSync(truth)) return []
    const kept: unknown = parsed(readFileSync(truth, 'utf8'))
    if (typeof kept !== 'object' || kept === null || !('path' in kept) || typeof kept.path !== 'string')
      return []
    const file = path.join(folder, type, path.win32.basename(kept.path))
    if (!/\.dmp$/i.test(file) || !existsSync(file)) return []
    return [{ windowsPath: kept.path, modifiedAt: statSync(file).mtimeMs, file }]
  })
}

/** Null for what is no JSON: a damaged truth is for `examine` to say. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
