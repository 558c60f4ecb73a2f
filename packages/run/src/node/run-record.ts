// What a run's journal says of it: its events, which dumps it was to make, and which of them it examined. The truth beside a dump
// cannot say that a dump is not there.
import { EVENT_FORMAT, type TestEvent, testEvent } from '@dumpstack/crashtest'
import { DUMP_TYPES, type DumpType, Facts, KeptRunError } from '@dumpstack/target'
import { NotARunError } from '../errors.ts'
import { JOURNAL } from '../index.ts'
import { MAX_JOURNAL_BYTES } from '../limits.ts'
import { variantOf } from '../variant-name.ts'
import type { GuardedFolder } from './guarded-folder.ts'

export interface RecordedDump {
  /** A scenario's variant; null where it has one. */
  readonly variant: string | null
  readonly type: DumpType
  /** False where the run ended before it came to examine the dump. */
  readonly isExamined: boolean
}

/** No scenario has more than a few variants, of three dumps each. */
const MAX_DUMPS = 300

/** Raises what readRunRecord does. */
export const readRunEvents = (folder: GuardedFolder): TestEvent[] =>
  journalLines(folder).map((line) => testEvent.of(line))

/**
 * The dumps that the journal's runs were to make, in order. A last line that was cut off is what a killed run leaves; any
 * other that is not whole raises KeptRunError; RUN_FOLDER_NOT_A_RUN, RUN_FOLDER_UNSAFE, RUN_FOLDER_TOO_LARGE, HOST_IO.
 */
export function readRunRecord(folder: GuardedFolder): RecordedDump[] {
  const dumps: { variant: string | null; type: DumpType; isExamined: boolean }[] = []
  let variant: string | null = null
  for (const event of journalLines(folder)) {
    switch (event.string('kind')) {
      case 'run': {
        event.expectFormat(EVENT_FORMAT)
        variant = variantOf(event)
        for (const name of event.object('options').strings('dumps')) {
          const type = DUMP_TYPES.find((known) => known === name)
          if (type === undefined) throw event.wrong('dumps', name, `one of ${DUMP_TYPES.join(', ')}`)
          if (dumps.length === MAX_DUMPS) throw event.wrong('dumps', name, `at most ${MAX_DUMPS} in a run`)
          dumps.push({ variant, type, isExamined: false })
        }
        break
      }
      case 'examined': {
        const type = event.oneOf('dump', DUMP_TYPES)
        const dump = dumps.find((known) => known.variant === variant && known.type === type)
        if (dump === undefined) throw event.wrong('dump', type, 'a dump that the run was to make')
        dump.isExamined = true
        break
      }
    }
  }
  return dumps
}

function journalLines(folder: GuardedFolder): Facts[] {
  const file = folder.pathOf(JOURNAL)
  requireJournal(folder, folder.path)
  const lines = folder.read(JOURNAL, MAX_JOURNAL_BYTES).toString('utf8').split('\n')
  const cutOff = lines.pop()
  if (lines.length === 0) {
    const what = cutOff === '' ? 'is empty' : 'has no whole line'
    throw new KeptRunError('RUN_FOLDER_CORRUPT', `journal ${file} ${what}, expected the events of a run`)
  }
  return lines.map((line, index) => Facts.parse(line, `${file} line ${index + 1}`))
}

export function requireJournal(folder: GuardedFolder, shown: string): void {
  if (folder.hasFile(JOURNAL)) return
  throw new NotARunError('RUN_FOLDER_NOT_A_RUN', `folder ${shown} holds no run: ${JOURNAL} is not there`)
}
