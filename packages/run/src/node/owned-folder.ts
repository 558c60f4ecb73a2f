// The folder of a run, for the process that works on it. What the run makes stands in its list before it is made, and nothing else is
// ever written, cut, renamed or removed: an entry of another origin is refused by name, or left and named.
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { InTheWayError, type RunError } from '../errors.ts'
import { MARKER } from '../index.ts'
import { type MadeKind, type MadeList, markerLine } from '../made-list.ts'
import { GuardedFolder, whatIs } from './guarded-folder.ts'
import { onHost } from './host-error.ts'
import { ListFile } from './list-file.ts'
import { writeWhole } from './write-whole.ts'

/** What stays where it is although the list names it. */
export interface LeftEntry {
  readonly file: string
  readonly why: string
}

/** Asked before anything is changed; throws where another process has taken the folder over. */
export interface WriteGuard {
  /** Before any write: may rely on an answer of a moment ago. */
  check(): void
  /** Before what others go on from. */
  verify(): void
}

/** For a folder that only this process knows. */
const UNGUARDED: WriteGuard = { check() {}, verify() {} }

export class OwnedFolder extends GuardedFolder {
  readonly runId: string
  readonly #list: ListFile
  readonly #guard: WriteGuard

  private constructor(root: string, runId: string, list: ListFile, guard: WriteGuard) {
    super(root)
    this.runId = runId
    this.#list = list
    this.#guard = guard
  }

  /** Puts the marker of a new run in the folder. Throws RunError RUN_FOLDER_UNSAFE, HOST_IO; EEXIST becomes HOST_IO too. */
  static mark(root: string, guard = UNGUARDED): OwnedFolder {
    const file = path.join(root, MARKER)
    const runId = randomBytes(16).toString('hex')
    const line = Buffer.from(markerLine(runId))
    return onHost(`write ${file}`, () => {
      const fd = openSync(file, 'ax')
      writeWhole(fd, line)
      fsyncSync(fd)
      return new OwnedFolder(root, runId, new ListFile(fd, file, new Map(), line.byteLength), guard)
    })
  }

  /** With the list as it was read; what a kill cut off after its last whole line goes. */
  static open(
    folder: GuardedFolder,
    { runId, made }: MadeList,
    byteLength: number,
    guard = UNGUARDED,
  ): OwnedFolder {
    const file = folder.pathOf(MARKER)
    return onHost(`write ${file}`, () => {
      const fd = folder.descriptor(MARKER, constants.O_WRONLY | constants.O_APPEND)
      ftruncateSync(fd, byteLength)
      return new OwnedFolder(folder.path, runId, new ListFile(fd, file, made, byteLength), guard)
    })
  }

  /** To a file of the folder. Throws RunError RUN_FOLDER_LOST, and what the system says. */
  write(fd: number, bytes: Uint8Array, at: number | null = null): void {
    this.#guard.check()
    writeWhole(fd, bytes, at)
  }

  /** To be called before a write that does not come by way of this folder. Throws RunError RUN_FOLDER_LOST, HOST_IO. */
  checkWrite(): void {
    this.#guard.check()
  }

  isMade(name: string): boolean {
    return this.#list.kindOf(name) !== null
  }

  /** Throws RunError RUN_FOLDER_UNSAFE where an entry of the list has become something else: before anything is changed. */
  checkMade(): void {
    for (const [name, kind] of this.#list.below(null)) {
      if (kind === 'file') this.hasFile(name)
      else this.hasFolder(name)
    }
  }

  /** Those of the list in a folder, whether they are there or not. */
  madeFiles(folder: string): string[] {
    return this.#list
      .below(folder)
      .filter(([, kind]) => kind === 'file')
      .map(([name]) => name)
  }

  /** And those above it. One that is there already is entered and stays no part of the list. */
  makeFolder(name: string): void {
    const parts = name.split('/')
    for (let count = 1; count <= parts.length; count++) {
      const part = parts.slice(0, count).join('/')
      if (this.hasFolder(part)) continue
      const at = this.pathOf(part)
      this.#guard.check()
      this.#list.add('folder', part)
      mkdirSync(at)
    }
  }

  /**
   * A new file, open to read and write, in the place of one that the run made before; folders above it are made. Throws RunError
   * RUN_FOLDER_FOREIGN where the run did not make the one that is there, RUN_FOLDER_UNSAFE, and what the system says.
   */
  create(name: string, mode = 0o666): number {
    this.#makeParent(name)
    this.remove(name)
    if (this.hasFile(name)) throw foreign(this.pathOf(name))
    const at = this.pathOf(name)
    this.#guard.check()
    this.#list.add('file', name)
    try {
      return openSync(at, 'wx+', mode)
    } catch (error) {
      this.#list.drop(name)
      throw error
    }
  }

