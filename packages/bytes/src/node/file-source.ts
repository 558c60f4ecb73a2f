// A file as a ByteSource: positional reads, never a whole-file load.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import type { ByteSource } from '../source.ts'

export class FileSource implements ByteSource {
  readonly path: string
  readonly byteLength: number
  readonly #fd: number

  /** Throws the system's error when the file cannot be opened or is not a regular file. */
  constructor(path: string) {
    this.path = path
    this.#fd = openSync(path, 'r')
    const stat = fstatSync(this.#fd)
    if (!stat.isFile()) {
      closeSync(this.#fd)
      throw Object.assign(new Error(`${path} is not a regular file`), { code: 'ENOTFILE' })
    }
    this.byteLength = stat.size
  }

  read(offset: number, into: Uint8Array): number {
    let done = 0
    while (done < into.byteLength) {
      const n = readSync(this.#fd, into, done, into.byteLength - done, offset + done)
      if (n === 0) break
      done += n
    }
    return done
  }

  close(): void {
    closeSync(this.#fd)
  }
}
