// Keeps the calls of a driver file in the run folder while it runs: a record for each start of the system, under the name of
// what the start came to. A record is no part of the journal's promise: a killed process loses what it had not handed over.
import type { Emit } from '@dumpstack/crashtest'
import { CallEncoder, type SymbolNames, type SysObserver } from '@dumpstack/drivers'
import {
  CALLS,
  callsOfSetup,
  DeferredFile,
  inVariant,
  isCallRecord,
  type OwnedFolder,
  onHost,
} from '@dumpstack/run/node'
import type { DumpType } from '@dumpstack/target'

interface OpenRecord {
  readonly encoder: CallEncoder
  readonly file: DeferredFile
}

export class CallRecorder implements SysObserver {
  readonly #folder: OwnedFolder
  readonly #variant: string | null
  readonly #names: SymbolNames
  #record: OpenRecord | null = null
  #crashed: DumpType | null = null
  #setups: number

  /** `isResumed`: the folder holds the records of earlier starts; else what is there is of a run that never was. */
  constructor(folder: OwnedFolder, variant: string | null, names: SymbolNames, isResumed: boolean) {
    this.#folder = folder
    this.#variant = variant
    this.#names = names
    const found = folder.names(variant ?? '').filter(isCallRecord)
    if (!isResumed)
      onHost(`clear ${folder.path}`, () => {
        for (const name of found) folder.remove(inVariant(variant, name))
      })
    this.#setups = isResumed ? found.filter((name) => name !== CALLS).length : 0
  }

  // SysObserver

  starts(windows: Parameters<SysObserver['starts']>[0]): void {
    this.powerOff()
    const file = new DeferredFile(this.#folder, inVariant(this.#variant, CALLS))
    const encoder = new CallEncoder({
      write: (bytes) => file.write(bytes),
      nameAt: (rva) => this.#names.nameAt(rva),
    })
    this.#record = { encoder, file }
    encoder.starts(windows)
  }

  callBegins(...call: Parameters<SysObserver['callBegins']>): void {
    this.#record?.encoder.callBegins(...call)
  }

  callEnds(atNs: number, result: bigint | null): void {
    this.#record?.encoder.callEnds(atNs, result)
  }

  deviceAccess(...access: Parameters<SysObserver['deviceAccess']>): void {
    this.#record?.encoder.deviceAccess(...access)
  }

  /** Follows the run. Throws RunError HOST_IO for what could not be written since. */
  event(event: Parameters<Emit>[0]): void {
    if (event.kind === 'crashed') this.#crashed = event.dump
    if (event.kind !== 'end') return
    this.#record?.encoder.flush()
    this.#record?.file.check()
  }

  /** The start is over: its record goes where what it came to is kept. */
  powerOff(): void {
    const crashed = this.#crashed
    const file = this.#end()
    if (file === null) return
    if (crashed === null) this.#setups++
    const name = crashed === null ? callsOfSetup(this.#setups) : `${crashed}/${CALLS}`
    const [from, to] = [inVariant(this.#variant, CALLS), inVariant(this.#variant, name)]
    onHost(`write ${this.#folder.pathOf(to)}`, () => this.#folder.rename(from, to))
    file.check()
  }

  /** The run is over: a crash without a restart has its record, any other start is the last one. */
  close(): void {
    if (this.#crashed !== null) this.powerOff()
    else this.#end()?.check()
  }

  #end(): DeferredFile | null {
    const record = this.#record
    if (record === null) return null
    this.#record = null
    this.#crashed = null
    try {
      record.encoder.end()
    } finally {
      record.file.close()
    }
    return record.file
  }
}
