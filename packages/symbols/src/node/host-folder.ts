// Paths of a symbol path on this host: Windows paths through the session's mapping, and names found in any case.
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { folderOfRoot, parseWindowsPath, type WindowsRoot } from '../store/windows-path.ts'

/** null when it is a Windows path whose drive or share stands for no folder here. */
export function hostPath(named: string, roots: readonly WindowsRoot[]): string | null {
  const windows = parseWindowsPath(named)
  if (windows === null) return path.resolve(named)
  const folder = folderOfRoot(windows.root, roots)
  if (folder === null) return process.platform === 'win32' ? named : null
  return inAnyCase(folder, windows.names)
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
