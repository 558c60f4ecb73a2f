// Where a source file that a PDB names lies in this checkout. A PDB has the path of the machine that built the driver
// (`D:\a\viostor\viostor\src\disk.c`): its longest tail that is a file below the current folder is taken for it.
import { statSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

/** Longer paths and deeper folders are not looked through. */
const MAX_PARTS = 32

/** The URI of a file for readers in the current folder: relative to it where it lies below. */
export function fileUri(file: string): string {
  const relative = path.relative('', file)
  const isBelow = relative !== '' && relative.split(path.sep)[0] !== '..' && !path.isAbsolute(relative)
  return isBelow ? relativeUri(relative) : pathToFileURL(file).href
}

/** The URI of a source file by the path in the PDB of the driver at `driver`. */
export function sourceUri(source: string, driver: string): string {
  const parts = source.split(/[\\/]/).filter((part) => part !== '' && part !== '.')
  if (!parts.includes('..')) {
    const folders = foldersAbove(driver)
    for (let from = Math.max(0, parts.length - MAX_PARTS); from < parts.length; from++) {
      for (const folder of folders) {
        const file = path.join(folder, ...parts.slice(from))
        if (isFile(file)) return fileUri(file)
      }
    }
  }
  if (/^[a-z]:[\\/]/i.test(source))
    return `file:///${parts[0]}/${parts.slice(1).map(encodeURIComponent).join('/')}`
  return path.isAbsolute(source) ? pathToFileURL(source).href : relativeUri(source)
}

/** The current folder, and those between it and the driver's: a driver is built somewhere below its sources. */
function foldersAbove(driver: string): string[] {
  const below = path.relative('', path.dirname(driver))
  const parts = below.split(path.sep).filter((part) => part !== '')
  if (parts[0] === '..' || path.isAbsolute(below)) return ['']
  return Array.from({ length: Math.min(parts.length, MAX_PARTS) + 1 }, (_, depth) =>
    path.join(...parts.slice(0, depth)),
  )
}

function isFile(file: string): boolean {
  try {
    return statSync(file).isFile()
  } catch {
    return false
  }
}

const relativeUri = (file: string): string => file.split(/[\\/]/).map(encodeURIComponent).join('/')
