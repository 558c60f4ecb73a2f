// The list of what a run has made, on the disk: a line is added before an entry is made, and after it is gone.
import { closeSync, fsyncSync, ftruncateSync } from 'node:fs'
import { isSystemError } from '@dumpstack/bytes/node'
import { RunError } from '../errors.ts'
import { goneLine, isRunName, MAX_MARKER_BYTES, type MadeKind, madeLine } from '../made-list.ts'
import { writeWhole } from './write-whole.ts'

export class ListFile {
  readonly #fd: number
  readonly #file: string
  readonly #made: Map<string, MadeKind>
  #byteLength: number

  /** `fd` appends. */
  constructor(fd: number, file: string, made: Map<string, MadeKind>, byteLength: number) {
    this.#fd = fd
    this.#file = file
    this.#made = made
    this.#byteLength = byteLength
  }

  get size(): number {
    return this.#made.size
  }

  kindOf(name: string): MadeKind | null {
    return this.#made.get(name) ?? null
  }

  /** The entry of that name and those below it, or all; what lies deeper comes first. */
  below(name: string | null): [name: string, kind: MadeKind][] {
    const found = [...this.#made].filter(
      ([entry]) => name === null || entry === name || entry.startsWith(`${name}/`),
    )
    return found.sort(([one], [other]) => depthOf(other) - depthOf(one))
  }

  add(kind: MadeKind, name: string): void {
    if (this.#made.get(name) === kind) return
    if (!isRunName(name)) throw new Error(`${name} has no name that a run gives`)
    this.#write(madeLine(kind, name))
    this.#made.set(name, kind)
  }

  /** On a disk that is full the line is left out: an entry that is gone does no harm in the list, and making room must not fail. */
  drop(name: string): void {
    if (!this.#made.delete(name)) return
    try {
      this.#write(goneLine(name))
    } catch (error) {
      if (!isSystemError(error)) throw error
    }
  }

  /** To be on the disk before the state that relies on it is. */
  sync(): void {
    fsyncSync(this.#fd)
  }

  close(): void {
    closeSync(this.#fd)
  }

  #write(line: string): void {
    const bytes = Buffer.from(line)
    const end = this.#byteLength + bytes.byteLength
    if (end > MAX_MARKER_BYTES) {
      throw new RunError(
        'RUN_FOLDER_TOO_LARGE',
        `${this.#file} has ${end} bytes, expected at most ${MAX_MARKER_BYTES}`,
      )
    }
    try {
      writeWhole(this.#fd, bytes)
    } catch (error) {
      this.#cutBack()
      throw error
    }
    this.#byteLength = end
  }

  /** A part of a refused line may be in the file. */
  #cutBack(): void {
    try {
      ftruncateSync(this.#fd, this.#byteLength)
    } catch (error) {
      if (!isSystemError(error)) throw error // the caller is told that the write failed
    }
  }
}

const depthOf = (name: string): number => name.split('/').length
