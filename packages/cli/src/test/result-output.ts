// What a test is asked to leave besides its run folder: the result as JSON on stdout, JUnit XML in a file. Both front ends
// of the test write it here, so that the same run gives the same.
import { writeFileSync } from 'node:fs'
import { JunitFold, type Sink } from '@dumpstack/crashtest'
import { onHost } from '@dumpstack/run/node'
import { printJson } from '../terminal/terminal.ts'
import type { SessionEnd } from './session.ts'

export interface TestOutput {
  readonly json: boolean
  /** File for the JUnit XML. */
  readonly junit: string | null
}

export class ResultOutput {
  readonly #output: TestOutput
  readonly #junitFold = new JunitFold()

  constructor(output: TestOutput) {
    this.#output = output
  }

  get sink(): Sink {
    return this.#junitFold.sink
  }

  /** Writes nothing where the session has no result: the run goes on, or had not begun. */
  write(end: SessionEnd): void {
    if (end.ended === 'crashed' || end.ended === 'restarting' || end.result === null) return
    const { json, junit } = this.#output
    if (json) printJson(end.result)
    if (junit === null) return
    const brokenOff = end.ended === 'finished' ? null : messageOf(end.error)
    onHost(`write ${junit}`, () => writeFileSync(junit, this.#junitFold.xml(brokenOff)))
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
