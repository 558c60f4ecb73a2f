// A folder that may come from anywhere. Its own path is resolved once; below it no link is followed, only regular files are opened,
// and nothing is read before its size is known to be within bounds. Each part of a name is looked at before it is used: what a
// process puts there between the look and the use is not guarded against, as Node has no openat.
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  type Stats,
} from 'node:fs'
import path from 'node:path'
import { FileSource } from '@dumpstack/bytes/node'
import { KeptRunError } from '@dumpstack/target'
import { InTheWayError, NotARunError, RunError } from '../errors.ts'
import { isInnerName } from '../inner-name.ts'
import { onHost } from './host-error.ts'

/** Windows has none of these flags, and no entry that they are for. */
const GUARD = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)

export class GuardedFolder {
  /** Absolute, and free of links. */
  readonly path: string

  /** `root` has been resolved. */
  constructor(root: string) {
    this.path = root
  }

  /** Throws RunError HOST_IO, RUN_FOLDER_NOT_A_RUN for a path that is no folder. */
  static at(folder: string): GuardedFolder {
    const root = onHost(`read ${folder}`, () => realpathSync(folder))
    if (!onHost(`read ${folder}`, () => lstatSync(root)).isDirectory())
      throw new NotARunError('RUN_FOLDER_NOT_A_RUN', `${folder} is a file, expected the folder of a run`)
    return new GuardedFolder(root)
  }

  /** As the host names it. Throws KeptRunError for a name that leads out. */
  pathOf(name: string): string {
    if (isInnerName(name)) return path.join(this.path, name)
    throw new KeptRunError(
      'RUN_FOLDER_CORRUPT',
      `${JSON.stringify(name)} leads out of the run folder ${this.path}`,
    )
  }

  /** Throws RunError RUN_FOLDER_UNSAFE for what is there and is no regular file. */
  hasFile(name: string): boolean {
    const stat = this.stat(name)
    if (stat !== null && !stat.isFile()) throw unsafe(this.pathOf(name), whatIs(stat), 'a file')
    return stat !== null
  }

  hasFolder(name: string): boolean {
    const stat = this.stat(name)
    if (stat !== null && !stat.isDirectory()) throw unsafe(this.pathOf(name), whatIs(stat), 'a folder')
    return stat !== null
  }

  byteLengthOf(name: string): number | null {
    return this.hasFile(name) ? (this.stat(name)?.size ?? null) : null
  }

  /** The names in the folder itself, or in one below it; none where that does not exist. */
  names(folder = ''): string[] {
    if (folder === '') return onHost(`read ${this.path}`, () => readdirSync(this.path)).sort()
    if (!this.hasFolder(folder)) return []
    return onHost(`read ${this.pathOf(folder)}`, () => readdirSync(this.pathOf(folder))).sort()
  }

  /** The folders in the folder itself; no link to one. */
  folders(): string[] {
    return this.names().filter((name) => isInnerName(name) && this.stat(name)?.isDirectory() === true)
  }

  modifiedAt(name: string): number {
    return this.stat(name)?.mtimeMs ?? 0
  }

  /** Whole, where it has no more than that many bytes. Throws RunError RUN_FOLDER_TOO_LARGE. */
  read(name: string, maxBytes: number): Buffer {
    const source = this.source(name)
    try {
      if (source.byteLength > maxBytes) {
        throw new RunError(
          'RUN_FOLDER_TOO_LARGE',
          `${source.path} has ${source.byteLength} bytes, expected at most ${maxBytes}`,
        )
      }
      const bytes = Buffer.alloc(source.byteLength)
      return bytes.subarray(
        0,
        onHost(`read ${source.path}`, () => source.read(0, bytes)),
      )
    } finally {
      source.close()
    }
  }

  /** To be read by position. */
  source(name: string): FileSource {
    const file = this.pathOf(name)
    return onHost(`read ${file}`, () => new FileSource(file, this.descriptor(name, constants.O_RDONLY)))
  }

  /** In pieces of that many bytes. */
  *chunks(name: string, chunkBytes: number): Generator<Uint8Array> {
    const file = this.pathOf(name)
    const fd = onHost(`read ${file}`, () => this.descriptor(name, constants.O_RDONLY))
    try {
      for (;;) {
        const chunk = new Uint8Array(chunkBytes)
        const length = onHost(`read ${file}`, () => readSync(fd, chunk))
        if (length === 0) return
        yield chunk.subarray(0, length)
      }
    } finally {
      closeSync(fd)
    }
  }

  /** A descriptor of an existing file. Throws the error of the system, RunError RUN_FOLDER_UNSAFE. */
  descriptor(name: string, flags: number): number {
    this.hasFile(name)
    const file = this.pathOf(name)
    const fd = openSync(file, flags | GUARD)
    const stat = fstatSync(fd)
    const isWritten = (flags & (constants.O_WRONLY | constants.O_RDWR)) !== 0
    const found = !stat.isFile()
      ? whatIs(stat)
      : isWritten && stat.nlink > 1
        ? `one of ${stat.nlink} names of a file`
        : null
    if (found === null) return fd
    closeSync(fd)
    throw unsafe(file, found, 'a file of its own')
  }

  /** The status of the entry itself; null where it does not exist. Throws RunError RUN_FOLDER_UNSAFE where something on the way is no folder. */
  protected stat(name: string): Stats | null {
    const parts = path.relative(this.path, this.pathOf(name)).split(path.sep)
    let at = this.path
    for (const [index, part] of parts.entries()) {
      at = path.join(at, part)
      const stat = onHost(`read ${at}`, () => lstatSync(at, { throwIfNoEntry: false })) ?? null
      if (stat === null || index === parts.length - 1) return stat
      if (!stat.isDirectory()) throw unsafe(at, whatIs(stat), 'a folder')
    }
    return null
  }
}

export function unsafe(file: string, found: string, expected: string): RunError {
  return new InTheWayError(
    'RUN_FOLDER_UNSAFE',
    `${file} is ${found}, expected ${expected}: nothing outside of a run folder is touched by way of it`,
  )
}

export function whatIs(stat: Stats): string {
  if (stat.isSymbolicLink()) return 'a link'
  if (stat.isDirectory()) return 'a folder'
  if (stat.isFIFO()) return 'a pipe'
  if (stat.isSocket()) return 'a socket'
  return stat.isFile() ? 'a file' : 'a device'
}
