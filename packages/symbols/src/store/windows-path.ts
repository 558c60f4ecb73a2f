// Windows paths on a host that may not be Windows: `C:\Symbols` and `\\server\share\x` lead into folders by a mapping.
// Names are found in any case, as Windows finds them; that part needs the folder's contents and is in node/.

/** `C:` or `\\server\share`, in any case, and the host's folder that stands for it. */
export interface WindowsRoot {
  readonly root: string
  readonly folder: string
}

export interface WindowsPath {
  /** `C:` or `\\server\share`, lower case. */
  readonly root: string
  /** Without `.` and `..`: nothing leads out of the root. */
  readonly names: readonly string[]
}

/** null for a path that does not start at a root of Windows: a host's path. */
export function parseWindowsPath(path: string): WindowsPath | null {
  const drive = /^([a-z]:)(.*)$/is.exec(path)
  if (drive !== null) return { root: drive[1]!.toLowerCase(), names: normalNames(drive[2]!) }
  const share = /^\\\\([^\\/]+)[\\/]([^\\/]+)(.*)$/s.exec(path)
  if (share === null) return null
  return { root: `\\\\${share[1]}\\${share[2]}`.toLowerCase(), names: normalNames(share[3]!) }
}

function normalNames(rest: string): string[] {
  const names: string[] = []
  for (const name of rest.split(/[\\/]/)) {
    if (name === '..') names.pop()
    else if (name !== '' && name !== '.') names.push(name)
  }
  return names
}

export function folderOfRoot(root: string, mapping: readonly WindowsRoot[]): string | null {
  return mapping.find((mapped) => mapped.root.toLowerCase() === root)?.folder ?? null
}
