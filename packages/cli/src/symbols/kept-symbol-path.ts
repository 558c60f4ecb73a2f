// The symbol path that a run keeps in its folder, which may come from anywhere: what reaches out of this host's folders, or writes into
// them, is used only where it is named again on the command line.
import { parseSymbolPath, type SymbolPathElement, type SymbolStore } from '@dumpstack/symbols'
import { UsageError } from '../program/usage-error.ts'
import { shellWord } from '../terminal/shell-word.ts'

/** Throws UsageError showing the places. */
export function checkKeptSymbolPath(symbolPath: string | null): void {
  if (symbolPath === null) return
  const outward = parseSymbolPath(symbolPath).filter(reachesOut)
  if (outward.length === 0) return
  const places = outward.map(({ text }) => text).join(', ')
  throw new UsageError(
    `the run's symbol path has ${places}: servers, shares and stores that are written are used only where they are named again, -y ${shellWord(symbolPath)}`,
  )
}

function reachesOut(element: SymbolPathElement): boolean {
  switch (element.kind) {
    case 'folder':
      return isShare(element.path)
    case 'cache':
      return true
    case 'chain':
      // All but the last are written.
      return element.stores.length > 1 || element.stores.some((store) => !isLocal(store))
    case 'unusable':
      return false
  }
}

const isLocal = (store: SymbolStore): boolean => store.kind === 'folder' && !isShare(store.path)

/** \\server\share: asking for it contacts the server. */
export const isShare = (path: string): boolean => /^[\\/]{2}/.test(path)
