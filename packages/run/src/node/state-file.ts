// state.json: where a run is between two starts of its system. It is replaced at each power off, whole or not at all, and
// gone when the run has its result. docs/formats/run-state.md.
import { bigintAsHex, printableJson } from '@dumpstack/bytes'
import { Facts } from '@dumpstack/target'
import { RunError } from '../errors.ts'
import { STATE } from '../index.ts'
import { MAX_STATE_BYTES } from '../limits.ts'
import { variantOf } from '../variant-name.ts'
import type { GuardedFolder } from './guarded-folder.ts'
import { onHost } from './host-error.ts'
import type { OwnedFolder } from './owned-folder.ts'

const FORMAT = 1

/** `variant`: the variant is still to begin. `restart`, `awaitRestart`: the step that starts the system. `finish`: nothing is left but the result. */
const STAGES = ['variant', 'restart', 'awaitRestart', 'finish'] as const
export type Stage = (typeof STAGES)[number]

/** What of the journal and of the log belongs to the state; what follows is of a start that did not get to its end. */
export interface StreamPosition {
  readonly nextSeq: number
  /** Time of the last event; milliseconds since 1970. */
  readonly at: number
  readonly journalBytes: number
  readonly logBytes: number
}

export interface StateFacts {
  readonly stage: Stage
  readonly variant: string | null
  readonly position: StreamPosition
  /** The front end's own. */
  readonly options: Facts
  readonly target: Facts | null
  readonly crash: Facts | null
}

export interface StateRecord {
  readonly stage: Stage
  readonly variant: string | null
  readonly options: object
  readonly target: object | null
  readonly crash: object | null
}

export function writeState(folder: OwnedFolder, record: StateRecord, position: StreamPosition): void {
  const { stage, variant, options, target, crash } = record
  const json = { format: FORMAT, stage, variant, position, options, target, crash }
  onHost(`write ${folder.pathOf(STATE)}`, () =>
    folder.replaceFile(STATE, `${printableJson(JSON.stringify(json, bigintAsHex))}\n`),
  )
}

/** Throws RunError RUN_FOLDER_NOT_KEPT, HOST_IO, KeptRunError. */
export function readState(folder: GuardedFolder): StateFacts {
  const file = folder.pathOf(STATE)
  if (!folder.hasFile(STATE)) {
    throw new RunError(
      'RUN_FOLDER_NOT_KEPT',
      `the run in ${folder.path} cannot be resumed: ${STATE} is not there; it never began, or ended without a result`,
    )
  }
  const facts = Facts.parse(folder.read(STATE, MAX_STATE_BYTES).toString('utf8'), file)
  facts.expectFormat(FORMAT)
  const position = facts.object('position')
  const stage = facts.oneOf('stage', STAGES)
  const target = facts.optional('target')
  const crash = facts.optional('crash')
  const isOff = stage === 'restart' || stage === 'awaitRestart'
  if ((target !== null) !== isOff || (crash !== null) !== (stage === 'awaitRestart')) {
    throw facts.wrong('stage', stage, 'one that fits target and crash')
  }
  const variant = variantOf(facts)
  return {
    stage,
    variant,
    position: {
      nextSeq: position.size('nextSeq'),
      at: position.time('at'),
      journalBytes: position.size('journalBytes'),
      logBytes: position.size('logBytes'),
    },
    options: facts.object('options'),
    target,
    crash,
  }
}
