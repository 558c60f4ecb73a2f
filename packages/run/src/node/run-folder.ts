// The folder of one run: journal.jsonl, crashdumptest.log, result.json, and for each dump type its file with the truth.
// A scenario's variant has a folder of its own inside.
import { closeSync, existsSync, fsyncSync, realpathSync, rmdirSync } from 'node:fs'
import path from 'node:path'
import { printableJson } from '@dumpstack/bytes'
import {
  crashRecord,
  type DumpToKeep,
  journalLine,
  keepTruth,
  logLines,
  type RecordedCrash,
  ramParts,
  type Sink,
  type TestResult,
} from '@dumpstack/crashtest'
import type { RunError } from '../errors.ts'
import { JOURNAL, LOG, RESULT, STATE, TRUTH_BIN, TRUTH_JSON } from '../index.ts'
import { inVariant } from '../variant-name.ts'
import { GuardedFolder } from './guarded-folder.ts'
import { onHost } from './host-error.ts'
import { makeFolder } from './make-folder.ts'
import type { OwnedFolder } from './owned-folder.ts'
import { type LockOptions, RunLock } from './run-lock.ts'
import { entriesOf, leaveFolder, recordIn, refuseTaken, takeFolder } from './run-owner.ts'
import { eventWithPath, fromFolder, resultWithPaths } from './run-paths.ts'
import { type StateRecord, type StreamPosition, writeState } from './state-file.ts'
import { writeWhole } from './write-whole.ts'

export interface StateToKeep extends Omit<StateRecord, 'crash'> {
  readonly crash: RecordedCrash | null
}

/**
 * `none`: something else than a run; `notStarted`: nothing is there; `stopped`: killed, stopped, or ended at a crash;
 * `finished`: with its result, whatever it is.
 */
export type RunState = 'none' | 'notStarted' | 'stopped' | 'finished'

/** Throws RunError RUN_FOLDER_UNSAFE, HOST_IO. */
export function runStateOf(folder: string): RunState {
  if (!existsSync(folder)) return 'notStarted'
  const guarded = GuardedFolder.at(folder)
  if (guarded.hasFile(RESULT)) return 'finished'
  if (recordIn(guarded) !== null) return 'stopped'
  return entriesOf(guarded).every((name) => name === JOURNAL || name === LOG) ? 'notStarted' : 'none'
}

const BEGINNING: StreamPosition = { nextSeq: 0, at: 0, journalBytes: 0, logBytes: 0 }

/** A folder that is locked. */
interface LockedFolder {
  readonly owned: OwnedFolder
  readonly lock: RunLock
}

export class RunFolder {
  /** Absolute, and free of links. */
  readonly path: string
  readonly owned: OwnedFolder
  readonly #journal: number
  readonly #log: number
  readonly #lock: RunLock
  /** The first folder that had to be made for it; undefined where it was there. */
  readonly #made: string | undefined
  #position: StreamPosition
  #hasBegun: boolean

  private constructor(
    { owned, lock }: LockedFolder,
    position: StreamPosition | null,
    made: string | undefined = undefined,
  ) {
    this.path = owned.path
    this.owned = owned
    this.#lock = lock
    this.#made = made
    const open = (name: string): number =>
      onHost(`write ${this.#file(name)}`, () =>
        position === null ? owned.create(name) : owned.openToAppend(name),
      )
    this.#journal = open(JOURNAL)
    this.#log = open(LOG)
    this.#position = position ?? BEGINNING
    this.#hasBegun = position !== null
  }

  /**
   * For a new run. Throws RunError RUN_FOLDER_TAKEN when the folder holds a run, RUN_FOLDER_NOT_EMPTY when it holds anything else,
   * RUN_FOLDER_BUSY, RUN_FOLDER_UNSAFE, HOST_IO when it cannot be written.
   */
  static async create(folder: string, options: LockOptions = {}): Promise<RunFolder> {
    const made = onHost(`make the run folder ${folder}`, () => makeFolder(path.resolve(folder)))
    const root = onHost(`read ${folder}`, () => realpathSync(folder))
    refuseTaken(folder) // before even a lock is put there
    const lock = await RunLock.take(root, options)
    try {
      return new RunFolder({ owned: takeFolder(root, lock), lock }, null, made)
    } catch (error) {
      lock.release()
      throw error
    }
  }

