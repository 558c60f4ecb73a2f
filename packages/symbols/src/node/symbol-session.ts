// What lasts as long as a debugger's session: where Windows paths lead, the default downstream store, what servers said, and
// which files were refused: what took long to refuse is not tried again.
import { statSync } from 'node:fs'
import { SymbolsError } from '../errors.ts'
import type { StoreLayout } from '../store/store-key.ts'
import type { WindowsRoot } from '../store/windows-path.ts'
import type { SymbolFile } from '../symbol-file.ts'
import { HttpClient, type HttpLimits } from './http-client.ts'
import { type OpenedSymbolFile, openSymbolFile } from './open-symbol-file.ts'
import type { SymbolAttempt } from './symbol-attempt.ts'
import type { SymbolEvent } from './symbol-event.ts'

export interface SymbolSessionOptions extends HttpLimits {
  /** Folders that stand for `C:` or `\\server\share`. */
  readonly windowsRoots?: readonly WindowsRoot[]
  /** The default downstream store, a folder of this host; made when it is first written. */
  readonly defaultStore: string
  /** Told of downloads and silent servers. */
  readonly onEvent?: (event: SymbolEvent) => void
}

export class SymbolSession {
  readonly windowsRoots: readonly WindowsRoot[]
  readonly defaultStore: string
  readonly http: HttpClient
  /** Learned from the roots of servers. */
  readonly serverLayouts = new Map<string, StoreLayout>()
  /** Addresses and cabinets whose content was refused. */
  readonly refused = new Map<string, SymbolAttempt>()
  readonly #refusedFiles = new Map<string, SymbolsError>()
  /** The table that was opened last: it is asked for again as soon as its identity is known to be right. */
  #table: { readonly stamp: string; readonly file: SymbolFile } | null = null

  constructor({ windowsRoots = [], defaultStore, onEvent, ...limits }: SymbolSessionOptions) {
    this.windowsRoots = windowsRoots
    this.defaultStore = defaultStore
    this.http = new HttpClient(limits, onEvent ?? (() => undefined))
  }

  /** Throws again, and at once, what the same file was refused with before. */
  async open(path: string, origin: string = path): Promise<OpenedSymbolFile> {
    const stamp = stampOf(path)
    if (stamp === null) return openSymbolFile(path, origin)
    const refusal = this.#refusedFiles.get(stamp)
    if (refusal !== undefined) throw refusal
    if (this.#table?.stamp === stamp) return { file: this.#table.file, close: () => undefined }
    try {
      const opened = await openSymbolFile(path, origin)
      if (opened.file.kind === 'isf') this.#table = { stamp, file: opened.file }
      return opened
    } catch (error) {
      if (error instanceof SymbolsError && error.code !== 'SYMBOLS_UNREADABLE') {
        this.#refusedFiles.set(stamp, error)
      }
      throw error
    }
  }
}

/** Changes when the file does; null where there is none. */
export function stampOf(path: string): string | null {
  try {
    const { dev, ino, size, mtimeMs } = statSync(path)
    return `${dev}:${ino}:${size}:${mtimeMs}`
  } catch {
    return null // the open reports why
  }
}
