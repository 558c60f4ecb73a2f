// What is published and what is read are the same: a value is refused by the schema where its reader refuses it, and nowhere else.
import { Facts, TargetError } from '@dumpstack/target'
import { schemaViolations } from '@dumpstack/testkit'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { eventLine, lineOfEvent } from './event-line.ts'
import { publishedSchemas } from './published.ts'
import { ResultFold } from './result.ts'
import { testResult } from './result-schema.ts'
import { sampleEvents } from './sample-events.test-support.ts'

const fold = new ResultFold()
for (const event of sampleEvents()) fold.sink(event)
const result = fold.result('fail')
const [resultSchema, eventSchema] = publishedSchemas
const lastLine = { seq: 99, at: 1, kind: 'result', ended: 'finished', error: null, result } as const
const samples: (readonly [string, unknown, { of(facts: Facts): unknown }])[] = [
  [JSON.stringify(result), resultSchema, testResult],
  ...[...sampleEvents(), lastLine].map((event) => [lineOfEvent(event), eventSchema, eventLine] as const),
]

type Changed = Record<string, unknown> | unknown[]
const isChanged = (value: unknown): value is Changed => typeof value === 'object' && value !== null

/** Every object and list in a value, itself first. */
const placesIn = (value: Changed): Changed[] => [
  value,
  ...Object.values(value).filter(isChanged).flatMap(placesIn),
]

const anyValue = fc.constantFrom<unknown>(
  ...[
    undefined,
    null,
    true,
    0,
    -1,
    1.5,
    2 ** 53,
    9e15,
    '',
    'full',
    'fail',
    'bugcheck-0xd1',
    'DM-08',
    'DM-99',
  ],
  ...['0x1', '0xA', '0x', `0x1${'0'.repeat(16)}`, 'f'.repeat(64), [], {}, ['0x1'], { kind: 'run' }],
)

it('refuses by the schema what the reader refuses, and nothing else', () => {
  const seen = { refused: 0, read: 0 }
  fc.assert(
    fc.property(
      fc.constantFrom(...samples),
      fc.nat(),
      fc.nat(),
      fc.boolean(),
      anyValue,
      ([text, schema, reader], place, field, isNew, value) => {
        const changed: Changed = JSON.parse(text)
        const places = placesIn(changed)
        const at = places[place % places.length]!
        const names = Object.keys(at)
        const name =
          isNew || names.length === 0
            ? Array.isArray(at)
              ? at.length
              : 'more'
            : names[field % names.length]!
        Object.assign(at, { [name]: value })
        const json = JSON.stringify(changed)
        const violations = schemaViolations(schema, JSON.parse(json))
        let refusal: unknown = null
        try {
          reader.of(Facts.parse(json, 'line'))
        } catch (error) {
          expect(error).toBeInstanceOf(TargetError)
          refusal = error
        }
        seen[refusal === null ? 'read' : 'refused']++
        expect(violations.length > 0, `${json}\n${violations.join('\n')}\n${refusal}`).toBe(refusal !== null)
      },
    ),
    { numRuns: 3000 },
  )
  expect(Math.min(seen.read, seen.refused)).toBeGreaterThan(100)
})
