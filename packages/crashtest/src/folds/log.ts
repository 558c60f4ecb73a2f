// The log fold, in the kit's form: (i) and (x) lines, stamped with the time of the system under test.
import { printable } from '@dumpstack/bytes'
import { messageLine } from '../messages.ts'
import type { DumpExamination, TestEvent, Verdict } from '../test-event.ts'
import { comparedText, dumpTitle, eventText, resumedText, stepTitle } from './words.ts'

/** The event's lines with their newlines; empty for events that the log does not show. */
export function logLines(event: TestEvent): string {
  return textsOf(event)
    .map((text) => `${stamp(event.at)} ${printable(text)}\n`)
    .join('')
}

/** `2024-01-01 00:00:12.345`, UTC. */
const stamp = (at: number): string => new Date(at).toISOString().replace('T', ' ').replace('Z', '')

const level = (verdict: Verdict): string => (verdict === 'pass' ? '(i)' : '(x)')

const compared = ({ truth, differences }: DumpExamination): string =>
  truth === null ? '' : `, ${comparedText(truth, differences !== undefined)}`

function textsOf(event: TestEvent): string[] {
  switch (event.kind) {
    case 'run': {
      const { target } = event
      const variant = event.variant === null ? '' : `, ${event.variant}`
      return [
        `(i) Crashdump Support Test on ${target.profile}, controller ${target.controller}, seed ${event.seed}${variant}`,
      ]
    }
    case 'resumed':
      return [`(i) ${resumedText(event.discarded)}`]
    case 'begin':
      return [`(i) Begin: ${stepTitle(event.step)}${dumpTitle(event.dump)}`]
    case 'end':
      return [
        `${level(event.verdict)} End: ${stepTitle(event.step)}${dumpTitle(event.dump)}: ${event.verdict}`,
      ]
    case 'message':
      return [messageLine(event)]
    case 'crashed':
      return event.report.screen.map((line) => `(i) Screen: ${line}`)
    case 'systemEvents':
      return event.events.map((entry) => `(i) ${eventText(entry)}`)
    case 'examined':
      return [
        `${level(event.examination.verdict)} ${event.dump} dump: ${event.examination.verdict}${compared(event.examination)}`,
      ]
    case 'finding':
    case 'progress':
      return []
  }
}
