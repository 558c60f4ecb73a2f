// What the journal holds comes back whole; a line that is no event is refused by name.
import { Facts, type TargetDescription, TargetError } from '@dumpstack/target'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type ReportedCrash, type TestEvent, testEvent } from '../test-event.ts'
import { journalLine } from './journal.ts'
import { sampleEvents } from './sample-events.test-support.ts'

const events: TestEvent[] = sampleEvents().filter(({ kind }) => kind !== 'progress')
const run = events.find((event) => event.kind === 'run')!
const crashed = events.find((event) => event.kind === 'crashed')!
const target: TargetDescription = {
  ...run.target,
  driver: {
    fileName: 'viostor.sys',
    sha256: '00ff'.repeat(16),
    byteLength: 123456,
    executed: true,
    pdb: { name: 'viostor.pdb', identity: '0A1', found: true },
  },
}
const report: ReportedCrash = {
  ...crashed.report,
  failure: 'a call is not modelled',
  notJudged: 'UNKNOWN_IMPORT',
  violations: [
    {
      severity: 'fail',
      rule: 'DM-08',
      count: 1,
      call: 'ZwOpenKey',
      message: 'called at HIGH_LEVEL',
      driver: 'dump_viostor.sys',
      address: '0xfffff80412345678',
      offset: '0x1ce9',
      irql: 'HIGH_LEVEL',
      atNs: 12,
      arguments: ['0x1', '0x2'],
      stack: ['dump_viostor!a+0x1'],
      repro: 'dumpstack test',
    },
  ],
}
events.push(
  { ...run, target },
  { ...crashed, report },
  { seq: 98, at: 1, kind: 'resumed', discarded: 3 },
  {
    seq: 99,
    at: 2,
    kind: 'finding',
    finding: {
      check: 'truth',
      verdict: 'fail',
      message: 'm',
      pfn: 1,
      fileOffset: 2,
      found: '0x1',
      expected: '0x2',
    },
  },
)
const lines = events.map((event) => journalLine(event)!)
const eventOfLine = (line: string, place: string): TestEvent => testEvent.of(Facts.parse(line, place))

it('gives back each event as it was, 64-bit values included', () => {
  expect(new Set(events.map(({ kind }) => kind)).size).toBe(9)
  for (const [index, line] of lines.entries()) {
    expect(eventOfLine(line, 'line')).toEqual(events[index])
    expect(JSON.parse(journalLine(eventOfLine(line, 'line'))!)).toEqual(JSON.parse(line))
  }
})

it('refuses a line that is no event by place, field and kind', () => {
  expect(() => eventOfLine('{"seq":1,"at":2,"kind":"party"}', 'journal.jsonl line 3')).toThrow(
    'journal.jsonl line 3: kind is party, expected one of run, resumed, begin',
  )
  expect(() => eventOfLine('{"seq":1.5,"at":2,"kind":"end"}', 'line')).toThrow('seq is 1.5')
  expect(() =>
    eventOfLine(lines.find((line) => line.includes('DM-08'))!.replace('DM-08', 'DM-99'), 'line'),
  ).toThrow('rule is DM-99, expected a rule of dump mode')
  fc.assert(
    fc.property(fc.constantFrom(...lines), fc.nat(), fc.string({ maxLength: 3 }), (line, place, text) => {
      const at = place % line.length
      try {
        eventOfLine(line.slice(0, at) + text + line.slice(at + text.length), 'line')
      } catch (error) {
        expect(error, String(error)).toBeInstanceOf(TargetError)
      }
    }),
    { numRuns: 2000 },
  )
})
