// The one place that writes to stdout and stderr. Every text from a file is made printable here: lines,
// JSON and errors. Escape sequences are of ours alone, on a terminal that obeys them (TERM is not dumb), colours never with NO_COLOR.
import { writeSync } from 'node:fs'
import path from 'node:path'
import { printable, printableJson, printableLines } from '@dumpstack/bytes'
import type { ScreenColors, ScreenOptions } from '@dumpstack/crashtest'
import picocolors from 'picocolors'
import { type Line, lineText } from './painted.ts'

/** Whether `stream` can be told to go back in a line. */
const isScreen = (stream: NodeJS.WriteStream): boolean =>
  stream.isTTY === true && process.env['TERM'] !== 'dumb'

function colorsFor(stream: NodeJS.WriteStream): ScreenColors {
  const noColor = process.env['NO_COLOR'] ?? ''
  return picocolors.createColors(isScreen(stream) && noColor === '')
}

export function printLines(lines: Iterable<Line>): void {
  const colors = colorsFor(process.stdout)
  let text = ''
  for (const line of lines) text += `${lineText(line, colors)}\n`
  process.stdout.write(text)
}

/** Text with line feeds of ours: help, what a debugger says. */
export const printText = (text: string): void => void process.stdout.write(printableLines(text))

export const printJson = (value: unknown): void =>
  void process.stdout.write(`${printableJson(JSON.stringify(value, null, 2))}\n`)

/** One line of JSON, as JSON.stringify makes it. */
export const printJsonLine = (json: string): void => void process.stdout.write(`${printableJson(json)}\n`)

/** One line for people, beside what the command prints. */
export const tell = (text: string): void => void process.stderr.write(`${printable(text)}\n`)

/** Text with line feeds of ours, on stderr. */
export const tellText = (text: string): void => void process.stderr.write(printableLines(text))

const WRITE_CHARACTERS = 0x10000

/** Lines for stdout, in pieces that wait for their reader: there may be millions. */
export class LineOutput {
  readonly #colors = colorsFor(process.stdout)
  #text = ''
  isClosed = false

  get isFull(): boolean {
    return this.#text.length >= WRITE_CHARACTERS
  }

  line(line: Line): void {
    this.#text += `${lineText(line, this.#colors)}\n`
  }

  json(value: unknown, indent?: number): void {
    this.#text += `${printableJson(JSON.stringify(value, null, indent))}\n`
  }

  /** main lets a closed pipe pass; what is to come need not be made. */
  async drain(): Promise<void> {
    const text = this.#text
    this.#text = ''
    if (text === '') return
    await new Promise<void>((resolve) => {
      process.stdout.write(text, (error) => {
        if (error) this.isClosed = true
        resolve()
      })
    })
  }
}

const STDERR = 2

/** How far work is, in the last line of the terminal on stderr; nothing where there is none. */
export class ProgressLine {
  readonly #isShown = isScreen(process.stderr)

  show(text: string): void {
    this.#put(`\r\x1b[K${printable(text)}`)
  }

  clear(): void {
    this.#put('\r\x1b[K')
  }

  /** At once: the streams of a thread show nothing before its next turn. */
  #put(text: string): void {
    if (!this.#isShown) return
    try {
      writeSync(STDERR, text)
    } catch {
      // the terminal takes nothing now
    }
  }
}

/** With --json stdout holds the result alone; a person at a terminal sees the lines all the same, on stderr. */
const streamBeside = (json: boolean): NodeJS.WriteStream => (json ? process.stderr : process.stdout)

/** Writes a line beside the result; nothing where --json leaves stderr quiet. */
export function sayBeside(json: boolean): (line: string) => void {
  const stream = streamBeside(json)
  return json && stream.isTTY !== true ? () => {} : (line) => void stream.write(`${printable(line)}\n`)
}

/** Lines are not broken narrower than this. */
const MIN_COLUMNS = 40
const DEFAULT_COLUMNS = 80

const columnsOf = (stream: NodeJS.WriteStream): number =>
  Math.max(MIN_COLUMNS, stream.columns ?? DEFAULT_COLUMNS)

/** What a screen beside the result is told, and how wide it is; null where --json leaves stderr quiet. */
export function screenBeside(json: boolean): {
  readonly write: (text: string) => void
  readonly options: ScreenOptions
} | null {
  const stream = streamBeside(json)
  if (json && stream.isTTY !== true) return null
  const options = {
    isTerminal: isScreen(stream),
    columns: columnsOf(stream),
    colors: colorsFor(stream),
    shownPath,
  }
  return { write: (text) => void stream.write(text), options }
}

/** Relative where that is inside the current folder. */
export function shownPath(file: string): string {
  const relative = path.relative(process.cwd(), file)
  return relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative) ? relative : file
}
