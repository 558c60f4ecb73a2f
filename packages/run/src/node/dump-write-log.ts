// Keeps what the dump port wrote beside the dump: a record of each write, in the folder of its dump type. Like the calls of a driver file it
// is no part of the journal's promise: a killed process loses what it had not handed over, and the dump is made anew.
import type { TestEventBody } from '@dumpstack/crashtest'
import {
  layHeader,
  layRecord,
  MAX_WRITE_RECORDS,
  WRITE_RECORD_BYTES,
  WRITES,
  WRITES_HEADER_BYTES,
} from '../dump-writes.ts'
import { inVariant } from '../variant-name.ts'
import { DeferredFile } from './deferred-file.ts'
import type { OwnedFolder } from './owned-folder.ts'

const RECORDS_AT_ONCE = 2048

export class DumpWriteLog {
  readonly #folder: OwnedFolder
  readonly #variant: string | null
  readonly #bytes = new Uint8Array(RECORDS_AT_ONCE * WRITE_RECORD_BYTES)
  readonly #view = new DataView(this.#bytes.buffer)
  #used = 0
  #count = 0
  #file: DeferredFile | null = null

  constructor(folder: OwnedFolder, variant: string | null) {
    this.#folder = folder
    this.#variant = variant
  }

  /** Each event of the run: a crash has a file of its own. Throws RunError HOST_IO for what could not be written since. */
  event(event: TestEventBody): void {
    if (event.kind === 'begin' && event.step === 'crash' && event.dump !== undefined) this.#begin(event.dump)
    if (event.kind === 'end' && event.step === 'crash') this.close()
  }

  /** Called by the target while guest code runs. */
  readonly write = (
    atNs: number,
    lba: number,
    sectorCount: number,
    sectorBytes: number,
    firstPfn: number,
    srbStatus: number,
  ): void => {
    if (this.#file === null || this.#count === MAX_WRITE_RECORDS) return
    this.#count++
    layRecord(this.#view, this.#used, atNs, lba, sectorCount, sectorBytes, firstPfn, srbStatus)
    this.#used += WRITE_RECORD_BYTES
    if (this.#used === this.#bytes.byteLength) this.#flush(this.#file)
  }

  close(): void {
    const file = this.#file
    if (file === null) return
    this.#flush(file)
    this.#file = null
    file.close()
    file.check()
  }

  #begin(dump: string): void {
    this.close()
    this.#file = new DeferredFile(this.#folder, inVariant(this.#variant, `${dump}/${WRITES}`))
    this.#count = 0
    layHeader(this.#view)
    this.#used = WRITES_HEADER_BYTES
    this.#flush(this.#file)
  }

  #flush(file: DeferredFile): void {
    file.write(this.#bytes.subarray(0, this.#used))
    this.#used = 0
  }
}
