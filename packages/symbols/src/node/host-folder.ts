// Paths of a symbol path on this host: Windows paths through the session's mapping, and names found in any case.
import { existsSync, lstatSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { SymbolsError } from '../errors.ts'
import { folderOfRoot, parseWindowsPath, type WindowsRoot } from '../store/windows-path.ts'

/**
 * null when it is a Windows path whose drive or share stands for no folder here. A folder that stands for a drive may come from anywhere:
 * no link in it is followed (SymbolsError SYMBOLS_PATH_LINK).
 */
export function hostPath(named: string, roots: readonly WindowsRoot[]): string | null {
  const windows = parseWindowsPath(named)
  if (windows === null) return path.resolve(named)
  const folder = folderOfRoot(windows.root, roots)
  if (folder === null) return process.platform === 'win32' ? named : null
  const found = inAnyCase(folder, windows.names)
  refuseLinksBelow(path.dirname(folder), found)
  return found
}

/** On the way from `folder`, which may be one itself, to what lies below it. Throws SymbolsError SYMBOLS_PATH_LINK. */
function refuseLinksBelow(folder: string, file: string): void {
  let at = folder
  for (const name of path.relative(folder, file).split(path.sep)) {
    at = path.join(at, name)
    const stat = lstatSync(at, { throwIfNoEntry: false })
    if (stat === undefined) return
    if (!stat.isSymbolicLink()) continue
    throw new SymbolsError('SYMBOLS_PATH_LINK', `${at} is a link, which is not followed out of ${folder}`, {
      path: at,
    })
  }
}

/** The path as it is there, where it is there in another case; as it is named where it is not there at all. */
export function inAnyCase(folder: string, names: readonly string[]): string {
  return names.reduce((parent, name) => path.join(parent, nameInAnyCase(parent, name)), folder)
}

function nameInAnyCase(folder: string, name: string): string {
  if (existsSync(path.join(folder, name))) return name
  const wanted = name.toLowerCase()
  try {
    return readdirSync(folder).find((entry) => entry.toLowerCase() === wanted) ?? name
  } catch {
    return name // no folder, or not ours to read: the caller finds nothing there
  }
}
