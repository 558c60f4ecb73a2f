// Makes a folder and those above it. Node's own recursive mkdir never returns where a parent exists and still answers
// ENOENT, as /proc does (seen with Node 20.20).
import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'

/** The topmost folder that had to be made; undefined where `folder` was there. Throws what the system says. */
export function makeFolder(folder: string): string | undefined {
  if (existsSync(folder)) return undefined
  const parent = path.dirname(folder)
  const made = parent === folder ? undefined : makeFolder(parent)
  mkdirSync(folder)
  return made ?? folder
}
