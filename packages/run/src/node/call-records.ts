// Where a run folder keeps the calls of a driver file: one record for each start of the system, beside what the start left.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { type DumpType, Facts } from '@dumpstack/crashtest'
import { RunError } from '../errors.ts'
import { JOURNAL } from '../index.ts'
import { onHost } from './host-error.ts'
import { readRunRecord } from './run-record.ts'

/** In the folder of a dump type: the start that ended in its crash. In the folder of the run: the last start. */
export const CALLS = 'calls.bin'
/** The starts before the restart that precedes the first crash: calls-setup.bin, calls-setup-2.bin, ... */
export const callsOfSetup = (number: number): string =>
  number === 1 ? 'calls-setup.bin' : `calls-setup-${number}.bin`
const isCallsOfSetup = (name: string): boolean => /^calls-setup(-\d{1,4})?\.bin$/.test(name)
/** In the folder of a run or a variant. */
export const isCallRecord = (name: string): boolean => name === CALLS || isCallsOfSetup(name)

export interface CallRecordFile {
  /** A scenario's variant; null where it has one. */
  readonly variant: string | null
  /** What the start came to. */
  readonly start: 'setup' | DumpType | 'last'
  readonly file: string
}

/** In the order of the starts. Throws RunError RUN_FOLDER_NOT_A_RUN, RUN_FOLDER_NO_CALLS, HOST_IO, RUN_FOLDER_CORRUPT. */
export function callRecordsOf(folder: string): CallRecordFile[] {
  onHost(`read ${folder}`, () => statSync(folder))
  const journal = path.join(folder, JOURNAL)
  if (!existsSync(journal)) {
    // A driver that did not start: the run ended before it began.
    const file = path.join(folder, CALLS)
    if (existsSync(file)) return [{ variant: null, start: 'last', file }]
    throw new RunError('RUN_FOLDER_NOT_A_RUN', `folder ${folder} holds no run: ${JOURNAL} is not there`)
  }
  const dumps = readRunRecord(journal)
  const found: CallRecordFile[] = []
  for (const variant of new Set(dumps.map((dump) => dump.variant))) {
    const place = path.join(folder, variant ?? '')
    const add = (start: CallRecordFile['start'], ...names: string[]): void => {
      const file = path.join(place, ...names)
      if (existsSync(file)) found.push({ variant, start, file })
    }
    const setup = existsSync(place) ? readdirSync(place).filter(isCallsOfSetup) : []
    for (let number = 1; number <= setup.length; number++) add('setup', callsOfSetup(number))
    for (const { type } of dumps.filter((dump) => dump.variant === variant)) add(type, type, CALLS)
    add('last', CALLS)
  }
  if (found.length > 0) return found
  throw new RunError(
    'RUN_FOLDER_NO_CALLS',
    hasDriver(journal)
      ? `the run in ${folder} has no record of calls (${CALLS}): it ended before the driver was called, or an older version made it`
      : `the run in ${folder} was made without a driver file: only the calls of one are recorded (dumpstack test --driver FILE.sys)`,
  )
}

function hasDriver(journal: string): boolean {
  const lines = onHost(`read ${journal}`, () => readFileSync(journal, 'utf8'))
    .split('\n')
    .slice(0, -1)
  return lines.some((line, index) => {
    const event = Facts.parse(line, `${journal} line ${index + 1}`)
    return event.string('kind') === 'run' && event.object('target').optional('driver') !== null
  })
}
