// WerFault -k -c, which wininit starts when MachineCrash exists: copies the temporary dump to its final name. The file is
// locked while the copy runs (a program that opens it gets 0x80070020), then the temporary file goes and event 1001 comes.

import type { DiskImage } from '@dumpstack/machine'
import { WindowsError } from '../errors.ts'
import { type HostFolder, hostNameOf } from '../volume/host-folder.ts'
import type { Volume, VolumeFile } from '../volume/volume.ts'
import { diskRanges } from '../volume/volume-bytes.ts'

/** Bytes a virtual millisecond: 400 MB/s, a SATA disk that reads and writes at once. */
const COPY_BYTES_PER_MS = 400_000
/** Measured with 64 KiB to 4 MiB: larger pieces cost the page cache three to six times as much. */
const CHUNK_BYTES = 256 * 1024
const BYTES_PER_TURN = 32 * 1024 * 1024

export interface DumpCopyOptions {
  readonly volume: Volume
  readonly image: DiskImage
  readonly host: HostFolder
  readonly from: VolumeFile
  /** `C:\Windows\MEMORY.DMP` */
  readonly to: string
  readonly overwrite: boolean
  /** Virtual milliseconds since 1970. */
  readonly startedAt: number
  /** How long the file stays locked; the size decides unless told. */
  readonly lockedMs?: number
  /** The copy ends after this many bytes, and passes for whole. */
  readonly cutOffAfterBytes?: number
  /** The disk under the copy gives up after this many bytes. */
  readonly failAfterBytes?: number
}

/** One copy: first the host's bytes move (`run`), later, at `doneAt` of the virtual clock, the file gets its name. */
export class DumpCopy {
  readonly #options: DumpCopyOptions
  /** null: it never started, because the target refuses or the disk is full. */
  readonly doneAt: number | null
  #state: 'running' | 'done' | 'failed'

  constructor(options: DumpCopyOptions) {
    this.#options = options
    const { volume, from, to, startedAt } = options
    this.#state = this.#reserve() ? 'running' : 'failed'
    this.doneAt =
      this.#state === 'running'
        ? startedAt + (options.lockedMs ?? Math.ceil(from.byteLength / COPY_BYTES_PER_MS))
        : null
    if (this.#state === 'running') volume.setAttributes(to, { locked: true })
  }

  get state(): 'running' | 'done' | 'failed' {
    return this.#state
  }

  /** Moves the bytes into a .part file; `turn` is called between pieces and may throw to stop. */
  async run(progress: (percent: number) => void, turn: () => Promise<void>): Promise<void> {
    if (this.#state !== 'running') return
    const { volume, image, host, from, failAfterBytes } = this.#options
    const byteLength = this.#byteLength
    const end = Math.min(byteLength, failAfterBytes ?? byteLength)
    const buffer = new Uint8Array(CHUNK_BYTES)
    const file = host.create(this.#partName, byteLength)
    try {
      for (let done = 0; done < end; ) {
        if (done % BYTES_PER_TURN === 0) {
          progress(Math.floor((done / byteLength) * 100))
          await turn()
        }
        const length = Math.min(CHUNK_BYTES, end - done)
        const ranges = diskRanges(from.extents, volume.partition.offset, done, length)
        for (const range of ranges) {
          const at = range.fileOffset - done
          image.read(range.diskOffset, buffer.subarray(at, at + range.byteLength))
        }
        file.write(done, length === CHUNK_BYTES ? buffer : buffer.subarray(0, length))
        done += length
      }
    } catch (error) {
      file.close()
      this.#abandon()
      throw error
    }
    file.close()
    if (end === byteLength) progress(100)
  }

  /** What time `now` makes of the copy; true when it has just ended, either way. */
  settle(now: number): boolean {
    if (this.#state !== 'running' || this.doneAt === null || now < this.doneAt) return false
    const { volume, host, to, from, failAfterBytes } = this.#options
    if (failAfterBytes !== undefined && failAfterBytes < from.byteLength) {
      this.#abandon()
      return true
    }
    host.rename(this.#partName, hostNameOf(to))
    volume.setAttributes(to, { locked: false, modifiedAt: this.doneAt })
    volume.delete(from.path)
    this.#state = 'done'
    return true
  }

  /** The system goes off: a copy under way is lost. unverified: the real one may leave what it had written. */
  cut(): void {
    if (this.#state === 'running') this.#abandon()
  }

  /** The length of the file that the copy leaves. */
  get #byteLength(): number {
    const { from, cutOffAfterBytes } = this.#options
    return Math.min(from.byteLength, cutOffAfterBytes ?? from.byteLength)
  }

  get #partName(): string {
    return `${hostNameOf(this.#options.to)}.part`
  }

  #reserve(): boolean {
    const { volume, to, overwrite, startedAt } = this.#options
    const present = volume.find(to)
    if (present !== null && (present.readOnly || !overwrite)) return false
    try {
      volume.create(to, this.#byteLength, startedAt)
      return true
    } catch (error) {
      if (error instanceof WindowsError) return false
      throw error
    }
  }

  #abandon(): void {
    const { volume, host, to } = this.#options
    this.#state = 'failed'
    host.remove(this.#partName)
    volume.setAttributes(to, { locked: false })
    volume.delete(to)
  }
}
