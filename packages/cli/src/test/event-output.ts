// The events of a test as they happen, for programs: a line of JSON each, to a file or to stdout. docs/events.md.
import { writeFileSync } from 'node:fs'
import { isSystemError } from '@dumpstack/bytes/node'
import { lineOfEvent, type Sink } from '@dumpstack/crashtest'
import { onHost } from '@dumpstack/run/node'
import { openOutput } from '../files/output-file.ts'
import { printText } from '../terminal/terminal.ts'
import type { SessionEnd } from './session.ts'

/** In place of a file. */
export const STDOUT = '-'

export class EventOutput {
  readonly #place: string
  #fd: number | null = null
  /** The reader closed the pipe, or a write failed. */
  #isOver = false
  #next = { seq: 0, at: 0 }

  /** The file is made with the first line, in the place of one that is there. */
  constructor(place: string) {
    this.#place = place
  }

  readonly sink: Sink = (event) => {
    this.#next = { seq: event.seq + 1, at: event.at }
    this.#write(lineOfEvent(event))
  }

  /** The last line, which tells the result. */
  end(end: SessionEnd): void {
    const { ended } = end
    const error = ended === 'stopped' || ended === 'brokenOff' ? messageOf(end.error) : null
    const result = 'result' in end ? end.result : null
    this.#write(lineOfEvent({ ...this.#next, kind: 'result', ended, error, result }))
  }

  /** Each line is handed over whole before the test goes on. */
  #write(line: string): void {
    if (this.#isOver) return
    if (this.#place === STDOUT) {
      printText(line)
      return
    }
    try {
      onHost(`write ${this.#place}`, () => {
        this.#fd ??= openOutput(this.#place)
        writeFileSync(this.#fd, line)
      })
    } catch (error) {
      this.#isOver = true
      const cause = error instanceof Error ? error.cause : null
      if (!isSystemError(cause) || cause.code !== 'EPIPE') throw error
    }
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
