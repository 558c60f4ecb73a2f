// Stores and plain folders on this host.
import { existsSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { SymbolsError } from '../errors.ts'
import {
  compressedName,
  MAX_POINTER_BYTES,
  POINTER_NAME,
  parsePointer,
  storeFolder,
} from '../store/store-key.ts'
import { hostPath, inAnyCase } from './host-folder.ts'
import { reasonOf, type Search } from './search.ts'
import { layoutOf } from './store-writer.ts'

/** The path to use the file by; null when this store does not lead to it. */
export async function searchStore(
  search: Search,
  root: string,
  shownAs: string,
  keepers: readonly string[],
): Promise<string | null> {
  const { name, key } = search.request
  if (!existsSync(root)) return search.note(shownAs, 'absent', 'there is no such folder')
  const below = storeFolder(layoutOf(root), name, key)
  const folder = inAnyCase(root, below)
  let isThere = false
  for (const fileName of [name, compressedName(name)]) {
    const file = inAnyCase(folder, [fileName])
    if (!isFile(file)) continue
    isThere = true
    const accepted = await search.acceptFile(file, file, keepers)
    if (accepted !== null) return accepted
  }
  const pointer = inAnyCase(folder, [POINTER_NAME])
  if (isFile(pointer)) return followPointer(search, pointer, keepers)
  return isThere ? null : search.note(shownAs, 'absent', `${path.join(...below, name)} is not there`)
}

async function followPointer(
  search: Search,
  pointer: string,
  keepers: readonly string[],
): Promise<string | null> {
  let content: string
  try {
    const { size } = statSync(pointer)
    if (size > MAX_POINTER_BYTES)
      return search.note(pointer, 'unreadable', `it has ${size} bytes, no pointer has`)
    content = readFileSync(pointer, 'latin1')
  } catch (error) {
    return search.note(pointer, 'unreadable', reasonOf(error))
  }
  return acceptPointer(search, content, pointer, keepers)
}

/** Where a pointer leads is checked like any other file; a pointer to a pointer is not followed. */
export async function acceptPointer(
  search: Search,
  content: string,
  shownAs: string,
  keepers: readonly string[],
): Promise<string | null> {
  const target = parsePointer(content)
  if (target.kind === 'message') return search.note(shownAs, 'absent', target.text)
  let file: string | null
  try {
    file = hostPath(target.path, search.session.windowsRoots)
  } catch (error) {
    if (!(error instanceof SymbolsError)) throw error
    return search.note(shownAs, 'unusable', error.message)
  }
  if (file === null) {
    return search.note(shownAs, 'unusable', `it points to ${target.path}, which is mapped to no folder`)
  }
  if (!isFile(file)) return search.note(shownAs, 'absent', `it points to ${target.path}, which is not there`)
  return search.acceptFile(file, target.path, keepers)
}

/** A folder without the structure of a store: the file itself, or under a folder for its kind. */
export async function searchFolder(
  search: Search,
  root: string,
  shownAs: string,
  keepers: readonly string[],
): Promise<string | null> {
  const seen = new Set<string>()
  for (const loosePath of search.request.loosePaths) {
    const file = inAnyCase(root, loosePath)
    if (seen.has(file) || !isFile(file)) continue
    seen.add(file)
    const accepted = await search.acceptFile(file, file, keepers)
    if (accepted !== null) return accepted
  }
  return seen.size > 0 ? null : search.note(shownAs, 'absent', `${search.request.name} is not there`)
}

/** A folder, a pipe or a loop of links cannot be read: it counts as absent. */
function isFile(file: string): boolean {
  try {
    return statSync(file).isFile()
  } catch {
    return false
  }
}
