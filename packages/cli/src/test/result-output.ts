// What a test is asked to leave besides its run folder: the result as JSON on stdout, JUnit XML in a file, the events as lines of JSON.
// Both front ends of the test write it here, so that the same run gives the same.
import { JunitFold, type Sink, type TestResult } from '@dumpstack/crashtest'
import { readResult } from '@dumpstack/run/node'
import { checkDistinct, checkOutput, writeOutput } from '../files/output-file.ts'
import { UsageError } from '../program/usage-error.ts'
import { shellWord } from '../terminal/shell-word.ts'
import { printJson } from '../terminal/terminal.ts'
import { EventOutput, messageOf, STDOUT } from './event-output.ts'
import type { SessionEnd } from './session.ts'
import type { TestOutput } from './test-options.ts'

/** How a front end writes its options. */
type Dash = '-' | '--'

/** Whether stdout belongs to the output: then what people read goes beside it. */
export const takesStdout = ({ json, events }: TestOutput): boolean => json || events === STDOUT

/** Throws UsageError for outputs that exclude each other, and as checkOutput does. */
export function checkTestOutput(
  { json, junit, events }: TestOutput,
  dash: Dash,
  reads: readonly (string | null)[] = [],
  nextRun: string | null = null,
): void {
  if (json && events === STDOUT)
    throw new UsageError(
      `${dash}json and ${dash}events ${STDOUT} both write to stdout: give one of them a file`,
    )
  const eventsFile = events === STDOUT ? null : events
  if (junit !== null) checkOutput(`${dash}junit`, 'junit', junit, reads, nextRun)
  if (eventsFile !== null) checkOutput(`${dash}events`, 'events', eventsFile, reads, nextRun)
  checkDistinct([
    [`${dash}junit`, junit],
    [`${dash}events`, eventsFile],
  ])
}

/** The result of a finished run, printed where JSON is asked for. Throws UsageError for an output that only a running test can give. */
export function sayResultAgain(
  { json, junit, events }: TestOutput,
  dash: Dash,
  what: string,
  folder: string,
): TestResult {
  const asked = junit !== null ? `${dash}junit ${junit}` : events !== null ? `${dash}events ${events}` : null
  if (asked !== null) throw new UsageError(`${asked}: ${what} in ${folder} has finished already`)
  const result = readResult(folder)
  if (json) printJson(result)
  return result
}

/** The options, for a command that goes on with the run. */
export function outputWords({ json, junit, events }: TestOutput, dash: Dash): string[] {
  const words: string[] = []
  if (json) words.push(`${dash}json`)
  if (junit !== null) words.push(`${dash}junit`, shellWord(junit))
  if (events !== null) words.push(`${dash}events`, events === STDOUT ? STDOUT : shellWord(events))
  return words
}

export class ResultOutput {
  readonly #output: TestOutput
  readonly #junitFold = new JunitFold()
  readonly #events: EventOutput | null

  constructor(output: TestOutput) {
    this.#output = output
    this.#events = output.events === null ? null : new EventOutput(output.events)
  }

  /** What follows belongs to this variant of a scenario, where no event says so. */
  startVariant(variant: string | null): void {
    this.#junitFold.startVariant(variant)
  }

  get sinks(): readonly Sink[] {
    const { sink } = this.#junitFold
    return this.#events === null ? [sink] : [sink, this.#events.sink]
  }

  /** Writes no result where the session has none: the run goes on, or had not begun. */
  write(end: SessionEnd): void {
    this.#events?.end(end)
    if (end.ended === 'crashed' || end.ended === 'restarting' || end.result === null) return
    const { json, junit } = this.#output
    if (json) printJson(end.result)
    if (junit === null) return
    const brokenOff = end.ended === 'finished' ? null : messageOf(end.error)
    writeOutput(junit, this.#junitFold.xml(brokenOff))
  }
}
