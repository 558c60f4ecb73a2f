// A journal read back, as the events that it was written from: what a resumed run shows and counts of its first part.
import { Facts } from '@dumpstack/target'
import { type TestEvent, testEvent } from '../test-event.ts'

/** The inverse of journalLine; `place` names the line. Throws TargetError RUN_FOLDER_CORRUPT. */
export const eventOfLine = (line: string, place: string): TestEvent => testEvent.of(Facts.parse(line, place))
