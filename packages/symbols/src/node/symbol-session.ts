// What lasts as long as a debugger's session: where Windows paths lead, the default downstream store, what servers said.
import type { StoreLayout } from '../store/store-key.ts'
import type { WindowsRoot } from '../store/windows-path.ts'
import { HttpClient, type HttpLimits } from './http-client.ts'

export interface SymbolSessionOptions extends HttpLimits {
  /** Folders that stand for `C:` or `\\server\share`. */
  readonly windowsRoots?: readonly WindowsRoot[]
  /** The default downstream store, a folder of this host; made when it is first written. */
  readonly defaultStore: string
}

export class SymbolSession {
  readonly windowsRoots: readonly WindowsRoot[]
  readonly defaultStore: string
  readonly http: HttpClient
  /** Learned from the roots of servers. */
  readonly serverLayouts = new Map<string, StoreLayout>()

  constructor({ windowsRoots = [], defaultStore, ...limits }: SymbolSessionOptions) {
    this.windowsRoots = windowsRoots
    this.defaultStore = defaultStore
    this.http = new HttpClient(limits)
  }
}
