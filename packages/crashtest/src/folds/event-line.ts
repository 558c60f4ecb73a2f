// The stream of events as a program reads it: each event as a line of JSON, progress included, and a last line that tells the result.
import { bigintAsHex, printableJson } from '@dumpstack/bytes'
import { about, byKind, named, nullable, oneOf, type Static, text } from '@dumpstack/target'
import { eventKinds, eventPlace, type TestEvent } from '../test-event.ts'
import { testResult } from './result-schema.ts'

export const EVENT_SCHEMA = 'docs/schema/test-event.schema.json'

/** How one process of a run ended. */
const RUN_ENDS = ['finished', 'crashed', 'restarting', 'stopped', 'brokenOff'] as const

const lastKinds = {
  result: {
    ended: about(
      'finished: the run is over; crashed, restarting: the system is off, and the next process goes on; stopped: it can be resumed; brokenOff: it cannot.',
      oneOf(RUN_ENDS),
    ),
    error: about('Why it was stopped or broke off; null where it did not.', nullable(text)),
    result: nullable(
      named('result', testResult),
      'What the run has come to, as --json has it; null where it goes on, or nothing had begun.',
    ),
  },
}

export const eventLine = byKind(eventPlace, { ...eventKinds, ...lastKinds })
type LastLine = Static<ReturnType<typeof byKind<typeof eventPlace, typeof lastKinds>>>

/** With its newline. */
export const lineOfEvent = (event: TestEvent | LastLine): string =>
  `${printableJson(JSON.stringify(event, bigintAsHex))}\n`
