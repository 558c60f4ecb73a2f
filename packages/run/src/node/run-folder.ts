// The folder of one run: journal.jsonl, crashdumptest.log, result.json, and for each dump type its file with the truth.
// A scenario's variant has a folder of its own inside.

import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { printableJson } from '@dumpstack/bytes'
import {
  crashRecord,
  DUMP_TYPES,
  type DumpToKeep,
  journalLine,
  type KeptCrash,
  keepTruth,
  logLines,
  ramParts,
  type Sink,
  type TestResult,
} from '@dumpstack/crashtest'
import { RunError } from '../errors.ts'
import { JOURNAL, LOG, RESULT, TRUTH_BIN, TRUTH_JSON } from '../index.ts'
import { lockFolder } from './folder-lock.ts'
import { onHost } from './host-error.ts'
import { makeFolder } from './make-folder.ts'
import { eventWithPath, fromFolder, resultWithPaths } from './run-paths.ts'
import { STATE, type StateRecord, type StreamPosition, writeState } from './state-file.ts'

/** What a run makes: none of it may be there before. */
const OWN_NAMES = [
  JOURNAL,
  LOG,
  RESULT,
  STATE,
  ...DUMP_TYPES,
  'C/Windows',
  'disk.img',
  'disk.json',
  'extents.json',
]

export interface StateToKeep extends Omit<StateRecord, 'crash'> {
  readonly crash: KeptCrash | null
}

/**
 * `none`: something else than a run; `notStarted`: nothing is there; `stopped`: killed, stopped, or ended at a crash;
 * `finished`: with its result, whatever it is.
 */
export type RunState = 'none' | 'notStarted' | 'stopped' | 'finished'

export function runStateOf(folder: string): RunState {
  if (existsSync(path.join(folder, RESULT))) return 'finished'
  if (existsSync(path.join(folder, JOURNAL))) return 'stopped'
  return existsSync(folder) && readdirSync(folder).length > 0 ? 'none' : 'notStarted'
}

export class RunFolder {
  readonly path: string
  readonly #journal: number
  readonly #log: number
  readonly #unlock: () => void
  /** The first folder that had to be made for it; undefined where it was there. */
  readonly #made: string | undefined
  #position: StreamPosition
  #hasBegun: boolean

  /**
   * A new run, or one that goes on behind `resumed` and was locked when that was read. Throws RunError RUN_FOLDER_TAKEN
   * when the folder holds a run, RUN_FOLDER_BUSY, HOST_IO when it cannot be written.
   */
  constructor(folder: string, resumed: { position: StreamPosition; unlock: () => void } | null = null) {
    this.path = path.resolve(folder)
    this.#made = onHost(`make the run folder ${folder}`, () => makeFolder(this.path))
    if (resumed === null) refuseTaken(folder, this.path)
    this.#unlock = resumed?.unlock ?? lockFolder(this.path)
    try {
      const flags = resumed === null ? 'ax' : 'a'
      this.#journal = onHost(`write ${this.#file(JOURNAL)}`, () => openSync(this.#file(JOURNAL), flags))
      this.#log = onHost(`write ${this.#file(LOG)}`, () => openSync(this.#file(LOG), flags))
    } catch (error) {
      this.#unlock()
      throw error
    }
    this.#position = resumed?.position ?? { nextSeq: 0, at: 0, journalBytes: 0, logBytes: 0 }
    this.#hasBegun = resumed !== null
  }

  /** Whether there is something to go on with. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** Returns only when the line is on the disk: the next effect may follow. */
  readonly journal: Sink = (event) => {
    if (event.kind === 'run') this.#hasBegun = true
    const position = { ...this.#position, nextSeq: event.seq + 1, at: event.at }
    const line = journalLine(eventWithPath(event, fromFolder(this.path)))
    if (line !== null) {
      const bytes = Buffer.from(line)
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
    onHost(`write ${this.#file(LOG)}`, () => writeWhole(this.#log, bytes))
    const { logBytes } = this.#position
    this.#position = { ...this.#position, logBytes: logBytes + bytes.byteLength }
  }

  /** Whoever resumes the run goes on from here. The truth of a crash is written first: the state relies on it. */
  keepState(state: StateToKeep): void {
    const { crash, ...record } = state
    if (crash !== null) this.#keepRam(state.variant, crash)
    writeState(this.path, { ...record, crash: crash && crashRecord(crash) }, this.#position)
  }

  /** Where a variant's target works and keeps its dumps. */
  variantFolder(variant: string | null): string {
    if (variant === null) return this.path
    const folder = path.join(this.path, variant)
    onHost(`make the folder ${folder}`, () => makeFolder(folder))
    return folder
  }

  /** Behind RAM at the crash, which keepState has written. */
  keepTruth(variant: string | null, kept: DumpToKeep): void {
    const folder = path.join(this.variantFolder(variant), kept.type)
    const { json, parts } = keepTruth(kept)
    onHost(`write the truth to ${folder}`, () => {
      writeParts(path.join(folder, TRUTH_BIN), 'a', parts)
      writeFileSync(path.join(folder, TRUTH_JSON), json, { flag: 'wx' })
    })
  }

  #keepRam(variant: string | null, crash: KeptCrash): void {
    const folder = path.join(this.variantFolder(variant), crash.type)
    onHost(`write the truth to ${folder}`, () => {
      makeFolder(folder)
      writeParts(path.join(folder, TRUTH_BIN), 'wx', ramParts(crash.evidence))
    })
  }

  /** Appears whole or not at all; with it the run has come to its end and nothing is left to resume. */
  writeResult(result: TestResult): void {
    const file = this.#file(RESULT)
    const stored = resultWithPaths(result, fromFolder(this.path))
    onHost(`write ${file}`, () => {
      writeFileSync(`${file}.tmp`, `${printableJson(JSON.stringify(stored, null, 2))}\n`)
      renameSync(`${file}.tmp`, file)
      rmSync(this.#file(STATE), { force: true })
    })
  }

  /** A folder in which no run has begun is left as if it had never been taken. */
  close(): void {
    closeSync(this.#journal)
    closeSync(this.#log)
    this.#unlock()
    if (this.#hasBegun) return
    rmSync(this.#file(JOURNAL))
    rmSync(this.#file(LOG))
    rmSync(this.#file(STATE), { force: true })
    if (this.#made !== undefined && readdirSync(this.path).length === 0) rmdirSync(this.path)
  }

  #file(name: string): string {
    return path.join(this.path, name)
  }
}

function refuseTaken(folder: string, at: string): void {
  const taken = OWN_NAMES.find((name) => existsSync(path.join(at, name)))
  if (taken === undefined) return
  throw new RunError(
    'RUN_FOLDER_TAKEN',
    `folder ${folder} already holds a run (${taken}): choose another --out`,
  )
}

function writeParts(file: string, flags: string, parts: Iterable<Uint8Array>): void {
  const fd = openSync(file, flags)
  try {
    for (const part of parts) writeWhole(fd, part)
  } finally {
    closeSync(fd)
  }
}

/** writeSync may write a part, and does so just before the disk is full. */
function writeWhole(fd: number, bytes: Uint8Array): void {
  let done = 0
  while (done < bytes.byteLength) done += writeSync(fd, bytes, done)
}
