// A file that a command is to write, by an option that names it. It takes the place of an earlier output of the same kind or of an
// empty file, and of nothing else: not of what the command reads, not of a file of a run, and not through a link.
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readSync,
  type Stats,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { onHost, runOfFile } from '@dumpstack/run/guarded'
import { UsageError } from '../program/usage-error.ts'
import { isSameFile } from './same-file.ts'

/** How each kind of output begins, by bytes. */
export const OUTPUT_BEGINS = {
  junit: /^<\?xml [^>]*>\s*<testsuites name="(?:Crashdump Support Test|dumpstack check)" /,
  sarif: /^\{\s*"\$schema": "[^"]*sarif[^"]*",[\s\S]*"name": "dumpstack"/,
  events: /^\{"seq":\d+,"at":\d+,"kind":"/,
  report:
    /^<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="generator" content="dumpstack">/,
  /** A dump whose comment, at 0xfb0 of its header, is that of windows/system/second-crash.ts. */
  secondCrash: /^PAGEDU64[\s\S]{4008}dumpstack second crash: /,
} as const
export type OutputKind = keyof typeof OUTPUT_BEGINS

const MAX_BEGIN_BYTES = 0x1030
/** To follow no link and to wait for no reader; Windows has none of these flags, and no entry that they are for. */
export const GUARD = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)

/**
 * Throws UsageError for what an output may not take the place of, a host error for what cannot be written. `option` is as it was
 * typed, `nextRun` the folder in which the command begins a run.
 */
export function checkOutput(
  option: string,
  kind: OutputKind,
  file: string,
  reads: readonly (string | null)[] = [],
  nextRun: string | null = null,
): void {
  const refuse = (what: string): never => {
    throw new UsageError(`${option} ${file} ${what}`)
  }
  const own = reads.find((read) => read !== null && isSameFile(file, read))
  if (own !== undefined) refuse(`would overwrite ${own}, which is read`)
  const run = runOfFile(file, nextRun)
  if (run !== null) refuse(`is a file of the run in ${run}: choose another`)
  const found = lstatSync(file, { throwIfNoEntry: false })
  const obstacle = found === undefined ? null : obstacleOf(found)
  if (obstacle !== null) refuse(obstacle)
  onHost(`write ${file}`, () =>
    accessSync(found === undefined ? path.dirname(path.resolve(file)) : file, constants.W_OK),
  )
  if (found?.isFile() && found.size > 0 && !OUTPUT_BEGINS[kind].test(beginOf(file)))
    refuse('is there already, and is no earlier output of this option: choose another file, or remove it')
}

/** Throws UsageError where two outputs, each an option with its file, would write one file. */
export function checkDistinct(outputs: readonly (readonly [option: string, file: string | null])[]): void {
  const given = outputs.filter((output): output is [string, string] => output[1] !== null)
  for (const [index, [option, file]] of given.entries()) {
    const other = given.slice(0, index).find((one) => isOnePlace(one[1], file))
    if (other !== undefined)
      throw new UsageError(`${other[0]} and ${option} both write ${file}: give each a file of its own`)
  }
}

const isOnePlace = (one: string, other: string): boolean =>
  path.resolve(one) === path.resolve(other) || isSameFile(one, other)

/** Why an entry of the file system must not be written to; null for a file with one name, and for a device. */
export function obstacleOf(found: Stats): string | null {
  if (found.isDirectory()) return 'is a folder, expected a file'
  if (found.isSymbolicLink()) return 'is a link: name the file itself'
  if (found.isFile()) return found.nlink > 1 ? 'has a second name, a hard link: choose another file' : null
  return found.isCharacterDevice() ? null : 'is a pipe or another special file, expected a file'
}

function beginOf(file: string): string {
  return onHost(`read ${file}`, () => {
    const handle = openSync(file, constants.O_RDONLY | GUARD)
    try {
      const bytes = Buffer.alloc(MAX_BEGIN_BYTES)
      return bytes.toString('latin1', 0, readSync(handle, bytes, 0, MAX_BEGIN_BYTES, 0))
    } finally {
      closeSync(handle)
    }
  })
}

/** Opens what checkOutput has passed, and empties it. Looks again: time has gone by since. */
export function openOutput(file: string): number {
  const handle = openSync(file, constants.O_WRONLY | constants.O_CREAT | GUARD, 0o666)
  try {
    const found = fstatSync(handle)
    const obstacle = obstacleOf(found)
    if (obstacle !== null) throw new UsageError(`cannot write ${file}: it ${obstacle}`)
    if (found.isFile()) ftruncateSync(handle, 0)
    return handle
  } catch (error) {
    closeSync(handle)
    throw error
  }
}

export function writeOutput(file: string, text: string): void {
  onHost(`write ${file}`, () => {
    const handle = openOutput(file)
    try {
      writeFileSync(handle, text)
    } finally {
      closeSync(handle)
    }
  })
}
