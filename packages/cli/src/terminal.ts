// Where text goes: colours only on a terminal and never with NO_COLOR.
import path from 'node:path'
import { type ScreenColors, ScreenFold } from '@dumpstack/crashtest'
import picocolors from 'picocolors'

export function colorsFor(stream: NodeJS.WriteStream): ScreenColors {
  const noColor = process.env['NO_COLOR'] ?? ''
  return picocolors.createColors(stream.isTTY === true && noColor === '' && process.env['TERM'] !== 'dumb')
}

/** Lines are not broken narrower than this. */
const NARROWEST = 40
const DEFAULT_COLUMNS = 80

const columnsOf = (stream: NodeJS.WriteStream): number =>
  Math.max(NARROWEST, stream.columns ?? DEFAULT_COLUMNS)

/** The screen on `stream`; null where `always` is false and nobody watches: --json leaves stderr quiet then. */
export function screenOn(stream: NodeJS.WriteStream, always: boolean): ScreenFold | null {
  const isTerminal = stream.isTTY === true
  if (!always && !isTerminal) return null
  return new ScreenFold((text) => stream.write(text), {
    isTerminal,
    columns: columnsOf(stream),
    colors: colorsFor(stream),
    shownPath,
  })
}

/** Relative where that is inside the current folder. */
export function shownPath(file: string): string {
  const relative = path.relative(process.cwd(), file)
  return relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative) ? relative : file
}