  /** For a run that goes on at `position`. Throws RunError RUN_FOLDER_UNSAFE, HOST_IO. */
  static goOn(locked: LockedFolder, position: StreamPosition): RunFolder {
    return new RunFolder(locked, position)
  }

  /** Whether there is something to go on with. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** Why this process writes nothing more here: another one has taken the run over. */
  get lost(): RunError | null {
    return this.#lock.lost
  }

  /** Returns only when the line is on the disk: the next effect may follow. */
  readonly journal: Sink = (event) => {
    if (event.kind === 'run') this.#hasBegun = true
    const position = { ...this.#position, nextSeq: event.seq + 1, at: event.at }
    const line = journalLine(eventWithPath(event, fromFolder(this.path)))
    if (line !== null) {
      const bytes = Buffer.from(line)
      this.#lock.verify()
      onHost(`write ${this.#file(JOURNAL)}`, () => {
        writeWhole(this.#journal, bytes)
        fsyncSync(this.#journal)
      })
      position.journalBytes += bytes.byteLength
    }
    this.#position = position
  }

  readonly log: Sink = (event) => {
    const bytes = Buffer.from(logLines(event))
    if (bytes.byteLength === 0) return
    onHost(`write ${this.#file(LOG)}`, () => this.owned.write(this.#log, bytes))
    const { logBytes } = this.#position
    this.#position = { ...this.#position, logBytes: logBytes + bytes.byteLength }
  }

  /** A resumed run continues from here. The truth of a crash is written first: the state relies on it. */
  keepState(state: StateToKeep): void {
    const { crash, ...record } = state
    if (crash !== null) this.#keepRam(state.variant, crash)
    writeState(this.owned, { ...record, crash: crash && crashRecord(crash) }, this.#position)
  }

  /** Called after keepState, which writes RAM at the crash. */
  keepTruth(variant: string | null, kept: DumpToKeep): void {
    const { json, parts } = keepTruth(kept)
    const [bin, text] = [TRUTH_BIN, TRUTH_JSON].map((name) => inVariant(variant, `${kept.type}/${name}`))
    onHost(`write the truth to ${this.#file(bin!)}`, () => {
      const fd = this.owned.openToAppend(bin!)
      try {
        for (const part of parts) this.owned.write(fd, part)
      } finally {
        closeSync(fd)
      }
      this.owned.writeFile(text!, json)
    })
  }

  #keepRam(variant: string | null, crash: RecordedCrash): void {
    const name = inVariant(variant, `${crash.type}/${TRUTH_BIN}`)
    onHost(`write the truth to ${this.#file(name)}`, () =>
      this.owned.writeFile(name, ramParts(crash.evidence)),
    )
  }

  /** Appears whole or not at all; with it the run has finished and nothing is left to resume. */
  writeResult(result: TestResult): void {
    const stored = resultWithPaths(result, fromFolder(this.path))
    onHost(`write ${this.#file(RESULT)}`, () => {
      this.owned.replaceFile(RESULT, `${printableJson(JSON.stringify(stored, null, 2))}\n`)
      this.owned.remove(STATE)
    })
  }

  /** A folder in which no run has begun is left as if it had never been taken; one that is lost is left as it is. */
  close(): void {
    closeSync(this.#journal)
    closeSync(this.#log)
    if (!this.#hasBegun && this.lost === null) {
      for (const name of [JOURNAL, LOG, STATE]) this.owned.remove(name)
      leaveFolder(this.owned)
    } else this.owned.close()
    this.#lock.release()
    if (this.#hasBegun || this.lost !== null || this.#made === undefined) return
    if (new GuardedFolder(this.path).names().length === 0) rmdirSync(this.path)
  }

  #file(name: string): string {
    return path.join(this.path, name)
  }
}
