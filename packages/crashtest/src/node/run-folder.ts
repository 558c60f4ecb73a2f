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
import { CrashtestError } from '../errors.ts'
import { journalLine } from '../folds/journal.ts'
import { logLines } from '../folds/log.ts'
import type { Sink } from '../stream.ts'
import { DUMP_TYPES } from '../target.ts'
import { type DumpToKeep, keepTruth } from '../truth-file.ts'
import { onHost } from './host-error.ts'
import { makeFolder } from './make-folder.ts'

export const JOURNAL = 'journal.jsonl'
export const LOG = 'crashdumptest.log'
export const RESULT = 'result.json'
export const TRUTH_JSON = 'truth.json'
export const TRUTH_BIN = 'truth.bin'
/** What a run makes: none of it may be there before. */
const OWN_NAMES = [JOURNAL, LOG, RESULT, ...DUMP_TYPES, 'C', 'disk.img', 'disk.json', 'extents.json']

/** `stopped`: killed, or ended at a crash; `finished`: with its result, whatever it is. */
export type RunState = 'none' | 'stopped' | 'finished'

export function runStateOf(folder: string): RunState {
  if (existsSync(path.join(folder, RESULT))) return 'finished'
  return existsSync(path.join(folder, JOURNAL)) ? 'stopped' : 'none'
}

export class RunFolder {
  readonly path: string
  readonly #journal: number
  readonly #log: number
  /** The first folder that had to be made for it; undefined where it was there. */
  readonly #made: string | undefined
  #hasBegun = false

  /** Throws CrashtestError RUN_FOLDER_TAKEN when the folder holds a run, RUN_FOLDER_IO when it cannot be written. */
  constructor(folder: string) {
    this.path = path.resolve(folder)
    this.#made = onHost(`make the run folder ${folder}`, () => makeFolder(this.path))
    const taken = OWN_NAMES.find((name) => existsSync(path.join(this.path, name)))
    if (taken !== undefined) {
      throw new CrashtestError(
        'RUN_FOLDER_TAKEN',
        `folder ${folder} already holds a run (${taken}): choose another --out`,
      )
    }
    this.#journal = onHost(`write ${this.#file(JOURNAL)}`, () => openSync(this.#file(JOURNAL), 'ax'))
    this.#log = onHost(`write ${this.#file(LOG)}`, () => openSync(this.#file(LOG), 'ax'))
  }

  /** Returns only when the line is on the disk: the next effect may follow. */
  readonly journal: Sink = (event) => {
    if (event.kind === 'run') this.#hasBegun = true
    const line = journalLine(event)
    if (line === null) return
    onHost(`write ${this.#file(JOURNAL)}`, () => {
      writeWhole(this.#journal, Buffer.from(line))
      fsyncSync(this.#journal)
    })
  }

  readonly log: Sink = (event) => {
    const lines = logLines(event)
    if (lines !== '') onHost(`write ${this.#file(LOG)}`, () => writeWhole(this.#log, Buffer.from(lines)))
  }

  /** Where a variant's target works and keeps its dumps. */
  variantFolder(variant: string | null): string {
    if (variant === null) return this.path
    const folder = path.join(this.path, variant)
    onHost(`make the folder ${folder}`, () => makeFolder(folder))
    return folder
  }

  keepTruth(variant: string | null, kept: DumpToKeep): void {
    const folder = path.join(this.variantFolder(variant), kept.type)
    const { json, parts } = keepTruth(kept)
    onHost(`write the truth to ${folder}`, () => {
      makeFolder(folder)
      const bin = openSync(path.join(folder, TRUTH_BIN), 'wx')
      try {
        for (const part of parts) writeWhole(bin, part)
      } finally {
        closeSync(bin)
      }
      writeFileSync(path.join(folder, TRUTH_JSON), json, { flag: 'wx' })
    })
  }

  /** Appears whole or not at all. */
  writeResult(result: object): void {
    const file = this.#file(RESULT)
    onHost(`write ${file}`, () => {
      writeFileSync(`${file}.tmp`, `${JSON.stringify(result, null, 2)}\n`)
      renameSync(`${file}.tmp`, file)
    })
  }

  /** A folder in which no run has begun is left as if it had never been taken. */
  close(): void {
    closeSync(this.#journal)
    closeSync(this.#log)
    if (this.#hasBegun) return
    rmSync(this.#file(JOURNAL))
    rmSync(this.#file(LOG))
    if (this.#made !== undefined && readdirSync(this.path).length === 0) rmdirSync(this.path)
  }

  #file(name: string): string {
    return path.join(this.path, name)
  }
}

/** writeSync may write a part, and does so just before the disk is full. */
function writeWhole(fd: number, bytes: Uint8Array): void {
  let done = 0
  while (done < bytes.byteLength) done += writeSync(fd, bytes, done)
}
