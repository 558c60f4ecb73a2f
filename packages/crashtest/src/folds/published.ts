// The files of docs/schema that come from descriptions here. `npm run docs` writes them.

import { document } from '@dumpstack/target'
import { EVENT_SCHEMA, eventLine } from './event-line.ts'
import { RESULT_SCHEMA, testResult } from './result-schema.ts'

export const publishedSchemas = [
  document(
    RESULT_SCHEMA,
    'Result of dumpstack test and dumpstack examine',
    'Addresses, bugcheck codes and file offsets are hex strings; counts and sizes are numbers; times (at) are milliseconds since 1970 on the clock of the system under test.',
    testResult,
  ),
  document(
    EVENT_SCHEMA,
    'A line of dumpstack test --events',
    'An event of the test, or the last line, which tells the result. 64-bit values are hex strings; times (at) are milliseconds since 1970 on the clock of the system under test.',
    eventLine,
  ),
]
