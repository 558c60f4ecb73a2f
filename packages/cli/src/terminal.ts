// Where text goes: colours only on a terminal and never with NO_COLOR; a reader that has gone away ends nothing.
import path from 'node:path'
import { type ScreenColors, ScreenFold } from '@dumpstack/crashtest'
import picocolors from 'picocolors'

const CLOSED_PIPE = 'EPIPE'

/**
 * `dumpstack ... | head` must not change what a run does: what nobody reads any more is dropped. Any other failure of
 * stdout (a full disk) goes to `report`, once; the run goes on to its end, so that it cleans up.
 */
export function surviveClosedPipes(report: (error: NodeJS.ErrnoException) => void): void {
  let reported = false
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === CLOSED_PIPE || reported) return
      reported = true
      if (stream === process.stdout) report(error)
    })
  }
}

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
