// A file as a ByteSource: positional reads, never a whole-file load.
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { DumpstackError } from '../errors.ts'
import type { ByteSource } from '../source.ts'

export class FileError extends DumpstackError {}

export class FileSource implements ByteSource {
  readonly path: string
  readonly byteLength: number
  readonly #fd: number

  /** Throws the system's error when the file cannot be opened, FileError FILE_NOT_REGULAR for a folder, pipe or device. `fd`: it is open. */
  constructor(path: string, fd = openRegular(path)) {
    this.path = path
    this.#fd = fd
    this.byteLength = fstatSync(fd).size
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

function openRegular(path: string): number {
  // Asked before it is opened: opening a pipe without a writer never returns.
  const stat = statSync(path)
  if (stat.isFile()) return openSync(path, 'r')
  const kind = stat.isDirectory() ? 'a folder' : stat.isFIFO() ? 'a pipe' : 'a device'
  throw new FileError('FILE_NOT_REGULAR', `${path} is ${kind}, expected a file`, { path })
}
