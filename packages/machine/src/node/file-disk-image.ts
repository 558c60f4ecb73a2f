// A raw disk image in a sparse file: written by position, one gathered write a command.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import type { DiskImage } from '../disk/disk.ts'
import { checkRange } from '../disk/range.ts'
import { MachineError } from '../errors.ts'

export interface FileDiskImageOptions {
  /** FLUSH commands of the guest are fsynced, instead of only recorded. */
  readonly durable?: boolean
  /** Throws where the file may not be written any more. */
  readonly beforeWrite?: () => void
}

export class FileDiskImage implements DiskImage {
  readonly path: string
  readonly byteLength: number
  readonly durable: boolean
  readonly #beforeWrite: () => void
  #fd: number

  private constructor(path: string, fd: number, byteLength: number, options: FileDiskImageOptions) {
    this.path = path
    this.#fd = fd
    this.byteLength = byteLength
    this.durable = options.durable === true
    this.#beforeWrite = options.beforeWrite ?? (() => {})
  }

  /** Makes a new file; one that exists is refused. */
  static create(path: string, byteLength: number, options: FileDiskImageOptions = {}): FileDiskImage {
    const fd = guard(path, 'created', () => fs.openSync(path, 'wx+'))
    try {
      return FileDiskImage.inNewFile(path, fd, byteLength, options)
    } catch (error) {
      fs.rmSync(path, { force: true })
      throw error
    }
  }

  /** In an empty file that its owner has opened to read and write; closes it where that fails. */
  static inNewFile(
    path: string,
    fd: number,
    byteLength: number,
    options: FileDiskImageOptions = {},
  ): FileDiskImage {
    return guard(path, 'created', () => {
      try {
        if (process.platform === 'win32') markSparse(path)
        fs.ftruncateSync(fd, byteLength)
      } catch (cause) {
        fs.closeSync(fd)
        throw cause
      }
      return new FileDiskImage(path, fd, byteLength, options)
    })
  }

  static open(path: string, options: FileDiskImageOptions = {}): FileDiskImage {
    return FileDiskImage.inFile(
      path,
      guard(path, 'opened', () => fs.openSync(path, 'r+')),
      options,
    )
  }

  /** In a file that its owner has opened to read and write. */
  static inFile(path: string, fd: number, options: FileDiskImageOptions = {}): FileDiskImage {
    return guard(path, 'opened', () => new FileDiskImage(path, fd, fs.fstatSync(fd).size, options))
  }

  read(offset: number, into: Uint8Array): void {
    checkRange(this, offset, into.byteLength)
    guard(this.path, 'read', () => {
      for (let done = 0; done < into.byteLength; ) {
        const count = fs.readSync(this.#fd, into, done, into.byteLength - done, offset + done)
        if (count === 0) {
          into.fill(0, done) // another program cut the file: missing bytes read as unwritten
          return
        }
        done += count
      }
    })
  }

  write(offset: number, parts: readonly Uint8Array[]): void {
    let byteLength = 0
    for (const part of parts) byteLength += part.byteLength
    checkRange(this, offset, byteLength)
    this.#beforeWrite()
    try {
      const first = parts[0]
      const written =
        parts.length === 1 && first !== undefined
          ? fs.writeSync(this.#fd, first, 0, byteLength, offset)
          : fs.writevSync(this.#fd, parts, offset)
      if (written < byteLength) this.#writeRest(offset, parts, written)
    } catch (cause) {
      throw failure(this.path, 'written', cause)
    }
  }

  sync(): void {
    guard(this.path, 'synced', () => fs.fsyncSync(this.#fd))
  }

  close(): void {
    if (this.#fd < 0) return
    fs.closeSync(this.#fd)
    this.#fd = -1
  }

  /** The host took a part only: on with the rest, until it reports why. */
  #writeRest(offset: number, parts: readonly Uint8Array[], written: number): void {
    let at = 0
    for (const part of parts) {
      for (let done = Math.max(0, written - at); done < part.byteLength; ) {
        done += fs.writeSync(this.#fd, part, done, part.byteLength - done, offset + at + done)
      }
      at += part.byteLength
    }
  }
}

/** NTFS fills a file up to each write unless it is marked before. */
function markSparse(path: string): void {
  const done = spawnSync('fsutil', ['sparse', 'setflag', path], { windowsHide: true })
  if (done.status !== 0) throw done.error ?? new Error(`fsutil ended with ${done.status}`)
}

function guard<T>(path: string, what: string, action: () => T): T {
  try {
    return action()
  } catch (cause) {
    throw failure(path, what, cause)
  }
}

function failure(path: string, what: string, cause: unknown): MachineError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new MachineError(
    'DISK_IMAGE',
    `disk image ${path} cannot be ${what}: ${reason}`,
    { path },
    { cause },
  )
}