  writeFile(name: string, content: string | Iterable<Uint8Array>): void {
    const fd = this.create(name)
    try {
      if (typeof content === 'string') writeFileSync(fd, content)
      else for (const part of content) this.write(fd, part)
    } finally {
      closeSync(fd)
    }
  }

  /** Appears under its name whole or not at all, and on the disk. */
  replaceFile(name: string, content: string | Uint8Array): void {
    const draft = draftOf(name)
    const fd = this.create(draft)
    try {
      writeFileSync(fd, content)
      this.#list.sync()
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    this.#guard.verify()
    this.rename(draft, name)
  }

  /** Opens a file that the run made. Throws RunError RUN_FOLDER_FOREIGN, RUN_FOLDER_UNSAFE, and the error of the system. */
  openToAppend(name: string): number {
    return this.#openMade(name, constants.O_WRONLY | constants.O_APPEND)
  }

  openToUpdate(name: string): number {
    return this.#openMade(name, constants.O_RDWR)
  }

  truncate(name: string, byteLength: number): void {
    const fd = this.openToUpdate(name)
    try {
      this.#guard.check()
      ftruncateSync(fd, byteLength)
    } finally {
      closeSync(fd)
    }
  }

  /** Over a file of the run that has the name; folders above it are made. */
  rename(from: string, to: string): void {
    this.#checkMade(from)
    this.#makeParent(to)
    if (this.hasFile(to)) this.#checkMade(to)
    const [source, target] = [this.pathOf(from), this.pathOf(to)]
    this.#guard.check()
    this.#list.add('file', to)
    renameSync(source, target)
    this.#list.drop(from)
  }

  /** A file of the run. What it did not make, and what is not there, stays as it is. */
  remove(name: string): void {
    if (!this.isMade(name)) return
    this.#guard.check()
    if (this.hasFile(name)) unlinkSync(this.pathOf(name))
    this.#list.drop(name)
  }

  /** All that the run made in the whole folder, or at that name and below it. Returns what is left. */
  removeMade(name: string | null = null): LeftEntry[] {
    const left: LeftEntry[] = []
    for (const [entry, kind] of this.#list.below(name)) {
      this.#guard.check()
      const why = onHost(`remove ${this.pathOf(entry)}`, () => this.#removeEntry(entry, kind))
      if (why === null) this.#list.drop(entry)
      else left.push({ file: this.pathOf(entry), why })
    }
    return left
  }

  /** Whether nothing is left that the list names. */
  get isCleared(): boolean {
    return this.#list.size === 0
  }

  /** The last thing of a run that goes. */
  removeMarker(): void {
    this.#guard.check()
    onHost(`remove ${this.pathOf(MARKER)}`, () => unlinkSync(this.pathOf(MARKER)))
  }

  close(): void {
    this.#list.close()
  }

  /** Null where nothing is there any more. */
  #removeEntry(name: string, kind: MadeKind): string | null {
    let stat: ReturnType<GuardedFolder['stat']>
    try {
      stat = this.stat(name)
    } catch (error) {
      if (error instanceof InTheWayError && error.code === 'RUN_FOLDER_UNSAFE') return error.message
      throw error
    }
    if (stat === null) return null
    if (kind === 'file' ? !stat.isFile() : !stat.isDirectory()) return `it is ${whatIs(stat)} now`
    const at = this.pathOf(name)
    if (kind === 'file') unlinkSync(at)
    else if (readdirSync(at).length > 0) return 'it holds what the run did not make'
    else rmdirSync(at)
    return null
  }

  #openMade(name: string, flags: number): number {
    this.#checkMade(name)
    return this.descriptor(name, flags)
  }

  #checkMade(name: string): void {
    if (this.hasFile(name) && !this.isMade(name)) throw foreign(this.pathOf(name))
  }

  #makeParent(name: string): void {
    const parent = path.posix.dirname(name)
    if (parent !== '.') this.makeFolder(parent)
  }
}

/** What a file is called until it is whole. */
export const draftOf = (name: string): string => `${name}.tmp`

function foreign(file: string): RunError {
  return new InTheWayError(
    'RUN_FOLDER_FOREIGN',
    `${file} is there and no run has made it: it is neither written nor removed`,
  )
}
