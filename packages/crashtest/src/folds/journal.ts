// The journal fold: one JSON object a line, everything but progress.
import type { TestEvent } from '../test-event.ts'
import { lineOfEvent } from './event-line.ts'

/** The line with its newline; null for events that are not journalled. */
export const journalLine = (event: TestEvent): string | null =>
  event.kind === 'progress' ? null : lineOfEvent(event)
