// A run folder that a killed process left, put back to the last power off: what the state does not speak of is of a start
// that never was. Journal and log are cut there; dumps and truths that the killed process made since are removed.
import { existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs'
import path from 'node:path'
import { FileSource } from '@dumpstack/bytes/node'
import {
  DUMP_TYPES,
  type DumpType,
  eventOfLine,
  type Facts,
  type KeptCrash,
  restoreCrash,
  type TestEvent,
} from '@dumpstack/crashtest'
import { RunError } from '../errors.ts'
import { JOURNAL, LOG, RESULT, TRUTH_BIN, TRUTH_JSON } from '../index.ts'
import { lockFolder } from './folder-lock.ts'
import { onHost } from './host-error.ts'
import { RunFolder } from './run-folder.ts'
import { eventWithPath, onThisHost } from './run-paths.ts'
import { readState, STATE, type Stage } from './state-file.ts'

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
  readonly crash: KeptCrash | null
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

/** Throws RunError RUN_FOLDER_* as the folder, its state, its journal or its truth make impossible. */
export function openStoppedRun(folder: string): StoppedRun {
  onHost(`read ${folder}`, () => statSync(folder))
  const at = path.resolve(folder)
  if (!existsSync(path.join(at, JOURNAL))) {
    throw new RunError('RUN_FOLDER_NOT_A_RUN', `folder ${folder} holds no run: ${JOURNAL} is not there`)
  }
  const unlock = lockFolder(at)
  let bin: FileSource | null = null
  let close = unlock
  try {
    const state = readState(at)
    const { position, stage, variant } = state
    const { events, discarded } = eventsOf(at, position.journalBytes)
    checkLength(path.join(at, LOG), position.logBytes)
    const runFolder = new RunFolder(at, { position, unlock })
    close = () => runFolder.close()
    onHost(`take back what was written in ${folder}`, () => {
      truncateSync(path.join(at, JOURNAL), position.journalBytes)
      truncateSync(path.join(at, LOG), position.logBytes)
      for (const name of [RESULT, STATE]) rmSync(path.join(at, `${name}.tmp`), { force: true })
    })
    const place = runFolder.variantFolder(variant)
    const crashType = state.crash?.oneOf('type', DUMP_TYPES) ?? null
    if (stage !== 'finish') removeUnexamined(place, variant, events, crashType)
    let crash: KeptCrash | null = null
    if (state.crash !== null && crashType !== null) {
      const file = path.join(place, crashType, TRUTH_BIN)
      bin = onHost(`read ${file}`, () => new FileSource(file))
      const restored = restoreCrash(state.crash, bin)
      if (bin.byteLength < restored.usedBytes) {
        throw new RunError(
          'RUN_FOLDER_CORRUPT',
          `${file} holds ${bin.byteLength} bytes, expected at least ${restored.usedBytes}`,
        )
      }
      onHost(`cut ${file}`, () => truncateSync(file, restored.usedBytes))
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

function eventsOf(folder: string, journalBytes: number): { events: TestEvent[]; discarded: number } {
  const file = path.join(folder, JOURNAL)
  checkLength(file, journalBytes)
  const bytes = onHost(`read ${file}`, () => readFileSync(file))
  const lines = bytes.toString('utf8', 0, journalBytes).split('\n')
  if (lines.pop() !== '') {
    throw new RunError(
      'RUN_FOLDER_CORRUPT',
      `journal ${file}: byte ${journalBytes} is inside a line, expected the end of one`,
    )
  }
  const rest = bytes.toString('utf8', journalBytes)
  return {
    events: lines.map((line, index) =>
      eventWithPath(eventOfLine(line, `${file} line ${index + 1}`), onThisHost(folder)),
    ),
    discarded: rest.split('\n').filter((line) => line !== '').length,
  }
}

function checkLength(file: string, least: number): void {
  const { size } = onHost(`read ${file}`, () => statSync(file))
  if (size >= least) return
  throw new RunError('RUN_FOLDER_CORRUPT', `${file} holds ${size} bytes, expected at least ${least}`)
}

/** The folders of dumps that the journal has not as examined; of the one that is to be examined next RAM stays. */
function removeUnexamined(
  place: string,
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
    const folder = path.join(place, type)
    if (examined.has(type) || !existsSync(folder)) continue
    onHost(`take back ${folder}`, () => {
      if (type !== next) rmSync(folder, { recursive: true })
      else
        for (const name of readdirSync(folder))
          if (name === TRUTH_JSON || /\.dmp$/i.test(name)) rmSync(path.join(folder, name))
    })
  }
}
