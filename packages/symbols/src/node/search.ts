// One search along a symbol path: what is asked for, and what each place said.
import { closeSync, openSync, readSync, rmSync } from 'node:fs'
import { isCabinet } from '../cab/cabinet.ts'
import { SymbolsError } from '../errors.ts'
import { compressedName } from '../store/store-key.ts'
import type { SymbolIdentity } from '../symbol-file.ts'
import { copyInto, expandCabinet, newTemporary, place } from './store-writer.ts'
import type { SymbolSession } from './symbol-session.ts'

export type SymbolOutcome =
  | 'found'
  | 'absent'
  /** It is another build's: never used. `found` says whose. */
  | 'wrong-identity'
  /** Damaged, of another kind, or not ours to read. */
  | 'unreadable'
  /** A server that failed: not the same as not having it. */
  | 'unreachable'
  /** A part of the path that cannot be searched, or a store that cannot be written. */
  | 'unusable'

/** What one place said. */
export interface SymbolAttempt {
  /** A file, folder or address. */
  readonly place: string
  readonly outcome: SymbolOutcome
  readonly text: string
  readonly found?: SymbolIdentity
}

/** One line: what was found where, and why it was not used. */
export const attemptLine = ({ place, text }: SymbolAttempt): string =>
  text.startsWith(place) ? text : `${place}: ${text}`

export interface FileRequest {
  readonly name: string
  /** In stores. */
  readonly key: string
  /** In plain folders, from the folder on, in the order of trying. */
  readonly loosePaths: readonly (readonly string[])[]
  /** Says what a file is: `found`, or why it is not what is asked for. */
  check(file: string, shownAs: string): Promise<SymbolAttempt>
}

export class Search {
  readonly request: FileRequest
  readonly session: SymbolSession
  readonly attempts: SymbolAttempt[] = []
  readonly signal: AbortSignal | undefined
  readonly #unwritable = new Set<string>()

  constructor(request: FileRequest, session: SymbolSession, signal: AbortSignal | undefined) {
    this.request = request
    this.session = session
    this.signal = signal
  }

  note(place: string, outcome: SymbolOutcome, text: string): null {
    this.attempts.push({ place, outcome, text })
    return null
  }

  /** A temporary in the first store that can be written, the default one last. */
  temporary(keepers: readonly string[]): { readonly root: string; readonly file: string } | null {
    for (const root of new Set([...keepers, this.session.defaultStore])) {
      try {
        return { root, file: newTemporary(root) }
      } catch (error) {
        this.#cannotWrite(root, error)
      }
    }
    return null
  }

  /**
   * Checks a file and keeps it in `keepers`, the leftmost store first. Gives the path to use it by: in the leftmost store
   * that could be written, or where it is.
   */
  async acceptFile(file: string, shownAs: string, keepers: readonly string[]): Promise<string | null> {
    if (startsAsCabinet(file)) return this.#acceptCabinet(file, shownAs, keepers)
    if (!(await this.#passes(file, shownAs))) return null
    const kept = keepers.map((root) => this.#copy(file, root, this.request.name))
    return kept.find((path) => path !== null) ?? file
  }

  /** The same for a download, which is the temporary of the store `root`. */
  async acceptDownload(
    file: string,
    root: string,
    shownAs: string,
    keepers: readonly string[],
  ): Promise<string | null> {
    if (startsAsCabinet(file)) return this.#acceptCabinet(file, shownAs, keepers)
    if (!(await this.#passes(file, shownAs))) return null
    for (const other of keepers) if (other !== root) this.#copy(file, other, this.request.name)
    return this.#place(file, root)
  }

  /** Expanded into the leftmost store; those between keep it as it came. */
  async #acceptCabinet(cabinet: string, shownAs: string, keepers: readonly string[]): Promise<string | null> {
    const temporary = this.temporary(keepers)
    if (temporary === null) return null
    const { root, file } = temporary
    try {
      expandCabinet(cabinet, this.request.name, file)
      if (!(await this.#passes(file, shownAs))) return null
      for (const other of keepers) {
        if (other !== root) this.#copy(cabinet, other, compressedName(this.request.name))
      }
      return this.#place(file, root)
    } catch (error) {
      return this.note(shownAs, 'unreadable', reasonOf(error))
    } finally {
      rmSync(file, { force: true })
    }
  }

  async #passes(file: string, shownAs: string): Promise<boolean> {
    const attempt = await this.request.check(file, shownAs)
    this.attempts.push(attempt)
    return attempt.outcome === 'found'
  }

  /** Said once. */
  #cannotWrite(root: string, error: unknown): null {
    if (this.#unwritable.has(root)) return null
    this.#unwritable.add(root)
    return this.note(root, 'unusable', `it cannot be written: ${reasonOf(error)}`)
  }

  #place(file: string, root: string): string | null {
    const { name, key } = this.request
    try {
      return place(root, file, name, key, name)
    } catch (error) {
      return this.#cannotWrite(root, error)
    }
  }

  #copy(from: string, root: string, fileName: string): string | null {
    const { name, key } = this.request
    try {
      return copyInto(root, from, name, key, fileName)
    } catch (error) {
      return this.#cannotWrite(root, error)
    }
  }
}

export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

function startsAsCabinet(file: string): boolean {
  const head = new Uint8Array(4)
  try {
    const descriptor = openSync(file, 'r')
    try {
      readSync(descriptor, head, 0, head.byteLength, 0)
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    if (error instanceof SymbolsError) throw error
    return false // the check of the file says what is wrong with it
  }
  return isCabinet(head)
}
