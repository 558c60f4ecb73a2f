// Where a run folder keeps the calls of a driver file: one record for each start of the system, beside what the start left.
import { type DumpType, Facts } from '@dumpstack/target'
import { RunError } from '../errors.ts'
import { JOURNAL } from '../index.ts'
import { MAX_JOURNAL_BYTES } from '../limits.ts'
import { inVariant } from '../variant-name.ts'
import type { GuardedFolder } from './guarded-folder.ts'
import { openRunToRead } from './run-owner.ts'
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
  /** Its bytes, in pieces. Throws RunError HOST_IO. */
  chunks(): Generator<Uint8Array>
}

const CHUNK_BYTES = 0x40000

/** In the order of the starts. Throws RunError RUN_FOLDER_NOT_A_RUN, RUN_FOLDER_NO_CALLS, RUN_FOLDER_*, HOST_IO. */
export function callRecordsOf(folder: string): CallRecordFile[] {
  const run = openRunToRead(folder)
  const found: CallRecordFile[] = []
  const add = (variant: string | null, start: CallRecordFile['start'], name: string): void => {
    const place = inVariant(variant, name)
    if (!run.hasFile(place)) return
    found.push({ variant, start, file: run.pathOf(place), chunks: () => run.chunks(place, CHUNK_BYTES) })
  }
  if (!run.hasFile(JOURNAL)) {
    // A driver that did not start: the run ended before it began.
    add(null, 'last', CALLS)
    if (found.length > 0) return found
  }
  const dumps = readRunRecord(run)
  for (const variant of new Set(dumps.map((dump) => dump.variant))) {
    const setups = run.names(variant ?? '').filter(isCallsOfSetup).length
    for (let number = 1; number <= setups; number++) add(variant, 'setup', callsOfSetup(number))
    for (const { type } of dumps.filter((dump) => dump.variant === variant))
      add(variant, type, `${type}/${CALLS}`)
    add(variant, 'last', CALLS)
  }
  if (found.length > 0) return found
  throw new RunError(
    'RUN_FOLDER_NO_CALLS',
    hasDriver(run)
      ? `the run in ${folder} has no record of calls (${CALLS}): it ended before the driver was called, or an older version made it`
      : `the run in ${folder} was made without a driver file: only the calls of one are recorded (dumpstack test --driver FILE.sys)`,
  )
}

function hasDriver(run: GuardedFolder): boolean {
  const lines = run.read(JOURNAL, MAX_JOURNAL_BYTES).toString('utf8').split('\n').slice(0, -1)
  return lines.some((line, index) => {
    const event = Facts.parse(line, `${run.pathOf(JOURNAL)} line ${index + 1}`)
    return event.string('kind') === 'run' && event.object('target').optional('driver') !== null
  })
}
