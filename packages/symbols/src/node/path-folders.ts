// The folders that a symbol path names, on this host; of one that leads nowhere it is noted why.
import { statSync } from 'node:fs'
import { SymbolsError } from '../errors.ts'
import type { SymbolPathElement, SymbolStore } from '../store/symbol-path.ts'
import type { WindowsRoot } from '../store/windows-path.ts'
import { hostPath } from './host-folder.ts'
import type { SymbolAttempt, SymbolOutcome } from './symbol-attempt.ts'

/** As an element or a store of a path names it. */
export interface NamedFolder {
  readonly path: string
  /** What may be meant, should there be no such folder. */
  readonly hint?: string
}
export type Note = (place: string, outcome: SymbolOutcome, text: string) => null

/** Where it is, whether it is there or not; null where its drive is mapped to no folder, or a link is on the way. */
export function rootOfFolder(
  { path }: NamedFolder,
  roots: readonly WindowsRoot[],
  note: Note,
): string | null {
  try {
    return hostPath(path, roots) ?? note(path, 'unusable', 'its drive or share is mapped to no folder')
  } catch (error) {
    if (!(error instanceof SymbolsError)) throw error
    return note(path, 'unusable', error.message)
  }
}

/** The same of a folder that has to be there. */
export function existingFolder(named: NamedFolder, roots: readonly WindowsRoot[], note: Note): string | null {
  const root = rootOfFolder(named, roots, note)
  if (root === null || isFolder(root)) return root
  const hint = named.hint === undefined ? '' : `: ${named.hint}`
  return note(named.path, 'no-such-folder', `there is no such folder${hint}`)
}

/** All that are there, for a search by content. */
export function foldersAlong(
  symbolPath: readonly SymbolPathElement[],
  roots: readonly WindowsRoot[],
): { readonly folders: readonly string[]; readonly attempts: readonly SymbolAttempt[] } {
  const folders: string[] = []
  const attempts: SymbolAttempt[] = []
  const note: Note = (place, outcome, text) => {
    attempts.push({ place, outcome, text })
    return null
  }
  for (const { place, hasToExist } of symbolPath.flatMap(placesOf)) {
    if (place.kind === 'unusable') note(place.text, 'unusable', place.reason)
    if (place.kind !== 'folder') continue
    const folder = hasToExist ? existingFolder(place, roots, note) : rootOfFolder(place, roots, note)
    if (folder !== null && isFolder(folder)) folders.push(folder)
  }
  return { folders, attempts }
}

interface Place {
  readonly place: SymbolStore | SymbolPathElement
  /** Caches, and all stores but the last, are made when there is a file to keep. */
  readonly hasToExist: boolean
}

function placesOf(element: SymbolPathElement): readonly Place[] {
  switch (element.kind) {
    case 'folder':
    case 'unusable':
      return [{ place: element, hasToExist: true }]
    case 'cache':
      return [{ place: element.store, hasToExist: false }]
    case 'chain':
      return element.stores.map((place, i, { length }) => ({ place, hasToExist: i === length - 1 }))
  }
}

function isFolder(root: string): boolean {
  try {
    return statSync(root).isDirectory()
  } catch {
    return false // nothing there, or a loop of links
  }
}
