// One search along a symbol path: what is asked for, and what each place said.
import { closeSync, openSync, readSync, rmSync } from 'node:fs'
import { isCabinet } from '../cab/cabinet.ts'
import { SymbolsError } from '../errors.ts'
import { compressedName } from '../store/store-key.ts'
import { expandCabinet } from './expand-cabinet.ts'
import { copyInto, newTemporary, place, type StorePlace } from './store-writer.ts'
import type { SymbolAttempt, SymbolOutcome } from './symbol-attempt.ts'
import { type SymbolSession, stampOf } from './symbol-session.ts'

export interface FileRequest {
  readonly name: string
  /** In stores. */
  readonly key: string
  /** In plain folders, from the folder on, in the order of trying. */
  readonly loosePaths: readonly (readonly string[])[]
  /** Says what a file is: `found`, or why it is not what is asked for. */
  check(file: string, shownAs: string): Promise<SymbolAttempt>
  /** The same of the first bytes of a file of that length, as far as these tell; null where they do not speak against it. */
  checkHead(head: Uint8Array, byteLength: number, shownAs: string): SymbolAttempt | null
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
    const kept: (string | null)[] = []
    for (const root of keepers) kept.push(await this.#copy(file, root))
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
    for (const other of keepers) if (other !== root) await this.#copy(file, other)
    return this.#place(file, root)
  }

  /** Expanded into the leftmost store; those between keep it as it came. What was refused is not expanded again. */
  async #acceptCabinet(cabinet: string, shownAs: string, keepers: readonly string[]): Promise<string | null> {
    const stamp = `${stampOf(cabinet)} ${this.request.key}`
    const refusal = this.session.refused.get(stamp)
    if (refusal !== undefined) {
      this.attempts.push({ ...refusal, place: shownAs })
      return null
    }
    const temporary = this.temporary(keepers)
    if (temporary === null) return null
    const { root, file } = temporary
    const refuse = (attempt: SymbolAttempt): null => {
      this.session.refused.set(stamp, attempt)
      this.attempts.push(attempt)
      return null
    }
    try {
      const { name } = this.request
      const refused = await expandCabinet(cabinet, {
        name,
        into: file,
        checkHead: (head, byteLength) => this.request.checkHead(head, byteLength, shownAs),
        signal: this.signal,
      })
      if (refused !== null) return refuse(refused)
      if (!(await this.#passes(file, shownAs))) return null
      for (const other of keepers) {
        if (other !== root)
          await this.#copy(cabinet, other, compressedName(name), () => Promise.resolve(false))
      }
      return this.#place(file, root)
    } catch (error) {
      this.signal?.throwIfAborted()
      const text = reasonOf(error)
      // A full disk is not the cabinet's fault.
      return error instanceof SymbolsError
        ? refuse({ place: shownAs, outcome: 'unreadable', text })
        : this.note(shownAs, 'unusable', text)
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

  async #place(file: string, root: string): Promise<string | null> {
    try {
      return await place(file, this.#placeIn(root))
    } catch (error) {
      return this.#cannotWrite(root, error)
    }
  }

  async #copy(
    from: string,
    root: string,
    fileName = this.request.name,
    isRight?: StorePlace['isRight'],
  ): Promise<string | null> {
    try {
      return await copyInto(from, { ...this.#placeIn(root), fileName, ...(isRight && { isRight }) })
    } catch (error) {
      return this.#cannotWrite(root, error)
    }
  }

  #placeIn(root: string): StorePlace {
    const { name, key } = this.request
    const isRight = async (file: string): Promise<boolean> =>
      (await this.request.check(file, file)).outcome === 'found'
    return { root, name, key, fileName: name, isRight }
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
