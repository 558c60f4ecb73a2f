// The journal fold: one JSON object a line, everything but progress.
import { printableJson } from '@dumpstack/bytes'
import { bigintAsHex } from '@dumpstack/target'
import type { TestEvent } from '../test-event.ts'

/** The line with its newline; null for events that are not journalled. */
export function journalLine(event: TestEvent): string | null {
  return event.kind === 'progress' ? null : `${printableJson(JSON.stringify(event, bigintAsHex))}\n`
}
