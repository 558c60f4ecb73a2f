// A file that a command is to write: what stands against it is said before the work begins, and never is it what the command reads.
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { onHost, runOfFile } from '@dumpstack/run/guarded'
import { UsageError } from '../program/usage-error.ts'
import { isSameFile } from './same-file.ts'

/**
 * Throws UsageError for a folder, one of the files in `reads` or a file of a run, a host error for what cannot be written.
 * `nextRun`: the folder in which the command begins one.
 */
export function checkOutput(
  option: string,
  file: string,
  reads: readonly (string | null)[] = [],
  nextRun: string | null = null,
): void {
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`${option} ${file} is a folder, expected a file`)
  const own = reads.find((read) => read !== null && isSameFile(file, read))
  if (own !== undefined) throw new UsageError(`${option} ${file} would overwrite ${own}, which is read`)
  const run = runOfFile(file, nextRun)
  if (run !== null) throw new UsageError(`${option} ${file} is a file of the run in ${run}: choose another`)
  onHost(`write ${file}`, () =>
    accessSync(existsSync(file) ? file : path.dirname(path.resolve(file)), constants.W_OK),
  )
}
