// Along a symbol path, from left to right, until one place has the file. What a store has is copied into the stores to its
// left, and into the cache that stands before its element (Microsoft's "Advanced SymSrv Use", "Symbol path").
import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { SymbolsError } from '../errors.ts'
import { STORE_MARK } from '../store/store-key.ts'
import type { SymbolPathElement, SymbolStore } from '../store/symbol-path.ts'
import { searchFolder, searchStore } from './folder-store.ts'
import { hostPath } from './host-folder.ts'
import type { Search } from './search.ts'
import { searchServer } from './server-store.ts'

/** The path to use the file by; null when no place has it. */
export async function walk(search: Search, symbolPath: readonly SymbolPathElement[]): Promise<string | null> {
  let caches: readonly string[] = []
  for (const element of symbolPath) {
    search.signal?.throwIfAborted()
    const found = await searchElement(search, element, caches)
    if (found !== null) return found
    if (element.kind === 'cache') caches = rootsOf(search, [element.store], false)
  }
  return null
}

async function searchElement(
  search: Search,
  element: SymbolPathElement,
  caches: readonly string[],
): Promise<string | null> {
  switch (element.kind) {
    case 'unusable':
      return search.note(element.text, 'unusable', element.reason)
    case 'cache':
      return searchChain(search, [element.store], [])
    case 'chain':
      return searchChain(search, element.stores, caches)
    case 'folder': {
      const root = rootOf(search, element, true)
      if (root === null) return null
      if (!isFolder(root)) return noFolder(search, element)
      const isStore = existsSync(path.join(root, STORE_MARK))
      return isStore
        ? searchStore(search, root, element.path, caches)
        : searchFolder(search, root, element.path, caches)
    }
  }
}

async function searchChain(
  search: Search,
  stores: readonly SymbolStore[],
  caches: readonly string[],
): Promise<string | null> {
  for (const [i, store] of stores.entries()) {
    const keepers = [...caches, ...rootsOf(search, stores.slice(0, i), false)]
    if (store.kind === 'http') {
      const found = await searchServer(
        search,
        store.url,
        keepers.length > 0 ? keepers : [search.session.defaultStore],
      )
      if (found !== null) return found
      continue
    }
    const root = rootOf(search, store, true)
    if (root === null) continue
    // A store to the left of others is made when there is something to keep.
    if (store.kind === 'folder' && i === stores.length - 1 && !isFolder(root)) {
      noFolder(search, store)
      continue
    }
    const found = await searchStore(search, root, shownAs(search, store), keepers)
    if (found !== null) return found
  }
  return null
}

function rootsOf(search: Search, stores: readonly SymbolStore[], notes: boolean): string[] {
  return stores.map((store) => rootOf(search, store, notes)).filter((root) => root !== null)
}

/** The folder on this host, noting once why there is none. */
function rootOf(search: Search, store: SymbolStore, notes: boolean): string | null {
  if (store.kind === 'default') return search.session.defaultStore
  if (store.kind === 'http') return null
  if (store.kind === 'unusable') return notes ? search.note(store.text, 'unusable', store.reason) : null
  try {
    const root = hostPath(store.path, search.session.windowsRoots)
    if (root === null && notes)
      search.note(store.path, 'unusable', 'its drive or share is mapped to no folder')
    return root
  } catch (error) {
    if (!(error instanceof SymbolsError)) throw error
    return notes ? search.note(store.path, 'unusable', error.message) : null
  }
}

function isFolder(root: string): boolean {
  try {
    return statSync(root).isDirectory()
  } catch {
    return false
  }
}

/** Named, with what may have been meant. */
const noFolder = (search: Search, { path: named, hint }: { path: string; hint?: string }): null =>
  search.note(named, 'no-such-folder', `there is no such folder${hint === undefined ? '' : `: ${hint}`}`)

const shownAs = (search: Search, store: SymbolStore): string =>
  store.kind === 'folder' ? store.path : search.session.defaultStore
