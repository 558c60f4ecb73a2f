// Along a symbol path, from left to right, until one place has the file. What a store has is copied into the stores to its
// left, and into the cache that stands before its element (Microsoft's "Advanced SymSrv Use", "Symbol path").
import { existsSync } from 'node:fs'
import path from 'node:path'
import { STORE_MARK } from '../store/store-key.ts'
import type { SymbolPathElement, SymbolStore } from '../store/symbol-path.ts'
import { searchFolder, searchStore } from './folder-store.ts'
import { existingFolder, type Note, rootOfFolder } from './path-folders.ts'
import type { Search } from './search.ts'
import { searchServer } from './server-store.ts'

/** The path to use the file by; null when no place has it. */
export async function walk(search: Search, symbolPath: readonly SymbolPathElement[]): Promise<string | null> {
  let caches: readonly string[] = []
  for (const element of symbolPath) {
    search.signal?.throwIfAborted()
    const found = await searchElement(search, element, caches)
    if (found !== null) return found
    if (element.kind === 'cache') caches = rootsOf(search, [element.store])
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
      return searchStoreOf(search, element.store, [], false)
    case 'chain':
      return searchChain(search, element.stores, caches)
    case 'folder': {
      const root = existingFolder(element, search.session.windowsRoots, noteOf(search))
      if (root === null) return null
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
    const keepers = [...caches, ...rootsOf(search, stores.slice(0, i))]
    if (store.kind === 'http') {
      const found = await searchServer(
        search,
        store.url,
        keepers.length > 0 ? keepers : [search.session.defaultStore],
      )
      if (found !== null) return found
      continue
    }
    // Every store but the last is made when there is a file to keep.
    const found = await searchStoreOf(search, store, keepers, i === stores.length - 1)
    if (found !== null) return found
  }
  return null
}

async function searchStoreOf(
  search: Search,
  store: SymbolStore,
  keepers: readonly string[],
  hasToExist: boolean,
): Promise<string | null> {
  const root =
    store.kind === 'folder' && hasToExist
      ? existingFolder(store, search.session.windowsRoots, noteOf(search))
      : rootOf(search, store, noteOf(search))
  return root === null ? null : searchStore(search, root, shownAs(search, store), keepers)
}

/** Those that can keep a file; what is wrong with the others is noted when it is their turn. */
const rootsOf = (search: Search, stores: readonly SymbolStore[]): string[] =>
  stores.map((store) => rootOf(search, store, () => null)).filter((root) => root !== null)

/** The folder on this host; null for a server, and for what leads nowhere. */
function rootOf(search: Search, store: SymbolStore, note: Note): string | null {
  switch (store.kind) {
    case 'default':
      return search.session.defaultStore
    case 'http':
      return null
    case 'unusable':
      return note(store.text, 'unusable', store.reason)
    case 'folder':
      return rootOfFolder(store, search.session.windowsRoots, note)
  }
}

const noteOf =
  (search: Search): Note =>
  (place, outcome, text) =>
    search.note(place, outcome, text)

const shownAs = (search: Search, store: SymbolStore): string =>
  store.kind === 'folder' ? store.path : search.session.defaultStore
