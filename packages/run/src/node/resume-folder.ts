// A run folder that a killed process left, put back to the last power off: what the state does not speak of is of a start
// that never was. Journal and log are cut there; dumps and truths that the killed process made since are removed.
import type { FileSource } from '@dumpstack/bytes/node'
import { type RecordedCrash, restoreCrash, type TestEvent, testEvent } from '@dumpstack/crashtest'
import { DUMP_TYPES, type DumpType, Facts, KeptRunError, SECOND_CRASH_FILE } from '@dumpstack/target'
import { JOURNAL, LOG, REPORT, RESULT, STATE, TRUTH_BIN, TRUTH_JSON } from '../index.ts'
import { MAX_JOURNAL_BYTES, MAX_LOG_BYTES } from '../limits.ts'
import { inVariant } from '../variant-name.ts'
import type { GuardedFolder } from './guarded-folder.ts'
import { onHost } from './host-error.ts'
import { draftOf, type OwnedFolder } from './owned-folder.ts'
import { RunFolder } from './run-folder.ts'
import { type LockOptions, RunLock } from './run-lock.ts'
import { openRunToRead, openRunToWrite, resolved } from './run-owner.ts'
import { eventWithPath, onThisHost } from './run-paths.ts'
import { requireJournal } from './run-record.ts'
import { readState, type Stage, type StreamPosition } from './state-file.ts'

export interface StoppedRun {
  readonly folder: RunFolder
  readonly stage: Stage
  /** The variant that was under way, or is the next; null where the scenario has one. */
  readonly variant: string | null
  /** As the front end gave them to keepState. */
  readonly options: Facts
  /** As Target.powerOff gave it; null in the stages `variant` and `finish`. */
  readonly target: Facts | null
  /** In the stage `awaitRestart`. Its truth is read from the folder: `close` it when the dump has been judged. */
  readonly crash: RecordedCrash | null
  /** What the journal holds. */
  readonly events: readonly TestEvent[]
  readonly nextSeq: number
  /** Time of the last event. */
  readonly at: number
  /** Events that were taken back. */
  readonly discarded: number
  /** Closes the truth, not the folder. */
  close(): void
}

/** Throws RunError, KeptRunError as the folder, its state, its journal or its truth make impossible. */
export async function openStoppedRun(folder: string, options: LockOptions = {}): Promise<StoppedRun> {
  requireJournal(openRunToRead(folder), folder)
  const at = resolved(folder)
  const lock = await RunLock.take(at, options)
  let bin: FileSource | null = null
  let close = (): void => lock.release()
  try {
    const owned = openRunToWrite(at, lock)
    close = () => {
      owned.close()
      lock.release()
    }
    owned.checkMade()
    const state = readState(owned)
    const { position, stage, variant } = state
    const { events, discarded } = eventsOf(owned, position)
    checkLength(owned, LOG, position.logBytes)
    onHost(`take back what was written in ${folder}`, () => {
      // New files: a process that wakes up with the old ones open writes to what has no name any more.
      owned.replaceFile(JOURNAL, owned.read(JOURNAL, MAX_JOURNAL_BYTES).subarray(0, position.journalBytes))
      owned.replaceFile(LOG, owned.read(LOG, MAX_LOG_BYTES).subarray(0, position.logBytes))
      // A report tells of a run that has not gone on.
      for (const name of [draftOf(RESULT), draftOf(STATE), draftOf(REPORT), REPORT]) owned.remove(name)
    })
    const runFolder = RunFolder.goOn({ owned, lock }, position)
    close = () => runFolder.close()
    const crashType = state.crash?.oneOf('type', DUMP_TYPES) ?? null
    if (stage !== 'finish') removeUnexamined(owned, variant, events, crashType)
    let crash: RecordedCrash | null = null
    if (state.crash !== null && crashType !== null) {
      const name = inVariant(variant, `${crashType}/${TRUTH_BIN}`)
      bin = owned.source(name)
      const restored = restoreCrash(state.crash, bin)
      checkLength(owned, name, restored.usedBytes)
      onHost(`cut ${bin.path}`, () => owned.truncate(name, restored.usedBytes))
      crash = restored.crash
    }
    return {
      folder: runFolder,
      stage,
      variant,
      options: state.options,
      target: state.target,
      crash,
      events,
      nextSeq: position.nextSeq,
      at: position.at,
      discarded,
      close: () => bin?.close(),
    }
  } catch (error) {
    bin?.close()
    close()
    throw error
  }
}

/** Throws KeptRunError for a journal that is of another run, or of another power off, than the marker and the state. */
function eventsOf(
  folder: OwnedFolder,
  { journalBytes, nextSeq }: StreamPosition,
): { events: TestEvent[]; discarded: number } {
  checkLength(folder, JOURNAL, journalBytes)
  const file = folder.pathOf(JOURNAL)
  const bytes = folder.read(JOURNAL, MAX_JOURNAL_BYTES)
  const lines = bytes.toString('utf8', 0, journalBytes).split('\n')
  if (lines.pop() !== '') {
    throw new KeptRunError(
      'RUN_FOLDER_CORRUPT',
      `journal ${file}: byte ${journalBytes} is inside a line, expected the end of one`,
    )
  }
  const rest = bytes.toString('utf8', journalBytes)
  let after = -1
  const events = lines.map((line, index) => {
    const facts = Facts.parse(line, `${file} line ${index + 1}`)
    const event = testEvent.of(facts)
    if (event.seq <= after || event.seq >= nextSeq)
      throw facts.wrong('seq', event.seq, `a number above ${after} and below ${nextSeq}`)
    after = event.seq
    if (event.kind === 'run' && event.runId !== folder.runId)
      throw facts.wrong('runId', event.runId, `${folder.runId}, as the marker of the run has it`)
    return eventWithPath(event, onThisHost(folder))
  })
  return {
    events,
    discarded: rest.split('\n').filter((line) => line !== '').length,
  }
}

function checkLength(folder: GuardedFolder, name: string, minBytes: number): void {
  const source = folder.source(name)
  source.close()
  if (source.byteLength >= minBytes) return
  throw new KeptRunError(
    'RUN_FOLDER_CORRUPT',
    `${source.path} holds ${source.byteLength} bytes, expected at least ${minBytes}`,
  )
}

/** What the run made for dumps that the journal does not have as examined; of the one that is to be examined next RAM stays. */
function removeUnexamined(
  owned: OwnedFolder,
  variant: string | null,
  events: readonly TestEvent[],
  next: DumpType | null,
): void {
  const examined = new Set<DumpType>()
  let current: string | null = null
  for (const event of events) {
    if (event.kind === 'run') current = event.variant
    if (event.kind === 'examined' && current === variant) examined.add(event.dump)
  }
  for (const type of DUMP_TYPES) {
    if (examined.has(type)) continue
    const folder = inVariant(variant, type)
    if (type !== next) {
      owned.removeMade(folder)
      continue
    }
    onHost(`take back ${owned.pathOf(folder)}`, () => {
      for (const name of owned.madeFiles(folder))
        if (
          name !== `${folder}/${SECOND_CRASH_FILE}` &&
          (name.endsWith(`/${TRUTH_JSON}`) || /\.dmp$/i.test(name))
        )
          owned.remove(name)
    })
  }
}
