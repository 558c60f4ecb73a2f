// What the test installs as the debuggers of the system: kd for the shells of this host, told in which run it stands. Their
// length does not depend on where node and we lie: the files of C: take the same place on the disk everywhere.
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseWindowsPath } from '@dumpstack/symbols'
import type { InstalledFile } from '@dumpstack/windows'
import { UsageError } from '../program/usage-error.ts'
import { inSingleQuotes } from '../terminal/shell-word.ts'
import { RUN_VARIABLE } from './run-drive.ts'

export const DEFAULT_DEBUGGERS = 'C:\\Debuggers'
/** One cluster. */
const LAUNCHER_BYTES = 4096
const KD = fileURLToPath(new URL('../../bin/kd.js', import.meta.url))

export function kdLaunchers(folder: string): InstalledFile[] {
  const depth = (parseWindowsPath(folder)?.names.length ?? 0) + 1
  return [
    { path: `${folder}\\kd`, bytes: padded(shellScript(depth)), isProgram: true },
    { path: `${folder}\\kd.cmd`, bytes: padded(batchFile(depth)), isProgram: true },
  ]
}

/** A folder of C:, below its root. Throws UsageError. */
export function debuggersFolder(text: string): string {
  const parsed = parseWindowsPath(text)
  if (
    parsed?.root !== 'c:' ||
    parsed.names.length === 0 ||
    parsed.names.some((name) => /[<>:"|?*%]/.test(name))
  ) {
    throw new UsageError(
      `debuggers folder ${text} is no folder of C:, expected one such as ${DEFAULT_DEBUGGERS}`,
    )
  }
  return `C:\\${parsed.names.join('\\')}`
}

function shellScript(depth: number): string {
  return [
    '#!/bin/sh',
    '# kd, on the system of this run.',
    `${RUN_VARIABLE}=$(CDPATH= cd -- "$(dirname -- "$0")/${up(depth, '/')}" && pwd) || exit 4`,
    `export ${RUN_VARIABLE}`,
    `exec ${inSingleQuotes(process.execPath)} ${inSingleQuotes(KD)} "$@"`,
    '# ',
  ].join('\n')
}

function batchFile(depth: number): string {
  const quoted = (text: string) => `"${text.replaceAll('%', '%%')}"`
  return [
    '@echo off',
    'rem kd, on the system of this run.',
    'setlocal',
    `for %%I in ("%~dp0${up(depth, '\\')}") do set "${RUN_VARIABLE}=%%~fI"`,
    `${quoted(process.execPath)} ${quoted(KD)} %*`,
    'exit /b %errorlevel%',
    'rem ',
  ].join('\r\n')
}

const up = (depth: number, separator: string): string =>
  Array.from({ length: depth }, () => '..').join(separator)

/** The last line of each is a comment, and so is what fills it up. */
function padded(text: string): Uint8Array {
  const bytes = Buffer.from(text)
  if (bytes.byteLength >= LAUNCHER_BYTES) {
    throw new UsageError(`kd cannot be installed: the paths of node and of ${path.basename(KD)} are too long`)
  }
  return new Uint8Array(
    Buffer.concat([bytes, Buffer.alloc(LAUNCHER_BYTES - bytes.byteLength - 1, '.'), Buffer.from('\n')]),
  )
}
