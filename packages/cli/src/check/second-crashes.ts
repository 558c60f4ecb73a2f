// `--second-crash FOLDER`: RAM of each life that a driver ended, as a dump for the debugger. The life of a finding is run once more: the same
// seed, the same bytes.
import { closeSync, lstatSync, mkdirSync, readdirSync, renameSync, writeSync } from 'node:fs'
import path from 'node:path'
import { hex } from '@dumpstack/bytes'
import { onHost, runOfFile } from '@dumpstack/run/guarded'
import type { DriverFinding, StoppedLife } from '@dumpstack/windows'
import { checkOutput, openOutput } from '../files/output-file.ts'
import { UsageError } from '../program/usage-error.ts'

const OPTION = '--second-crash'
const DRAFT = '.part'

export interface SecondCrashFile {
  readonly file: string
  /** Opens it in the debugger. */
  readonly command: string
  /** Address of HwDeviceExtension; null before HwFindAdapter. */
  readonly deviceExtension: string | null
}

/** How a driver's life is run again, and its dump opened. */
export interface SecondCrashSource {
  /** The driver file. */
  readonly driver: string
  live(finding: DriverFinding, onStop: (stopped: StoppedLife) => void): void
  commandOf(dump: string): string
}

export class SecondCrashes {
  readonly #folder: string
  readonly #reads: readonly (string | null)[]
  readonly #written = new Set<string>()

  /** `reads`: what the command reads, whose place no dump takes. Throws UsageError for a path that is no folder, or that holds something else by the name of a dump. */
  constructor(folder: string, reads: readonly (string | null)[]) {
    this.#folder = folder
    this.#reads = reads
    const found = lstatSync(folder, { throwIfNoEntry: false })
    if (found !== undefined && !found.isDirectory())
      throw new UsageError(`${OPTION} ${folder} is no folder, expected one or nothing`)
    const run = runOfFile(path.join(folder, dumpName('any', 1)))
    if (run !== null) throw new UsageError(`${OPTION} ${folder} is in the run in ${run}: choose another`)
    const names = found === undefined ? [] : onHost(`read ${folder}`, () => readdirSync(folder))
    for (const name of names.filter(isDumpName)) this.#check(path.join(folder, name))
  }

  /** By finding, of those that fail and whose life the driver ended. */
  leave(
    findings: readonly DriverFinding[],
    { driver, live, commandOf }: SecondCrashSource,
  ): ReadonlyMap<DriverFinding, SecondCrashFile> {
    const bySetting = new Map<string, SecondCrashFile | null>()
    const left = new Map<DriverFinding, SecondCrashFile>()
    for (const finding of findings) {
      if (finding.verdict !== 'fail') continue
      if (!bySetting.has(finding.setting)) {
        bySetting.set(finding.setting, null)
        live(finding, ({ dump, deviceExtension }) => {
          const file = this.#nextFile(driver)
          this.#write(file, dump)
          const extension = deviceExtension === null ? null : hex(deviceExtension)
          bySetting.set(finding.setting, { file, command: commandOf(file), deviceExtension: extension })
        })
      }
      const dump = bySetting.get(finding.setting)
      if (dump) left.set(finding, dump)
    }
    return left
  }

  #check(file: string): void {
    checkOutput(OPTION, 'secondCrash', file, this.#reads)
  }

  #nextFile(driver: string): string {
    const stem = path.basename(driver, path.extname(driver))
    let number = 1
    while (this.#written.has(dumpName(stem, number))) number++
    this.#written.add(dumpName(stem, number))
    return path.join(this.#folder, dumpName(stem, number))
  }

  /** What a kill leaves of it has another name. */
  #write(file: string, dump: StoppedLife['dump']): void {
    const draft = `${file}${DRAFT}`
    onHost(`make ${this.#folder}`, () => mkdirSync(this.#folder, { recursive: true }))
    for (const output of [file, draft]) this.#check(output)
    onHost(`write ${file}`, () => {
      const handle = openOutput(draft)
      try {
        const writing = dump.write({ write: (offset, bytes) => writeAll(handle, bytes, offset) })
        while (writing.next().done !== true);
      } finally {
        closeSync(handle)
      }
      renameSync(draft, file)
    })
  }
}

function writeAll(handle: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.byteLength; )
    done += writeSync(handle, bytes, done, bytes.byteLength - done, offset + done)
}

/** `viostor-second-crash.dmp`, `viostor-second-crash-2.dmp` */
const dumpName = (stem: string, number: number): string =>
  `${stem}-second-crash${number === 1 ? '' : `-${number}`}.dmp`
const isDumpName = (name: string): boolean => /-second-crash(-\d+)?\.dmp(\.part)?$/.test(name)
